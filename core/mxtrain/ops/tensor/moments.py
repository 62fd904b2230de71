"""Mean and variance over axes."""

import math

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Shape
from mxtrain.ops.tensor.reductions import reduce_with, reduced_axes, reduced_shape
from mxtrain.ops.types import require_floating


def _axes(axes, ndim):
    if not axes:
        raise ArgumentError(f"Expected: axes, all of them for the moments of everything. Received: axes={axes}.")
    return reduced_axes(axes, False, ndim)


@operator("moments", cases=[Case(data=(2, 3), axes=(0,)), Case(data=(2, 3, 2), axes=(0, 2), keepdims=True)])
class Moments:
    """The mean and the (biased) variance over axes. data: any shape, floating. Outputs: mean, variance."""

    outputs = ("output0", "output1")

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        shape = reduced_shape(ins[0], _axes(p.axes, len(ins[0])), p.keepdims)
        return ins, [shapes.unify(shape, out) for out in outs]

    def forward(xp, data, *, axes: Shape | None = None, keepdims: bool = False):
        require_floating(data.dtype)
        over = _axes(axes, data.ndim)
        divisor = data.dtype.type(math.prod(data.shape[axis] for axis in over))
        mean = reduce_with(xp, "sum", data, over, True) / divisor
        centred = data - mean
        variance = reduce_with(xp, "sum", centred * centred, over, keepdims) / divisor
        return mean.reshape(variance.shape), variance

    def gradient(F, gy, y, data, *, axes, keepdims):
        p = {"axis": axes, "keepdims": keepdims}
        centred = data - F._spread_reduced(y[0], data, **p)
        by_variance = centred * F._spread_reduced(gy[1], data, average=True, **p) * 2
        return F._spread_reduced(gy[0], data, average=True, **p) + by_variance
