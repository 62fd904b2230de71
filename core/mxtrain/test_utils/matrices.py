"""Matrices with known properties, for tests of linear algebra, and NumPy reductions with MXNet's arguments."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.creation import array

__all__ = [
    "collapse_sum_like",
    "get_identity_mat",
    "get_identity_mat_batch",
    "new_matrix_with_real_eigvals_2d",
    "new_matrix_with_real_eigvals_nd",
    "new_orthonormal_matrix_2d",
    "new_sym_matrix_with_real_eigvals_2d",
    "new_sym_matrix_with_real_eigvals_nd",
    "np_reduce",
]


def get_identity_mat(size: int) -> NDArray:
    """The (size, size) identity as an NDArray, float32."""
    return array(np.eye(size))


def get_identity_mat_batch(size: int) -> NDArray:
    """Two (size, size) identities as one NDArray of shape (2, size, size), float32."""
    return array(np.stack([np.eye(size)] * 2))


def new_orthonormal_matrix_2d(n: int) -> np.ndarray:
    """A random (n, n) matrix whose columns are orthonormal."""
    return np.linalg.qr(np.random.randn(n, n))[0]


def new_matrix_with_real_eigvals_2d(n: int) -> np.ndarray:
    """A random (n, n) matrix whose eigenvalues are real and distinct: triangular in an orthonormal basis."""
    basis = new_orthonormal_matrix_2d(n)
    upper = np.triu(np.random.uniform(-1, 1, (n, n)), 1) + np.diag(np.arange(1, n + 1))
    return basis @ upper @ basis.T


def new_sym_matrix_with_real_eigvals_2d(n: int) -> np.ndarray:
    """A random symmetric (n, n) matrix whose eigenvalues are distinct."""
    basis = new_orthonormal_matrix_2d(n)
    return basis @ np.diag(np.arange(1, n + 1) * np.random.uniform(1, 1.3)) @ basis.T


def new_matrix_with_real_eigvals_nd(shape: Sequence[int]) -> np.ndarray:
    """Matrices of `new_matrix_with_real_eigvals_2d` along the last two axes of a shape."""
    return _stacked(shape, new_matrix_with_real_eigvals_2d)


def new_sym_matrix_with_real_eigvals_nd(shape: Sequence[int]) -> np.ndarray:
    """Matrices of `new_sym_matrix_with_real_eigvals_2d` along the last two axes of a shape."""
    return _stacked(shape, new_sym_matrix_with_real_eigvals_2d)


def _stacked(shape: Sequence[int], make: Callable[[int], np.ndarray]) -> np.ndarray:
    count = int(np.prod(shape[:-2], dtype=int))
    return np.array([make(shape[-1]) for _ in range(count)]).reshape(shape)


def np_reduce(dat: np.ndarray, axis: Any, keepdims: Any, numpy_reduce_func: Callable[..., np.ndarray]) -> np.ndarray:
    """A NumPy reduction along one axis, several or (None) all, computed axis by axis."""
    axes = range(dat.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    normalized = sorted({int(a) % dat.ndim for a in axes}, reverse=True)
    result = dat
    for one in normalized:
        result = numpy_reduce_func(result, axis=one)
    if keepdims:
        result = np.asarray(result).reshape([1 if i in normalized else n for i, n in enumerate(dat.shape)])
    return result


def collapse_sum_like(a: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """An array summed to a shape that broadcasts to its own: the gradient of that broadcast."""
    lead = a.ndim - len(shape)
    summed = a.sum(axis=tuple(range(lead)))
    axes = tuple(i for i, size in enumerate(shape) if size == 1 and summed.shape[i] != 1)
    result: np.ndarray = summed.sum(axis=axes, keepdims=True)
    return result
