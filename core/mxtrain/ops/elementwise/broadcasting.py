"""Undoing a broadcast: what the gradients of broadcasting operators need."""

from typing import Any

from mxtrain.ops import shapes
from mxtrain.ops.operator import Case, operator


def sum_to_shape(xp: Any, data: Any, shape: tuple[int, ...]) -> Any:
    """`data` summed over the axes along which `shape` was broadcast to it."""
    if data.shape == shape:
        return data
    lead = data.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(
        lead + axis for axis, size in enumerate(shape) if size == 1 and data.shape[lead + axis] != 1
    )
    return xp.sum(data, axis=axes, keepdims=True).reshape(shape)


@operator("_sum_to_shape_of", cases=[Case(data=(2, 3), like=(1, 3)), Case(data=(2, 3), like=(2, 3))])
class SumToShapeOf:
    """The sum of `data` over the axes along which `like` would be broadcast to it.

    data: any shape that `like` broadcasts to. Output: the shape of `like`, dtype of `data`.
    """

    inplace = (0,)

    def infer_shape(ins, outs, p):
        shape = shapes.unify(ins[1], outs[0])
        return [ins[0], shape], [shape]

    def forward(xp, data, like, *, out=None):
        result = sum_to_shape(xp, data, like.shape)
        if out is None:
            return result.copy() if result is data else result
        if result is not out:
            out[...] = result
        return out

    def gradient(F, gy, y, data, like):
        return F.broadcast_like(gy, data), None
