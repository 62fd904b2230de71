"""Triangular matrices: products and systems of equations with them."""

from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.linalg.matrices import in_float32_at_least, require_square, same_square, square, transposed, turned
from mxtrain.ops.operator import Case, operator


def triangle(xp: Any, matrices: Any, lower: bool, diagonal: float = 1.0) -> Any:
    """The lower (or upper) triangles, 0 elsewhere, the diagonals times `diagonal`."""
    kept = xp.tril(matrices) if lower else xp.triu(matrices)
    if diagonal != 1:
        places = xp.arange(matrices.shape[-1])
        kept[..., places, places] *= matrices.dtype.type(diagonal)
    return kept


@operator("_linalg_triangle", cases=[Case(A=(2, 3, 3)), Case(A=(3, 3), lower=False, diagonal=0.5)])
class Triangle:
    """The lower (or upper) triangles of square matrices, 0 elsewhere, the diagonals times `diagonal`."""

    infer_shape = same_square

    def forward(xp, A, *, lower: bool = True, diagonal: float = 1.0):
        require_square(A.shape)
        return triangle(xp, A, lower, diagonal)

    def gradient(F, gy, y, A, **p):
        return F._linalg_triangle(gy, **p)


def _infer(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
    """B has the shape of the result; A is square and fits B's rows, or with rightside its columns."""
    matrix, other = square(ins[0]), shapes.unify(ins[1], outs[0])
    if other is None:
        return [matrix, other], [other]
    if len(other) < 2:
        raise ArgumentError(f"Expected: B of matrices, of 2 or more axes. Received: shape {other}.")
    size = other[-1] if p.rightside else other[-2]
    matrix = square(shapes.unify(matrix, (*other[:-2], size, size)))
    rows, columns = (other[-2], matrix[-1]) if p.rightside else (matrix[-1], other[-1])
    other = (*matrix[:-2], rows, columns)
    return [matrix, other], [other]


def _require_fit(a: Any, b: Any, rightside: bool) -> None:
    require_square(a.shape)
    types.unify(a.dtype, b.dtype)
    if a.ndim != b.ndim or a.shape[:-2] != b.shape[:-2] or a.shape[-1] != b.shape[-1 if rightside else -2]:
        side = "columns" if rightside else "rows"
        raise ArgumentError(f"Expected: A that fits the {side} of B. Received: shapes {a.shape} and {b.shape}.")


_CASES = [
    Case({"A": (3, 3), "B": (3, 2)}, alpha=2.0, low=0.5, high=1.5),
    Case({"A": (2, 2, 2), "B": (2, 2, 3)}, transpose=True, low=0.5, high=1.5),
    Case({"A": (3, 3), "B": (2, 3)}, rightside=True, lower=False, low=0.5, high=1.5),
    Case({"A": (3, 3), "B": (2, 3)}, rightside=True, transpose=True, alpha=-1.0, low=0.5, high=1.5),
]


@operator("_linalg_trmm", "linalg_trmm", cases=_CASES)
class Trmm:
    """alpha * op(A) B, or with rightside alpha * B op(A), where A is triangular.

    A: (..., n, n), of which the lower triangle is read, or the upper one with lower=False; B: (..., n, k), with
    rightside (..., k, n); floating. transpose: op transposes A. Output: the shape of B. Source: MXNet 1.9.1.
    """

    infer_shape = _infer

    @in_float32_at_least
    def forward(xp, A, B, *, transpose: bool = False, rightside: bool = False, lower: bool = True, alpha: float = 1.0):
        _require_fit(A, B, rightside)
        factor = triangle(xp, A, lower)
        factor = turned(factor) if transpose else factor
        product = xp.matmul(B, factor) if rightside else xp.matmul(factor, B)
        return product * B.dtype.type(alpha)

    def gradient(F, gy, y, A, B, *, transpose, rightside, lower, alpha):
        by_b = F._linalg_trmm(A, gy, transpose=not transpose, rightside=rightside, lower=lower, alpha=alpha)
        left, right = (B, gy) if rightside else (gy, B)
        left, right = (right, left) if transpose else (left, right)
        by_a = F._linalg_gemm2(left, right, transpose_a=rightside, transpose_b=not rightside, alpha=alpha)
        return F._linalg_triangle(by_a, lower=lower), by_b


@operator("_linalg_trsm", "linalg_trsm", cases=_CASES)
class Trsm:
    """alpha * inverse(op(A)) B, or with rightside alpha * B inverse(op(A)), where A is triangular.

    A: (..., n, n), of which the lower triangle is read, or the upper one with lower=False; B: (..., n, k), with
    rightside (..., k, n); floating. transpose: op transposes A. Output: the shape of B. Source: MXNet 1.9.1.
    """

    infer_shape = _infer

    @in_float32_at_least
    def forward(xp, A, B, *, transpose: bool = False, rightside: bool = False, lower: bool = True, alpha: float = 1.0):
        _require_fit(A, B, rightside)
        factor = triangle(xp, A, lower)
        if rightside:  # X op(A) = B is transposed(op(A)) transposed(X) = transposed(B)
            solution = turned(xp.linalg.solve(factor if transpose else turned(factor), turned(B)))
        else:
            solution = xp.linalg.solve(turned(factor) if transpose else factor, B)
        return solution * B.dtype.type(alpha)

    def gradient(F, gy, y, A, B, *, transpose, rightside, lower, alpha):
        back = F._linalg_trsm(A, gy, transpose=not transpose, rightside=rightside, lower=lower)
        left, right = (y, back) if rightside else (back, y)
        left, right = (right, left) if transpose else (left, right)
        by_a = F._linalg_gemm2(left, right, transpose_a=rightside, transpose_b=not rightside, alpha=-1.0)
        return F._linalg_triangle(by_a, lower=lower), back * alpha


@operator(
    "_linalg_potri",
    "linalg_potri",
    cases=[
        Case(A=(3, 3), low=0.5, high=1.5),
        Case(A=(2, 2, 2), low=0.5),
        Case(A=(2, 3, 3), low=0.5, high=1.5, lower=False),
    ],
)
class Potri:
    """inverse(L transposed(L)): the inverse of a matrix from its Cholesky factor L, or (lower=False) transposed(L).

    A: (..., n, n), floating; its lower (or upper) triangle is the factor. Output: the same shape.
    Source: MXNet 1.9.1.
    """

    infer_shape = same_square

    @in_float32_at_least
    def forward(xp, A, *, lower: bool = True):
        require_square(A.shape)
        inverse = xp.linalg.inv(triangle(xp, A if lower else turned(A), True))
        return xp.matmul(turned(inverse), inverse)

    def gradient(F, gy, y, A, *, lower):
        factor = A if lower else transposed(F, A)
        inner = F._linalg_gemm2(y, gy + transposed(F, gy), alpha=-1.0)
        by_factor = F._linalg_triangle(F._linalg_trsm(factor, inner, rightside=True, transpose=True))
        return by_factor if lower else transposed(F, by_factor)
