"""Factorizations of matrices: Cholesky's, LQ, and eigenvalues of symmetric ones.

The gradients of those of symmetric matrices are symmetric, as in MXNet: right for every symmetric change.
"""

from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.linalg.matrices import (
    in_float32_at_least,
    require_square,
    same_square,
    square,
    symmetrized,
    transposed,
    turned,
)
from mxtrain.ops.operator import Case, operator


@operator(
    "_linalg_potrf",
    "linalg_potrf",
    cases=[
        Case(A=(3, 3), low=0.0, high=2.0, differentiable=False),
        Case(A=(2, 1, 1), low=0.5, high=1.5),
        Case(A=(2, 1, 1), low=0.5, high=1.5, lower=False),
    ],
)
class Potrf:
    """Cholesky's factor: lower triangular L, A = L transposed(L), or (lower=False) upper triangular transposed(L).

    A: (..., n, n), symmetric (its triangle of that side is read) and positive definite, floating. Output: the same
    shape. Source: MXNet 1.9.1; gradient: arXiv:1710.08717.
    """

    infer_shape = same_square

    @in_float32_at_least
    def forward(xp, A, *, lower: bool = True):
        require_square(A.shape)
        return xp.linalg.cholesky(A) if lower else turned(xp.linalg.cholesky(turned(A)))

    def gradient(F, gy, y, A, *, lower):
        if not lower:
            gy, y = transposed(F, gy), transposed(F, y)
        inner = F._linalg_triangle(F._linalg_gemm2(y, gy, transpose_a=True), diagonal=0.5)
        by_rows = F._linalg_trsm(y, inner, transpose=True)
        return symmetrized(F, F._linalg_trsm(y, by_rows, rightside=True))


def _require_wide(shape: tuple[int, ...]) -> None:
    if len(shape) < 2 or (shape[-2] > shape[-1] and shape[-1] != -1):
        raise ArgumentError(f"Expected: matrices with no more rows than columns. Received: shape {shape}.")


@operator("_linalg_gelqf", "linalg_gelqf", cases=[Case(A=(2, 3)), Case(A=(2, 2, 2))])
class Gelqf:
    """A = L Q with lower triangular L and orthonormal rows of Q. Outputs: Q, L.

    A: (..., m, n), m <= n, of full rank, floating. Q: the shape of A. L: (..., m, m). Source: MXNet 1.9.1; gradient:
    arXiv:1710.08717.
    """

    outputs = ("output0", "output1")

    def infer_shape(ins, outs, p):
        wide = shapes.unify(ins[0], outs[0])
        if wide is None:
            return ins, outs
        _require_wide(wide)
        factor = shapes.unify((*wide[:-1], wide[-2]), outs[1])
        wide = (*factor[:-1], wide[-1])
        return [wide], [wide, factor]

    @in_float32_at_least
    def forward(xp, A):
        _require_wide(A.shape)
        rows, triangles = xp.linalg.qr(turned(A))
        return turned(rows), turned(triangles)

    def gradient(F, gy, y, A):
        (by_q, by_l), (q, factor) = gy, y
        inner = F._linalg_gemm2(factor, by_l, transpose_a=True) - F._linalg_gemm2(by_q, q, transpose_b=True)
        mirrored = F._linalg_triangle(inner, diagonal=0.5)
        mirrored = mirrored + transposed(F, mirrored)
        return F._linalg_trsm(factor, by_q + F._linalg_gemm2(mirrored, q), transpose=True)


def _with_positive_peaks(xp: Any, rows: Any) -> Any:
    """Each row, its sign such that the element of largest magnitude is positive."""
    if not rows.size:
        return rows
    peaks = xp.take_along_axis(rows, xp.expand_dims(xp.abs(rows).argmax(-1), -1), -1)
    return xp.where(peaks < 0, -rows, rows)


@operator("_linalg_syevd", "linalg_syevd", cases=[Case(A=(2, 3, 3), differentiable=False), Case(A=(2, 1, 1))])
class Syevd:
    """Eigenvalues and eigenvectors: A = transposed(U) diag(L) U. Outputs: U, whose rows are the eigenvectors, and L.

    A: (..., n, n), symmetric (its lower triangle is read), floating. U: the shape of A; the element of largest
    magnitude of each row is positive. L: (..., n), ascending. The gradient takes eigenvalues that are equal as
    unchanging vectors. Source: MXNet 1.9.1; gradient: arXiv:1710.08717.
    """

    outputs = ("output0", "output1")

    def infer_shape(ins, outs, p):
        matrix = square(shapes.unify(ins[0], outs[0]))
        if matrix is None:
            return ins, outs
        values = shapes.unify(matrix[:-1], outs[1])
        matrix = (*values, values[-1])
        return [matrix], [matrix, values]

    @in_float32_at_least
    def forward(xp, A):
        require_square(A.shape)
        values, vectors = xp.linalg.eigh(A)
        return _with_positive_peaks(xp, turned(vectors)), values

    def gradient(F, gy, y, A):
        (by_u, by_l), (u, values) = gy, y
        turns = F._linalg_over_gaps(F._linalg_gemm2(u, by_u, transpose_b=True), values)
        inner = F._linalg_gemm2(turns + F._linalg_makediag(by_l), u)
        return symmetrized(F, F._linalg_gemm2(u, inner, transpose_a=True))


@operator("_linalg_over_gaps", cases=[Case(A=(3, 3), L=(3,)), Case(A=(2, 2, 2), L=(2, 2))])
class OverGaps:
    """A[i, j] / (L[j] - L[i]), 0 where the two are equal. A: (..., n, n). L: (..., n). Output: the shape of A."""

    def infer_shape(ins, outs, p):
        matrix = square(shapes.unify(ins[0], outs[0]))
        if matrix is None:
            return ins, outs
        values = shapes.unify(matrix[:-1], ins[1])
        matrix = (*values, values[-1])
        return [matrix, values], [matrix]

    def forward(xp, A, L):
        require_square(A.shape)
        shapes.unify(A.shape[:-1], L.shape)
        gaps = xp.expand_dims(L, -2) - xp.expand_dims(L, -1)
        equal = gaps == 0
        return xp.where(equal, A.dtype.type(0), A / xp.where(equal, A.dtype.type(1), gaps))

    def gradient(F, gy, y, A, L):
        by_gap = F._linalg_over_gaps(gy * y, L)
        return F._linalg_over_gaps(gy, L), F.sum(by_gap, axis=-1) - F.sum(by_gap, axis=-2)
