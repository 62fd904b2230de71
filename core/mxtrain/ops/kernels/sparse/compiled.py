"""SciPy's compiled loops over csr matrices, where SciPy is installed; NumPy alone gives the same results."""

import functools
import importlib
from typing import Any

import numpy as np


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
    """A csr matrix of SciPy (by_columns: a csc matrix) over these arrays, which are neither checked nor copied."""
    library = importlib.import_module("scipy.sparse")
    matrix = (library.csc_matrix if by_columns else library.csr_matrix)(shape, dtype=values.dtype)
    matrix.data, matrix.indices, matrix.indptr = values, indices, indptr
    return matrix
