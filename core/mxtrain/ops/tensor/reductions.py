"""Reductions over some or all axes: sum, mean, prod, nansum, nanprod, max, min."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels import blocks
from mxtrain.ops.kernels.precision import deliver
from mxtrain.ops.kernels.sparse.sums import sum_of_csr
from mxtrain.ops.operator import Case, declare_operator, operator
from mxtrain.ops.parameters import Shape
from mxtrain.ops.sparse.containers import Csr
from mxtrain.ops.storage import form

# NumPy's own functions spend more time on their arguments than on a small array
_NUMPY_REDUCTIONS = {
    "sum": np.add.reduce,
    "prod": np.multiply.reduce,
    "max": np.maximum.reduce,
    "min": np.minimum.reduce,
}


@functools.lru_cache(1024)
def reduced_axes(axis: tuple[int, ...] | None, exclude: bool, ndim: int) -> tuple[int, ...]:
    """The axes to reduce, sorted. Raises ArgumentError for an axis that is named twice or does not exist."""
    axes = shapes.normalize_axes(axis, ndim)
    if axis and len(axes) < len(axis):
        raise ArgumentError(f"Expected: distinct axes. Received: axis={tuple(axis)} of {ndim} axes.")
    if exclude and axis:
        return tuple(n for n in range(ndim) if n not in axes)
    return axes


@functools.lru_cache(1024)
def reduced_shape(shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> tuple[int, ...]:
    """The shape that is left; (1,) where every axis is reduced, as MXNet has no arrays without axes."""
    if keepdims:
        return tuple(1 if n in axes else size for n, size in enumerate(shape))
    return tuple(size for n, size in enumerate(shape) if n not in axes) or (1,)


def infer_reduction(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
    """The shape rule of an operator with the parameters axis, keepdims and (perhaps) exclude."""
    if ins[0] is None:
        return ins, outs
    axes = reduced_axes(p.axis, getattr(p, "exclude", False), len(ins[0]))
    return ins, [shapes.unify(reduced_shape(ins[0], axes, p.keepdims), outs[0])]


def reduce_with(xp: Any, name: str, data: Any, axes: tuple[int, ...], keepdims: bool = False, out: Any = None) -> Any:
    """The reduction `name` (sum, prod, max or min) over axes, in MXNet's shape and in data's dtype.

    Integers wrap around, as in MXNet; bfloat16 is added up in float32.
    """
    if data.dtype.kind == "V" and name in ("sum", "prod"):
        wide = reduce_with(xp, name, data.astype(np.float32), axes, keepdims)
        return deliver(wide, out, data.dtype)
    shape = reduced_shape(data.shape, axes, keepdims)
    over = axes if len(axes) < data.ndim else None
    options = {"dtype": data.dtype} if name in ("sum", "prod") else {}
    function = _NUMPY_REDUCTIONS[name] if xp is np else getattr(xp, name)
    if blocks.is_large(xp, data.size) and _are_neighbours(axes):
        result = np.empty(shape, data.dtype) if out is None else out
        _reduce_in_blocks(function, data, axes, result)
        return result
    if out is None:
        # NumPy gives a number where no axis is left
        return xp.asarray(function(data, axis=over, **options)).reshape(shape)
    function(data, axis=over, keepdims=True, out=out.reshape(reduced_shape(data.shape, axes, True)), **options)
    return out


def _are_neighbours(axes: tuple[int, ...]) -> bool:
    return bool(axes) and axes == tuple(range(axes[0], axes[0] + len(axes)))


def _reduce_in_blocks(function: Any, data: np.ndarray, axes: tuple[int, ...], out: np.ndarray) -> None:
    """Fill `out` with a reduction over neighbouring axes, block by block.

    Where no axis comes before them, the blocks are reduced one by one, and then their results.
    """
    outer, inner = math.prod(data.shape[: axes[0]]), math.prod(data.shape[axes[-1] + 1 :])
    options = {"dtype": out.dtype}
    if outer > 1:
        rows, results = data.reshape(outer, -1, inner), out.reshape(outer, inner)
        step = max(1, blocks.REDUCED_ELEMENTS * outer // data.size)
        blocks.over_range(outer, step, lambda part: function(rows[part], axis=1, out=results[part], **options))
        return
    rows = data.reshape(-1, inner)
    step = max(1, blocks.REDUCED_ELEMENTS // inner)
    partial = np.empty((-(-len(rows) // step), inner), out.dtype)

    def reduce_block(part: slice) -> None:
        function(rows[part], axis=0, out=partial[part.start // step], **options)

    blocks.over_range(len(rows), step, reduce_block)
    function(partial, axis=0, out=out.reshape(inner), **options)


def _reduction(name: str) -> Callable[..., Any]:
    def compute(xp: Any, data: Any, axes: tuple[int, ...], keepdims: bool, out: Any) -> Any:
        return reduce_with(xp, name, data, axes, keepdims, out)

    return compute


def _mean(xp: Any, data: Any, axes: tuple[int, ...], keepdims: bool, out: Any) -> Any:
    count = math.prod(data.shape[axis] for axis in axes)
    total = reduce_with(xp, "sum", data, axes, keepdims, out)
    if data.dtype.kind in "iub":  # C's integer division, which truncates
        return deliver(xp.trunc(total / count), total, data.dtype)
    return xp.divide(total, data.dtype.type(count), out=total)


def _nan_as(neutral: int, name: str) -> Callable[..., Any]:
    def compute(xp: Any, data: Any, axes: tuple[int, ...], keepdims: bool, out: Any) -> Any:
        clean = data if data.dtype.kind in "iub" else xp.where(xp.isnan(data), data.dtype.type(neutral), data)
        return reduce_with(xp, name, clean, axes, keepdims, out)

    return compute


def _spread(F: Any, value: Any, data: Any, p: dict[str, Any], average: bool = False) -> Any:
    """`value`, which has a reduction's shape, repeated over the reduced axes."""
    return F._spread_reduced(value, data, average=average, **p)


def _select_reduction(F: Any, gy: Any, y: Any, data: Any, p: dict[str, Any]) -> Any:
    # every element that equals the extremum gets the whole gradient
    return _spread(F, gy, data, p) * (data == _spread(F, y, data, p))


def _select_extremum(F: Any, gy: Any, y: Any, data: Any, p: dict[str, Any]) -> Any:
    # every element that equals the extremum gets the whole gradient
    return _spread(F, gy, data, p) * (data == _spread(F, y, data, p))


def _sum_of_matrix(xp: Any, data: Csr, *, axis: Any, keepdims: bool, exclude: bool) -> Any:
    axes = reduced_axes(axis, exclude, 2)
    return sum_of_csr(xp, data, axes).reshape(reduced_shape(data.shape, axes, keepdims))


def _mean_of_matrix(xp: Any, data: Csr, *, axis: Any, keepdims: bool, exclude: bool) -> Any:
    total = _sum_of_matrix(xp, data, axis=axis, keepdims=keepdims, exclude=exclude)
    count = math.prod(data.shape[axis] for axis in reduced_axes(axis, exclude, 2))
    if data.dtype.kind in "iub":
        return deliver(xp.trunc(total / count), total, data.dtype)
    return xp.divide(total, data.dtype.type(count), out=total)


_STORAGE = {"sum": (form("csr -> default", _sum_of_matrix),), "mean": (form("csr -> default", _mean_of_matrix),)}


def _declare(
    *names: str, meaning: str, compute: Callable[..., Any], gradient: Callable[..., Any], low: float = -1.0
) -> None:
    def forward(xp, data, *, axis: Shape | None = None, keepdims: bool = False, exclude: bool = False, out=None):
        return compute(xp, data, reduced_axes(axis, exclude, data.ndim), keepdims, out)

    def differentiate(F, gy, y, data, **p):
        return gradient(F, gy, y, data, p)

    declare_operator(
        *names,
        doc=f"{meaning}, over some axes.\n\n"
        "data: any shape. axis: one axis or several; all by default. exclude: reduce the other axes instead. "
        "keepdims: leave the reduced axes with size 1. Output: dtype of data; shape (1,) where no axis is left. "
        "Source: MXNet 1.9.1.",
        cases=[
            Case(data=(2, 3), low=low),
            Case(data=(2, 3, 2), axis=1, low=low),
            Case(data=(2, 3, 2), axis=(0, -1), keepdims=True, low=low),
            Case(data=(2, 3, 2), axis=0, exclude=True, low=low),
        ],
        forward=forward,
        gradient=differentiate,
        infer_shape=infer_reduction,
        storage=_STORAGE.get(names[0], ()),
    )


for _row in (
    ("sum", ("sum_axis",), "The sum", _reduction("sum"), lambda F, gy, y, data, p: _spread(F, gy, data, p)),
    ("mean", (), "The mean", _mean, lambda F, gy, y, data, p: _spread(F, gy, data, p, average=True)),
    (
        "nansum",
        (),
        "The sum of what is not NaN",
        _nan_as(0, "sum"),
        lambda F, gy, y, data, p: _spread(F, gy, data, p) * (data == data),
    ),
    ("max", ("max_axis",), "The largest element", _reduction("max"), _select_extremum),
    ("min", ("min_axis",), "The smallest element", _reduction("min"), _select_extremum),
):
    _declare(_row[0], *_row[1], meaning=_row[2], compute=_row[3], gradient=_row[4])
_declare(
    "prod",
    meaning="The product",
    compute=_reduction("prod"),
    gradient=lambda F, gy, y, data, p: _spread(F, gy * y, data, p) / data,
    low=0.5,
)
_declare(
    "nanprod",
    meaning="The product of what is not NaN",
    compute=_nan_as(1, "prod"),
    gradient=lambda F, gy, y, data, p: F.where(data == data, _spread(F, gy * y, data, p) / data, F.zeros_like(data)),
    low=0.5,
)


@operator(
    "_spread_reduced",
    cases=[Case(data=(3,), like=(2, 3), axis=0), Case(data=(2, 1), like=(2, 3), axis=1, keepdims=True, average=True)],
)
class SpreadReduced:
    """The result of a reduction repeated over the axes that it reduced: the gradient of `sum`.

    data: the shape of a reduction of `like` with these parameters. average: divide by the number of repetitions.
    Output: the shape of `like`, dtype of data.
    """

    def infer_shape(ins, outs, p):
        like = shapes.unify(ins[1], outs[0])
        if like is None:
            return ins, outs
        axes = reduced_axes(p.axis, p.exclude, len(like))
        return [shapes.unify(ins[0], reduced_shape(like, axes, p.keepdims)), like], [like]

    def forward(
        xp,
        data,
        like,
        *,
        axis: Shape | None = None,
        keepdims: bool = False,
        exclude: bool = False,
        average: bool = False,
        out=None,
    ):
        axes = reduced_axes(axis, exclude, like.ndim)
        if average:
            data = (data / max(like.size // max(data.size, 1), 1)).astype(data.dtype, copy=False)
        result = xp.empty(like.shape, data.dtype) if out is None else out
        result[...] = data.reshape(reduced_shape(like.shape, axes, True))
        return result

    def gradient(F, gy, y, data, like, *, average, **p):
        return (F.mean if average else F.sum)(gy, **p), None
