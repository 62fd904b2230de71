"""Diagonals and triangles of square matrices as vectors, and back."""

import math
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.linalg.matrices import in_float32_at_least, one_per_matrix, per_matrix, require_square
from mxtrain.ops.operator import Case, operator


def _diagonal_size(shape: tuple[int, ...], offset: int) -> int:
    """How long the diagonal `offset` of square matrices is. Raises ArgumentError for one outside of them."""
    require_square(shape)
    size = max(shape[-2:])
    if size == -1:
        return -1
    if size <= abs(offset):
        raise ArgumentError(f"Expected: |offset| < {size}, the size of the matrices. Received: offset={offset}.")
    return size - abs(offset)


def _diagonal_places(xp: Any, length: int, offset: int) -> tuple[Any, Any]:
    steps = xp.arange(length)
    return steps + max(-offset, 0), steps + max(offset, 0)


@operator("_linalg_extractdiag", "linalg_extractdiag", cases=[Case(A=(3, 3)), Case(A=(2, 3, 3), offset=-1)])
class ExtractDiag:
    """A diagonal of each matrix; offset 1 is the one above the main one.

    A: (..., n, n). Output: (..., n - |offset|). Source: MXNet 1.9.1.
    """

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [shapes.unify((*ins[0][:-2], _diagonal_size(ins[0], p.offset)), outs[0])]

    def forward(xp, A, *, offset: int = 0):
        return A[(..., *_diagonal_places(xp, _diagonal_size(A.shape, offset), offset))]

    def gradient(F, gy, y, A, *, offset):
        return F._linalg_makediag(gy, offset=offset)


def _vector_length(shape: tuple[int, ...]) -> int:
    if not shape:
        raise ArgumentError("Expected: vectors, of 1 or more axes. Received: shape ().")
    return shape[-1]


@operator("_linalg_makediag", "linalg_makediag", cases=[Case(A=(3,)), Case(A=(2, 2), offset=-1)])
class MakeDiag:
    """Matrices that are 0 but for one diagonal; offset 1 is the one above the main one.

    A: (..., n), the diagonals. Output: (..., n + |offset|, n + |offset|). Source: MXNet 1.9.1.
    """

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        length = _vector_length(ins[0])
        size = -1 if length == -1 else length + abs(p.offset)
        return ins, [shapes.unify((*ins[0][:-1], size, size), outs[0])]

    def forward(xp, A, *, offset: int = 0):
        length = _vector_length(A.shape)
        size = length + abs(offset)
        matrices = xp.zeros((*A.shape[:-1], size, size), A.dtype)
        matrices[(..., *_diagonal_places(xp, length, offset))] = A
        return matrices

    def gradient(F, gy, y, A, *, offset):
        return F._linalg_extractdiag(gy, offset=offset)


def _triangle_places(xp: Any, size: int, offset: int, lower: bool) -> tuple[Any, Any]:
    """Rows and columns of a lower triangle, row by row, or of an upper one, column by column."""
    rows, columns = np.nonzero(np.tril(np.ones((size, size), bool), -abs(offset)))
    if offset > 0 or (offset == 0 and not lower):
        rows, columns = columns, rows
    return xp.asarray(rows), xp.asarray(columns)


_TRIANGLES: tuple[dict[str, Any], ...] = ({}, {"lower": False}, {"offset": -1}, {"offset": 1})


@operator(
    "_linalg_extracttrian",
    "linalg_extracttrian",
    cases=[Case({"A": (2, 3, 3)}, **options) for options in _TRIANGLES],
)
class ExtractTrian:
    """A triangle of each matrix as a vector: the lower one row by row, the upper one column by column.

    offset: of the diagonal that bounds it; below 0 the lower triangle, above 0 the upper; at 0 `lower` decides.
    A: (..., n, n). Output: (..., m (m + 1) / 2), m = n - |offset|. Source: MXNet 1.9.1.
    """

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        length = _diagonal_size(ins[0], p.offset)
        total = -1 if length == -1 else length * (length + 1) // 2
        return ins, [shapes.unify((*ins[0][:-2], total), outs[0])]

    def forward(xp, A, *, offset: int = 0, lower: bool = True):
        _diagonal_size(A.shape, offset)
        return A[(..., *_triangle_places(xp, A.shape[-1], offset, lower))]

    def gradient(F, gy, y, A, **p):
        return F._linalg_maketrian(gy, **p)


def _matrix_size(shape: tuple[int, ...], offset: int) -> int:
    """The size of matrices with a triangle of so many elements. Raises ArgumentError where there is none."""
    total = _vector_length(shape)
    if total == -1:
        return -1
    length = (math.isqrt(8 * total + 1) - 1) // 2
    if length * (length + 1) // 2 != total:
        raise ArgumentError(f"Expected: m (m + 1) / 2 elements, those of a triangle. Received: shape {shape}.")
    return length + abs(offset)


@operator(
    "_linalg_maketrian",
    "linalg_maketrian",
    cases=[Case({"A": (2, 6)}, **options) for options in _TRIANGLES],
)
class MakeTrian:
    """Matrices that are 0 but for a triangle; else as linalg_extracttrian, whose inverse it is.

    A: (..., m (m + 1) / 2). Output: (..., n, n), n = m + |offset|. Source: MXNet 1.9.1.
    """

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        size = _matrix_size(ins[0], p.offset)
        return ins, [shapes.unify((*ins[0][:-1], size, size), outs[0])]

    def forward(xp, A, *, offset: int = 0, lower: bool = True):
        size = _matrix_size(A.shape, offset)
        matrices = xp.zeros((*A.shape[:-1], size, size), A.dtype)
        matrices[(..., *_triangle_places(xp, size, offset, lower))] = A
        return matrices

    def gradient(F, gy, y, A, **p):
        return F._linalg_extracttrian(gy, **p)


@operator("_linalg_sumlogdiag", "linalg_sumlogdiag", cases=[Case(A=(3, 3), low=0.5), Case(A=(2, 2, 2), low=0.5)])
class SumLogDiag:
    """The sum of the logarithms of each matrix's diagonal.

    A: (..., n, n), floating, positive on the diagonal. Output: (...), (1,) for one matrix. Source: MXNet 1.9.1.
    """

    infer_shape = one_per_matrix

    @in_float32_at_least
    def forward(xp, A):
        require_square(A.shape)
        diagonals = A[(..., *_diagonal_places(xp, A.shape[-1], 0))]
        return xp.log(diagonals).sum(-1).reshape(per_matrix(A.shape))

    def gradient(F, gy, y, A):
        diagonals = F._linalg_extractdiag(A)
        return F._linalg_makediag(F._spread_reduced(gy, diagonals, axis=-1) / diagonals)
