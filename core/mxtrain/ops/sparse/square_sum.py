"""`_square_sum`: sums of squares, of row_sparse arrays without making them dense."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.kernels.sparse.conversion import to_dense
from mxtrain.ops.kernels.sparse.places import intersection
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Shape
from mxtrain.ops.sparse.containers import DENSE, ROW_SPARSE, RowSparse
from mxtrain.ops.storage import form
from mxtrain.ops.tensor.reductions import SpreadReduced, infer_reduction, reduce_with, reduced_axes, reduced_shape


def _require_matrix(data):
    if data.ndim != 2:
        raise ArgumentError(f"Expected: a row_sparse matrix. Received: shape {data.shape}. Make it dense first.")


def _sum_rows(xp, data, *, axis, keepdims, exclude):
    """Over axis 1: one sum per stored row."""
    _require_matrix(data)
    wide = widen(xp, data.values)
    sums = xp.einsum("ij,ij->i", wide, wide).reshape(-1, 1).astype(data.dtype, copy=False)  # makes no table of squares
    rows = RowSparse(sums, data.indices, (data.shape[0], 1))
    return rows if keepdims else to_dense(xp, rows).reshape(-1)


def _sum_columns(xp, data, *, axis, keepdims, exclude):
    """Over axis 0, or over both."""
    _require_matrix(data)
    axes = reduced_axes(axis, exclude, 2)
    return reduce_with(xp, "sum", data.values * data.values, axes, keepdims)


def _over(p):
    return reduced_axes(p.axis, p.exclude, 2)


def _is_matrix_sum(p):
    return _over(p) in ((0,), (1,), (0, 1))


@operator(
    "_square_sum",
    cases=[Case(data=(2, 3), axis=axis, keepdims=keepdims) for axis in (0, 1, (0, 1)) for keepdims in (False, True)],
)
class SquareSum:
    """The sum of the squares over some axes.

    data: any shape. axis: all by default; keepdims: keep the axes with size 1; exclude: sum over all other axes.
    Output: dtype of data; row_sparse where the rows of a row_sparse matrix are summed with keepdims, else dense.
    """

    infer_shape = infer_reduction
    storage = [
        form("row_sparse -> row_sparse", _sum_rows, when=lambda p: _over(p) == (1,) and p.keepdims),
        form("row_sparse -> default", _sum_rows, when=lambda p: _over(p) == (1,) and not p.keepdims),
        form("row_sparse -> default", _sum_columns, when=lambda p: _over(p) in ((0,), (0, 1))),
    ]

    def forward(xp, data, *, axis: Shape | None = None, keepdims: bool = False, exclude: bool = False):
        axes = reduced_axes(axis, exclude, data.ndim)
        return reduce_with(xp, "sum", xp.square(data, dtype=np.result_type(data)), axes, keepdims)

    def gradient(F, gy, y, data, **p):
        return F._backward_square_sum(gy, data, **p)


def _scale_rows(xp, gy, data, *, axis, keepdims, exclude):
    if reduced_axes(axis, exclude, 2) != (1,):
        rows = to_dense(xp, gy).reshape(1, -1)
    elif isinstance(gy, RowSparse):
        return _of_rows_in_both(xp, gy, data)
    else:
        rows = gy.reshape(-1, 1)
        rows = rows if len(data.indices) == len(rows) else rows[data.indices]
    return data.with_values(data.values * (rows + rows))


def _of_rows_in_both(xp, gy, data):
    """The gradient of the rows that have both values and a gradient; as in MXNet no others are stored."""
    if len(data.indices) == data.shape[0]:
        return RowSparse(data.values[gy.indices] * (gy.values + gy.values), gy.indices, data.shape)
    in_gy, in_data = intersection(xp, gy, data)
    rows = gy.values[in_gy]
    return RowSparse(data.values[in_data] * (rows + rows), gy.indices[in_gy], data.shape)


@operator(
    "_backward_square_sum",
    cases=[
        Case(gy=(2, 1), data=(2, 3), axis=1, keepdims=True),
        Case(gy=(3,), data=(2, 3), axis=0),
        Case(gy=(1,), data=(2, 3)),
    ],
)
class SquareSumBackward:
    """The gradient of `_square_sum`: 2 * data * gy, with gy repeated over the axes that were summed.

    gy: shape of the sums. data: any shape. Output: as data, row_sparse where data is.
    """

    storage = [form(f"{gy}, row_sparse -> row_sparse", _scale_rows, when=_is_matrix_sum) for gy in (DENSE, ROW_SPARSE)]

    infer_shape = SpreadReduced.infer_shape

    def forward(xp, gy, data, *, axis: Shape | None = None, keepdims: bool = False, exclude: bool = False):
        kept = reduced_shape(data.shape, reduced_axes(axis, exclude, data.ndim), True)
        return data * (gy + gy).reshape(kept)

    def gradient(F, g, y, gy, data, **p):
        return F.sum(g * data, **p) * 2, g * F._spread_reduced(gy, data, **p) * 2
