"""`L2Normalization`: slices of an array brought to length 1."""

from typing import Literal

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels.precision import deliver, widen
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator


def _axes(mode, ndim):
    """The axes along which the squares are summed."""
    if ndim < (2 if mode == "instance" else 3):
        raise ArgumentError(f"Expected: data of more than {ndim} axes with mode={mode!r}. Received: {ndim} axes.")
    return {"instance": tuple(range(1, ndim)), "channel": (1,), "spatial": tuple(range(2, ndim))}[mode]


def _norm_shape(data, mode):
    axes = _axes(mode, len(data))
    return tuple(1 if axis in axes else size for axis, size in enumerate(data))


@operator(
    "L2Normalization",
    cases=[Case(data=(2, 3, 2)), Case(data=(2, 3, 2), mode="channel"), Case(data=(2, 3, 2), mode="spatial")],
)
class L2Normalization:
    """data / sqrt(sum(data^2) + eps), summed over a sample ("instance"), axis 1 ("channel") or axes 2 on ("spatial").

    data: (N, ...), floating. Output: same shape and dtype; a hidden second one is the root, of size 1 along summed
    axes. Source: MXNet 1.9.1's `L2Normalization`.
    """

    outputs = ("output", "norm")
    visible = 1

    def infer_shape(ins, outs, p):
        data = shapes.unify(ins[0], outs[0])
        return [data], [data, None if data is None else _norm_shape(data, p.mode)]

    def forward(
        xp, data, *, eps: float = 1e-10, mode: Literal["instance", "channel", "spatial"] = "instance", out=None
    ):
        x = widen(xp, data)
        norm = xp.sqrt((x * x).sum(axis=_axes(mode, data.ndim), keepdims=True) + eps)
        targets = (None, None) if out is None else out
        return deliver(x / norm, targets[0], data.dtype), deliver(norm, targets[1], data.dtype)

    def gradient(F, gy, y, data, *, mode, **params):
        return F._l2_normalization_backward(gy[0], y[0], y[1], mode=mode)

    def composition(F, data, *, eps, mode):
        squares = F.sum(F.square(data), axis=_axes(mode, data.ndim), keepdims=True)
        return (F.broadcast_div(data, F.sqrt(squares + eps)),)


@operator("_l2_normalization_backward", cases=[Case(gy=(2, 3), y=(2, 3), norm=(2, 1), low=0.5)])
class L2NormalizationBackward:
    """Gradient of L2Normalization by its data, from gy and its outputs: (gy - y * sum(gy * y)) / norm."""

    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        data = shapes.unify_all([ins[0], ins[1], outs[0]])
        return [data, data, ins[2]], [data]

    def forward(xp, gy, y, norm, *, mode: Literal["instance", "channel", "spatial"] = "instance", out=None):
        grad, unit = widen(xp, gy), widen(xp, y)
        along = (grad * unit).sum(axis=_axes(mode, y.ndim), keepdims=True)
        return deliver((grad - unit * along) / widen(xp, norm), out, gy.dtype)
