"""The norm of vectors along axes."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops.kernels import blocks
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import DType, Shape
from mxtrain.ops.storage import form
from mxtrain.ops.tensor.reductions import infer_reduction, reduce_with, reduced_axes, reduced_shape

# longer products of vectors are cut by BLAS, as many times as it has threads: the result would depend on their number
_LONGEST_PRODUCT = 8192
# elements whose squares are summed at a time: one core needs a sixteenth of a nanosecond for each, hence large parts
_SQUARED_ELEMENTS = 1 << 22


def _norm_of_stored(xp, data, **params):
    """Of all elements: those that are not stored add nothing."""
    return Norm.forward(xp, data.values, **params)


@operator(
    "norm",
    cases=[Case(data=(2, 3)), Case(data=(2, 3), ord=1, axis=1), Case(data=(2, 3, 2), axis=(0, 2), keepdims=True)],
)
class Norm:
    """The L1 norm (sum of magnitudes) or L2 norm (root of the sum of squares) over some axes.

    data: any shape. axis: one axis or two (then the norm of the matrices in them as flat vectors); all by default.
    out_dtype: element type of the output; by default that of data. Output: shape (1,) where no axis is left.
    Source: MXNet 1.9.1.
    """

    infer_shape = infer_reduction
    storage = [
        form(f"{stype} -> default", _norm_of_stored, when=lambda p: p.axis is None and not p.keepdims)
        for stype in ("csr", "row_sparse")
    ]

    def infer_type(ins, outs, p):
        return ins, [ins[0] if p.out_dtype is None else p.out_dtype]

    def forward(
        xp, data, *, ord: int = 2, axis: Shape | None = None, out_dtype: DType | None = None, keepdims: bool = False
    ):
        if ord not in (1, 2):
            raise ArgumentError(f"Expected: ord=1 or ord=2. Received: ord={ord}.")
        axes = reduced_axes(axis, False, data.ndim)
        # squares of small types overflow
        wide = data if data.dtype.itemsize >= 4 and data.dtype.kind == "f" else data.astype("float64")
        if ord == 1:
            result = reduce_with(xp, "sum", xp.abs(wide), axes, keepdims)
        elif len(axes) == data.ndim:
            flat = wide.reshape(-1)
            total = _sum_of_squares(flat) if xp is np else xp.dot(flat, flat)
            result = xp.sqrt(total).reshape(reduced_shape(data.shape, axes, keepdims))
        elif axes == (data.ndim - 1,) and xp is np and data.size:
            sums = _squares_of_rows(wide.reshape(-1, data.shape[-1]))
            result = np.sqrt(sums, out=sums).reshape(reduced_shape(data.shape, axes, keepdims))
        else:
            result = xp.sqrt(reduce_with(xp, "sum", wide * wide, axes, keepdims))
        return result.astype(data.dtype if out_dtype is None else out_dtype, copy=False)

    def gradient(F, gy, y, data, *, ord, axis, out_dtype, keepdims):
        direction = F.sign(data) if ord == 1 else data / F._cast_like(_spread(F, y, data, axis, keepdims), data)
        return direction * F._cast_like(_spread(F, gy, data, axis, keepdims), data)


def _squares_of_rows(rows):
    """The sum of squares of each row of a NumPy matrix, without an array of the squares; in blocks."""
    if rows.shape[1] > _LONGEST_PRODUCT:
        return reduce_with(np, "sum", rows * rows, (1,))
    sums = np.empty((len(rows), 1, 1), rows.dtype)

    def compute(part):
        np.matmul(rows[part, None, :], rows[part, :, None], out=sums[part])

    blocks.over_range(len(rows), max(1, _SQUARED_ELEMENTS // max(rows.shape[1], 1)), compute)
    return sums.reshape(len(rows))


def _sum_of_squares(flat):
    """The same for all elements, summed up row by row of a matrix that they fill, and the rest."""
    whole = flat.size - flat.size % _LONGEST_PRODUCT
    sums = _squares_of_rows(flat[:whole].reshape(-1, _LONGEST_PRODUCT))
    rest = flat[whole:]
    return np.add.reduce(sums) + np.dot(rest, rest)


def _spread(F, value, data, axis, keepdims):
    return F._spread_reduced(value, data, axis=axis, keepdims=keepdims)
