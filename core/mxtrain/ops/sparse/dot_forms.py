"""The forms of `dot` and of its gradients: which products of sparse matrices have kernels, and what they give."""

from collections.abc import Callable
from typing import Any

from mxtrain.ops import types
from mxtrain.ops.kernels.sparse.conversion import convert, to_dense
from mxtrain.ops.kernels.sparse.products import multiply, multiply_row_sparse, multiply_transposed, transposed
from mxtrain.ops.sparse.containers import CSR, DENSE, ROW_SPARSE, STORAGE_TYPES, Csr, RowSparse, storage_of
from mxtrain.ops.storage import Form, form

DenseDot = Callable[[Any, Any, Any, bool, bool], Any]  # (xp, lhs, rhs, transpose_a, transpose_b) -> product
DotShape = Callable[[tuple[int, ...], tuple[int, ...], bool, bool], tuple[int, ...]]


def _as_matrix(xp: Any, value: Any, transpose: bool, as_column: bool) -> Any:
    """A factor of one or two axes as a dense matrix; a vector is a column, or a row."""
    dense = to_dense(xp, value)
    if dense.ndim == 1:
        return dense.reshape((-1, 1) if as_column else (1, -1))
    return dense.T if transpose else dense


def _product_with_csr(xp: Any, lhs: Any, rhs: Any, transpose_a: bool, transpose_b: bool) -> Any:
    """The product in the storage in which it comes: row_sparse for csr.T @ ..., else dense."""
    if isinstance(lhs, Csr):
        if isinstance(rhs, RowSparse) and not transpose_a and not transpose_b and rhs.ndim == 2:
            return multiply_row_sparse(xp, lhs, rhs)
        right = _as_matrix(xp, rhs, transpose_b, True)
        return multiply_transposed(xp, lhs, right) if transpose_a else multiply(xp, lhs, right)
    left = _as_matrix(xp, lhs, transpose_a, False)
    matrix = rhs if transpose_b else transposed(xp, rhs)  # a @ b = (b.T @ a.T).T
    return xp.ascontiguousarray(multiply(xp, matrix, left.T).T)


def _dot(stype: str, dense_dot: DenseDot, dot_shape: DotShape) -> Any:
    """The kernel of `dot` whose result has a storage type."""

    def compute(
        xp: Any, lhs: Any, rhs: Any, *, transpose_a: bool, transpose_b: bool, forward_stype: str | None = None
    ) -> Any:
        types.unify(lhs.dtype, rhs.dtype)
        shape = dot_shape(tuple(lhs.shape), tuple(rhs.shape), transpose_a, transpose_b)
        if CSR in (storage_of(lhs), storage_of(rhs)) and lhs.ndim <= 2 and rhs.ndim <= 2:
            product = _shaped(_product_with_csr(xp, lhs, rhs, transpose_a, transpose_b), shape)
        else:
            product = dense_dot(xp, to_dense(xp, lhs), to_dense(xp, rhs), transpose_a, transpose_b)
        return convert(xp, product, stype)

    return compute


def _shaped(product: Any, shape: tuple[int, ...]) -> Any:
    if isinstance(product, RowSparse):
        return RowSparse(product.values.reshape((-1, *shape[1:])), product.indices, shape)
    return product.reshape(shape)


def _natural_stype(lhs: str, rhs: str, p: Any) -> str:
    """The storage of a product when nobody asks for one, as in MXNet 1.9.1."""
    if lhs == CSR and rhs in (DENSE, ROW_SPARSE) and p.transpose_a and not p.transpose_b:
        return ROW_SPARSE
    return CSR if (lhs, rhs) == (DENSE, CSR) and not p.transpose_a else DENSE


def dot_forms(dense_dot: DenseDot, dot_shape: DotShape) -> list[Form]:
    """Every pair of storage types but two dense arrays, with every storage of the result."""

    def wants(lhs: str, rhs: str, out: str) -> Any:
        return lambda p: (p.forward_stype or _natural_stype(lhs, rhs, p)) == out

    return [
        form(f"{lhs}, {rhs} -> {out}", _dot(out, dense_dot, dot_shape), when=wants(lhs, rhs, out))
        for lhs in STORAGE_TYPES
        for rhs in STORAGE_TYPES
        if (lhs, rhs) != (DENSE, DENSE)
        for out in STORAGE_TYPES
    ]


def _gradient_by_rhs(xp: Any, gy: Any, lhs: Csr, rhs: Any, *, transpose_a: bool, transpose_b: bool) -> Any:
    """The gradient by a dense (or row_sparse) rhs: op(lhs).T @ gy, in the shape of rhs."""
    shape = tuple(rhs.shape)
    head = to_dense(xp, gy).reshape(-1, shape[0] if transpose_b and len(shape) == 2 else max(1, *shape[1:], 1))
    product = multiply(xp, lhs, head) if transpose_a else multiply_transposed(xp, lhs, head)
    if transpose_b and len(shape) == 2:
        return to_dense(xp, product).T.copy()
    return _shaped(product, shape)


def gradient_by_rhs_forms() -> list[Form]:
    """The gradient of `dot(csr, dense)` by rhs: row_sparse where the rows without a value in lhs get none."""
    return [
        form(
            f"{gy}, csr, {rhs} -> {out}",
            _gradient_by_rhs,
            when=lambda p, out=out: (ROW_SPARSE if not (p.transpose_a or p.transpose_b) else DENSE) == out,
        )
        for gy in (DENSE, ROW_SPARSE)
        for rhs in (DENSE, ROW_SPARSE)
        for out in (ROW_SPARSE, DENSE)
    ]
