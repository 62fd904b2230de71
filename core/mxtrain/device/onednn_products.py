"""Products of float32 matrices by oneDNN.

On processors with AVX-512 that NumPy's BLAS has no kernels for, they take about half the time; and they run in the same
threads as oneDNN's layers, where a second pool would compete with these for the cores.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from ctypes import c_char, c_float, c_int64, c_void_p
from typing import Any

import numpy as np

from mxtrain.device import onednn

# below this many multiplications, waking a second thread costs more than it saves (measured: 70 us of work)
_ONE_THREAD_BELOW = 8_000_000


def product(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    """Write left (m, k) @ right (k, n) into the C-contiguous `out`. Raises OneDnnError.

    left and right: C-contiguous float32 matrices or transposed views of such.
    """
    (rows, inner), columns = left.shape, right.shape[1]
    left_address, left_transposed, left_step = _described(left)
    right_address, right_transposed, right_step = _described(right)
    multiply, set_threads, threads = _functions()
    few = rows * inner * columns < _ONE_THREAD_BELOW
    if few:
        set_threads(1)
    status = multiply(
        left_transposed,
        right_transposed,
        rows,
        columns,
        inner,
        1.0,
        left_address,
        left_step,
        right_address,
        right_step,
        0.0,
        out.__array_interface__["data"][0],
        columns,
    )
    if few:
        set_threads(threads)
    onednn.check(status, "dnnl_sgemm")


def _described(matrix: np.ndarray) -> tuple[int, bytes, int]:
    """Address, whether the memory holds the transposed matrix, and the length of a row there."""
    address = matrix.__array_interface__["data"][0]
    if matrix.flags.c_contiguous:
        return address, b"N", max(matrix.shape[1], 1)
    return address, b"T", max(matrix.shape[0], 1)


@functools.cache
def _functions() -> tuple[Callable[..., int], Callable[[int], Any], int]:
    """The product; and what sets the number of threads, and that number, where the library runs on GNU OpenMP."""
    multiply = onednn.library().dnnl_sgemm
    sizes = (c_int64,) * 3
    matrix = (c_void_p, c_int64)
    multiply.argtypes = (c_char, c_char, *sizes, c_float, *matrix, *matrix, c_float, *matrix)
    try:
        openmp = ctypes.CDLL("libgomp.so.1")
    except OSError:
        return multiply, lambda number: None, 0
    return multiply, openmp.omp_set_num_threads, openmp.omp_get_max_threads()
