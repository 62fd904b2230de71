"""Determinants and inverses of square matrices."""

from mxtrain.ops.linalg.matrices import (
    in_float32_at_least,
    one_per_matrix,
    per_matrix,
    repeated_over,
    require_square,
    same_square,
    transposed,
)
from mxtrain.ops.operator import Case, operator

_CASES = [Case(A=(2, 2)), Case(A=(2, 3, 3), low=-3.0, high=3.0)]


@operator("_linalg_det", "linalg_det", cases=_CASES)
class Det:
    """The determinant of each matrix. A: (..., n, n), floating. Output: (...), (1,) for one matrix."""

    listed_outputs = ("output0", "output1", "output2")  # MXNet hides a factorisation
    infer_shape = one_per_matrix

    @in_float32_at_least
    def forward(xp, A):
        require_square(A.shape)
        return xp.asarray(xp.linalg.det(A)).reshape(per_matrix(A.shape))

    def gradient(F, gy, y, A):
        return repeated_over(F, gy * y, A) * transposed(F, F._linalg_inverse_or_zero(A))


@operator("_linalg_slogdet", "linalg_slogdet", cases=_CASES)
class Slogdet:
    """Sign and logarithm of the magnitude of each determinant: 0 and -inf for a singular matrix.

    A: (..., n, n), floating. Outputs: (...), (1,) for one matrix. Source: MXNet 1.9.1, where no gradient flows from the
    sign, and a singular matrix has the gradient 0.
    """

    outputs = ("output0", "output1")
    listed_outputs = ("output0", "output1", "output2", "output3")  # MXNet hides a factorisation
    infer_shape = one_per_matrix

    @in_float32_at_least
    def forward(xp, A):
        require_square(A.shape)
        return tuple(xp.asarray(part).reshape(per_matrix(A.shape)) for part in xp.linalg.slogdet(A))

    def gradient(F, gy, y, A):
        return repeated_over(F, gy[1], A) * transposed(F, F._linalg_inverse_or_zero(A))


def _inverse_gradient(F, gy, y, A):
    return F._linalg_gemm2(y, F._linalg_gemm2(gy, y, transpose_b=True), transpose_a=True, alpha=-1.0)


@operator("_linalg_inverse", "linalg_inverse", cases=_CASES)
class Inverse:
    """The inverse of each matrix. A: (..., n, n), floating, not singular. Output: the same shape."""

    infer_shape = same_square

    @in_float32_at_least
    def forward(xp, A):
        require_square(A.shape)
        return xp.linalg.inv(A)

    gradient = _inverse_gradient


@operator("_linalg_inverse_or_zero", cases=_CASES)
class InverseOrZero:
    """The inverse of each matrix, 0 for a singular one: what the gradients of determinants need."""

    infer_shape = same_square

    @in_float32_at_least
    def forward(xp, A):
        require_square(A.shape)
        singular = xp.asarray(xp.linalg.det(A) == 0)[..., None, None]
        invertible = xp.where(singular, xp.eye(A.shape[-1], dtype=A.dtype), A)
        return xp.where(singular, A.dtype.type(0), xp.linalg.inv(invertible))

    gradient = _inverse_gradient
