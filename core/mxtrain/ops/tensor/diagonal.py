"""Diagonals and running sums."""

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import DType


def _diagonal_length(rows: int, columns: int, k: int) -> int:
    if -1 in (rows, columns):
        return -1
    length = min(rows, columns - k) if k >= 0 else min(rows + k, columns)
    if length <= 0:
        raise ArgumentError(f"Expected: a diagonal within ({rows}, {columns}). Received: k={k}.")
    return length


def _pair(axis1: int, axis2: int, ndim: int) -> tuple[int, int]:
    first, second = shapes.normalize_axis(axis1, ndim), shapes.normalize_axis(axis2, ndim)
    if first == second:
        raise ArgumentError(f"Expected: two different axes. Received: axis1={axis1}, axis2={axis2}.")
    return first, second


def _diag_shape(shape: tuple[int, ...], k: int, axis1: int, axis2: int) -> tuple[int, ...]:
    if len(shape) == 1:
        size = -1 if shape[0] == -1 else shape[0] + abs(k)
        return (size, size)
    first, second = _pair(axis1, axis2, len(shape))
    rest = tuple(size for n, size in enumerate(shape) if n not in (first, second))
    return (*rest, _diagonal_length(shape[first], shape[second], k))


@operator(
    "diag",
    cases=[
        Case(data=(3,), k=1),
        Case(data=(3, 4), k=-1),
        Case(data=(2, 3, 3)),
        Case(data=(2, 3, 3), axis1=1, axis2=-1, k=1),
    ],
)
class Diag:
    """The k-th diagonal of the planes in axis1 and axis2, as the last axis; of a vector, the matrix with it.

    data: any shape. Output: (n + |k|, n + |k|) for a vector of n; else the other axes and the diagonal's.
    """

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [shapes.unify(_diag_shape(ins[0], p.k, p.axis1, p.axis2), outs[0])]

    def forward(xp, data, *, k: int = 0, axis1: int = 0, axis2: int = 1):
        _diag_shape(data.shape, k, axis1, axis2)
        if data.ndim == 1:
            return xp.diag(data, k)
        return xp.diagonal(data, k, axis1, axis2).copy()

    def gradient(F, gy, y, data, **p):
        return F._diag_gradient(gy, data, **p)


@operator("_diag_gradient", cases=[Case(gy=(4, 4), like=(3,), k=1), Case(gy=(3, 2), like=(2, 3, 3))])
class DiagGradient:
    """gy on the diagonal that `diag` takes, else 0: its gradient. Output: the shape of like, dtype of gy."""

    def infer_shape(ins, outs, p):
        like = shapes.unify(ins[1], outs[0])
        return [ins[0], like], [like]

    def infer_type(ins, outs, p):
        return ins, [ins[0]]

    def forward(xp, gy, like, *, k: int = 0, axis1: int = 0, axis2: int = 1):
        if like.ndim == 1:
            return xp.diagonal(gy, k).copy()
        result = xp.zeros(like.shape, gy.dtype)
        first, second = _pair(axis1, axis2, like.ndim)
        positions = xp.arange(gy.shape[-1])
        planes = xp.moveaxis(result, (first, second), (-2, -1))
        planes[..., positions + max(-k, 0), positions + max(k, 0)] = gy
        return result

    def gradient(F, gy, y, out_gradient, like, **p):
        return F.diag(gy, **p), None


def _summed_shape(shape: tuple[int, ...], axis: int | None) -> tuple[int, ...]:
    if axis is not None:
        shapes.normalize_axis(axis, len(shape))
        return shape
    total = 1
    for size in shape:
        total = -1 if -1 in (size, total) else total * size
    return (total,)


@operator(
    "_np_cumsum", "cumsum", cases=[Case(a=(2, 3)), Case(a=(2, 3), axis=1), Case(a=(2, 3), axis=0, dtype="float64")]
)
class Cumsum:
    """Running sums along an axis, or (axis=None) of the flattened array. Output: dtype `dtype`, or that of a."""

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [shapes.unify(_summed_shape(ins[0], p.axis), outs[0])]

    def infer_type(ins, outs, p):
        return ins, [p.dtype or ins[0]]

    def forward(xp, a, *, axis: int | None = None, dtype: DType | None = None):
        _summed_shape(a.shape, axis)
        return xp.cumsum(a, axis=axis, dtype=dtype or a.dtype)

    def gradient(F, gy, y, a, *, axis, dtype):
        along = 0 if axis is None else axis
        back = F.reverse(F.cumsum(F.reverse(gy, axis=along), axis=along), axis=along)
        return F._cast_like(F.reshape_like(back, a), a)
