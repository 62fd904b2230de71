"""`_square_sum`: sums of squares, of row_sparse arrays without making them dense."""

import numpy as np

from mxtrain.ops.kernels.sparse.conversion import to_dense
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Shape
from mxtrain.ops.sparse.containers import RowSparse
from mxtrain.ops.storage import form
from mxtrain.ops.tensor.reductions import infer_reduction, reduce_with, reduced_axes


def _sum_rows(xp, data, *, axis, keepdims, exclude):
    """Over axis 1: one sum per stored row."""
    sums = (data.values * data.values).sum(axis=1, keepdims=True)
    rows = RowSparse(sums, data.indices, (data.shape[0], 1))
    return rows if keepdims else to_dense(xp, rows).reshape(-1)


def _sum_columns(xp, data, *, axis, keepdims, exclude):
    """Over axis 0, or over both."""
    axes = reduced_axes(axis, exclude, 2)
    return reduce_with(xp, "sum", data.values * data.values, axes, keepdims)


def _over(p):
    return reduced_axes(p.axis, p.exclude, 2)


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
        return data * F._spread_reduced(gy, data, **p) * 2
