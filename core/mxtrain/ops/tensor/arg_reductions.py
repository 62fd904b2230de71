"""Where along an axis the largest or smallest element is."""

import functools
import math
from typing import Any

import numpy as np

from mxtrain.base import ArgumentTypeError
from mxtrain.ops import shapes
from mxtrain.ops.kernels import blocks
from mxtrain.ops.operator import ZERO_GRADIENT, Case, declare_operator, operator
from mxtrain.ops.tensor.reductions import reduced_shape


def _axes(axis: int | None, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if axis is None else (shapes.normalize_axis(axis, ndim),)


def _infer(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
    if ins[0] is None:
        return ins, outs
    return ins, [shapes.unify(reduced_shape(ins[0], _axes(p.axis, len(ins[0])), p.keepdims), outs[0])]


# columns that are looked through at once: a cache line of float32 numbers
_COLUMNS = 16


def _positions(xp: Any, name: str, data: Any, axis: int | None) -> Any:
    """The positions that `name` (argmax or argmin) gives, without the axis."""
    function = getattr(xp, name)
    if axis is None or not blocks.is_large(xp, data.size):
        return function(data, axis=axis)
    axis = shapes.normalize_axis(axis, data.ndim)
    outer, inner = math.prod(data.shape[:axis]), math.prod(data.shape[axis + 1 :])
    rows, found = data.reshape(outer, -1, inner), np.empty((outer, inner), data.dtype)
    if inner == 1:
        step = max(1, blocks.REDUCED_ELEMENTS * outer // data.size)
        blocks.over_range(outer, step, lambda part: found.__setitem__(part, function(rows[part], axis=1)))
    else:
        for row, result in zip(rows, found, strict=True):
            blocks.over_range(inner, 4 * _COLUMNS, functools.partial(_find_in_columns, function, row, result))
    return found


def _find_in_columns(function: Any, matrix: np.ndarray, found: np.ndarray, columns: slice) -> None:
    """Fill found[columns]. NumPy is slow along columns: they become rows, in memory near each other."""
    for start in range(columns.start, columns.stop, _COLUMNS):
        stop = min(start + _COLUMNS, columns.stop)
        found[start:stop] = function(matrix[:, start:stop].copy().T.copy(), axis=1)


def _declare(name: str, meaning: str) -> None:
    def forward(xp, data, *, axis: int | None = None, keepdims: bool = False):
        if data.dtype == bool:
            raise ArgumentTypeError("Expected: a dtype that can hold an index. Received: bool. Convert it with astype.")
        shape = reduced_shape(data.shape, _axes(axis, data.ndim), keepdims)
        return _positions(xp, name, data, axis).astype(data.dtype, copy=False).reshape(shape)

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
        axis = shapes.normalize_axis(1, data.ndim)
        shape = reduced_shape(data.shape, (axis,), False)
        return _positions(xp, "argmax", data, axis).astype(data.dtype, copy=False).reshape(shape)

    gradient = ZERO_GRADIENT
