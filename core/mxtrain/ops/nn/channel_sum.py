"""Sums over all axes but one, the gradient of a bias, and its counterpart, which spreads values along that axis."""

import math

from mxtrain.ops import shapes
from mxtrain.ops.kernels.precision import deliver, widen
from mxtrain.ops.operator import Case, operator

_BLOCK = 64  # rows that are summed one after the other


def sum_rows(xp, matrix, out=None):
    """The sum of the rows of a matrix, of blocks first: one long sum of float32 numbers loses a digit or two."""
    rows, columns = matrix.shape
    if rows < 2 * _BLOCK:
        return xp.add.reduce(matrix, axis=0, out=out)
    whole = rows - rows % _BLOCK
    blocks = xp.add.reduce(matrix[:whole].reshape(-1, _BLOCK, columns), axis=1)
    result = sum_rows(xp, blocks, out)
    if whole < rows:
        result += xp.add.reduce(matrix[whole:], axis=0)
    return result


def sum_onto_axis(xp, data, axis, out=None):
    """The sum of `data` over all axes but `axis`: an array of shape (data.shape[axis],)."""
    axis %= data.ndim
    wide = widen(xp, data)
    if wide is not data:
        return deliver(sum_onto_axis(xp, wide, axis), out, data.dtype)
    if axis == data.ndim - 1:
        return sum_rows(xp, data.reshape(math.prod(data.shape[:-1]), data.shape[-1]), out)
    # the inner axes first: that pass reads contiguous runs
    inner = xp.add.reduce(data.reshape(*data.shape[: axis + 1], math.prod(data.shape[axis + 1 :])), axis=-1)
    return sum_rows(xp, inner.reshape(math.prod(data.shape[:axis]), data.shape[axis]), out)


@operator("_sum_onto_axis", cases=[Case(data=(2, 3), axis=-1), Case(data=(2, 3, 2, 2), axis=1)])
class SumOntoAxis:
    """The sum over all axes but one. data: any shape. Output: (data.shape[axis],)."""

    def infer_shape(ins, outs, p):
        size = -1 if ins[0] is None else ins[0][p.axis]
        return ins, [shapes.unify(outs[0], (size,))]

    def forward(xp, data, *, axis: int, out=None):
        return sum_onto_axis(xp, data, axis, out)

    def gradient(F, gy, y, data, *, axis):
        return F._spread_along_axis(gy, data, axis=axis)


@operator("_spread_along_axis", cases=[Case(values=(3,), like=(2, 3, 2), axis=1)])
class SpreadAlongAxis:
    """One value per index of an axis, repeated over all other axes.

    values: (like.shape[axis],). like: gives the shape. Output: the shape of `like`, dtype of values.
    """

    def infer_shape(ins, outs, p):
        like = shapes.unify(ins[1], outs[0])
        return [shapes.unify(ins[0], None if like is None else (like[p.axis],)), like], [like]

    def forward(xp, values, like, *, axis: int, out=None):
        out = xp.empty(like.shape, values.dtype) if out is None else out
        out[...] = values.reshape(-1, *(1,) * (like.ndim - 1 - axis % like.ndim))
        return out

    def gradient(F, gy, y, values, like, *, axis):
        return F._sum_onto_axis(gy, axis=axis), None
