"""Where along an axis the largest or smallest element is."""

from typing import Any

from mxtrain.base import ArgumentTypeError
from mxtrain.ops import shapes
from mxtrain.ops.operator import ZERO_GRADIENT, Case, declare_operator, operator
from mxtrain.ops.tensor.reductions import reduced_shape


def _axes(axis: int | None, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if axis is None else (shapes.normalize_axis(axis, ndim),)


def _infer(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
    if ins[0] is None:
        return ins, outs
    return ins, [shapes.unify(reduced_shape(ins[0], _axes(p.axis, len(ins[0])), p.keepdims), outs[0])]


def _declare(name: str, meaning: str) -> None:
    def forward(xp, data, *, axis: int | None = None, keepdims: bool = False):
        if data.dtype == bool:
            raise ArgumentTypeError("Expected: a dtype that can hold an index. Received: bool. Convert it with astype.")
        shape = reduced_shape(data.shape, _axes(axis, data.ndim), keepdims)
        return getattr(xp, name)(data, axis=axis).astype(data.dtype).reshape(shape)

    declare_operator(
        name,
        doc=f"The index of the first {meaning} element, along an axis or (axis=None) of the flattened array.\n\n"
        "data: any shape. Output: indices in the dtype of data; shape (1,) where no axis is left. Source: MXNet 1.9.1.",
        cases=[Case(data=(2, 3), axis=1), Case(data=(2, 3), axis=-2, keepdims=True), Case(data=(2, 3))],
        forward=forward,
        gradient=ZERO_GRADIENT,
        infer_shape=_infer,
    )


_declare("argmax", "largest")
_declare("argmin", "smallest")


@operator("argmax_channel", cases=[Case(data=(2, 3)), Case(data=(2, 3, 4))])
class ArgmaxChannel:
    """The index of the largest element along axis 1. data: (N, C, ...). Output: (N, ...), dtype of data."""

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [reduced_shape(ins[0], _axes(1, len(ins[0])), False)]

    def forward(xp, data):
        return xp.argmax(data, axis=shapes.normalize_axis(1, data.ndim)).astype(data.dtype)

    gradient = ZERO_GRADIENT
