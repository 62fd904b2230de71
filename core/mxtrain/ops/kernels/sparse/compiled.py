"""SciPy's compiled loops over csr matrices, where SciPy is installed; NumPy alone gives the same results."""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from mxtrain.ops.kernels.sparse.checks import require_inside
from mxtrain.ops.sparse.containers import Csr

# element types that SciPy computes with
_DTYPES = frozenset(np.dtype(kind) for kind in (np.float32, np.float64, np.int8, np.int32, np.int64, np.uint8))


@functools.cache
def is_available() -> bool:
    """Whether SciPy is there; it is imported on first use."""
    try:
        importlib.import_module("scipy.sparse")
    except ImportError:
        return False
    return True


def assemble(
    values: np.ndarray, indices: np.ndarray, indptr: np.ndarray, shape: tuple[int, ...], by_columns: bool = False
) -> Any:
    """A csr matrix of SciPy (by_columns: a csc matrix) over these arrays, which are not copied.

    Raises ArgumentError for indices that its loops, which do not look, would follow out of memory.
    """
    require_inside(indices, indptr, shape[0] if by_columns else shape[1])
    library = importlib.import_module("scipy.sparse")
    matrix = (library.csc_matrix if by_columns else library.csr_matrix)(shape, dtype=values.dtype)
    matrix.data, matrix.indices, matrix.indptr = values, indices, indptr
    return matrix


def combine(function: Callable[[Any, Any], Any], first: Csr, second: Csr) -> Csr | None:
    """A function of two matrices of one shape, by SciPy, which drops zeros from the result.

    None without SciPy, for element types that it lacks, and where indices are not in order.
    """
    if not is_available() or first.dtype not in _DTYPES:
        return None
    left, right = (assemble(one.values, one.indices, one.indptr, one.shape) for one in (first, second))
    if not (left.has_canonical_format and right.has_canonical_format):
        return None
    return _as_container(function(left, right), first.shape)


def choose_rows(matrix: Csr, rows: np.ndarray) -> Csr | None:
    """The rows of a matrix, in the given order, by SciPy; None where it cannot."""
    if not is_available() or matrix.dtype not in _DTYPES:
        return None
    chosen = assemble(matrix.values, matrix.indices, matrix.indptr, matrix.shape)[rows]
    return _as_container(chosen, (len(rows), matrix.shape[1]))


def _as_container(matrix: Any, shape: tuple[int, ...]) -> Csr:
    indices, indptr = (array.astype(np.int64, copy=False) for array in (matrix.indices, matrix.indptr))
    return Csr(matrix.data, indices, indptr, shape)
