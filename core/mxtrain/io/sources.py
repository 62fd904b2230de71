"""What data iterators read from: named arrays, by rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.ndarray import NDArray, array, from_backend
from mxtrain.ndarray.sparse.creation import csr_matrix, is_sparse
from mxtrain.ndarray.sparse_array import CSRNDArray, wrap_value
from mxtrain.ops.kernels.sparse.selection import take_rows

Source = Any  # an NDArray, or a data set on disk that is read row by row


def named_sources(data: Any, allow_empty: bool, default_name: str) -> list[tuple[str, Source]]:
    """(name, source) pairs, sorted by name, from an array, a list of arrays or a dictionary of them.

    NumPy arrays become NDArrays (float32), a matrix of scipy.sparse a CSRNDArray, row_sparse arrays dense ones; a data
    set on disk with shape, dtype and slicing (h5py) stays where it is.
    A single array is called default_name, those of a list _<position>_<default_name>.
    Raises ArgumentTypeError for anything else, ArgumentError for none where allow_empty is false.
    """
    if data is None:
        data = []
    if is_source(data):
        data = [data]
    if isinstance(data, list):
        names = [default_name] if len(data) == 1 else [f"_{i}_{default_name}" for i in range(len(data))]
        data = dict(zip(names, data, strict=True))
    if not isinstance(data, dict):
        raise ArgumentTypeError(
            "Input must be NDArray, numpy.ndarray, h5py.Dataset, a list of them or dict with them as values."
            f" Received: {type(data).__name__}."
        )
    if not data and not allow_empty:
        raise ArgumentError(f"Expected: at least one array as {default_name}. Received: none.")
    return sorted((name, _as_source(name, value)) for name, value in data.items())


def is_source(value: Any) -> bool:
    """True for arrays and data sets, which know their shape."""
    return isinstance(value, (NDArray, np.ndarray)) or all(
        hasattr(value, name) for name in ("shape", "dtype", "__getitem__", "__len__")
    )


def _as_source(name: str, value: Any) -> Source:
    if isinstance(value, np.ndarray):
        value = array(value)
    elif is_sparse(value):
        value = _dense_or_csr(value)
    if not is_source(value):
        raise ArgumentTypeError(
            f"Invalid type '{type(value).__name__}' for {name}, should be NDArray, numpy.ndarray or h5py.Dataset"
        )
    return value


def _dense_or_csr(value: Any) -> NDArray:
    if isinstance(value, CSRNDArray):
        return value
    return value.tostype("default") if isinstance(value, NDArray) else csr_matrix(value)


def num_rows(sources: list[tuple[str, Source]]) -> int:
    """How many rows the sources have. Raises ArgumentError where they differ or have no rows to speak of."""
    sizes = {name: source.shape[0] if len(source.shape) else 0 for name, source in sources}
    if len(set(sizes.values())) > 1:
        raise ArgumentError(f"Expected: data and labels with equally many examples. Received: {sizes}.")
    return int(next(iter(sizes.values())))


def rows_between(source: Source, start: int, stop: int) -> NDArray:
    """Consecutive rows: a view of a dense NDArray, a copy of csr rows and of what lies on disk."""
    rows = source[start:stop]
    return rows if isinstance(rows, NDArray) else array(np.asarray(rows))


def rows_at(source: Source, index: np.ndarray) -> NDArray:
    """A copy of the rows of the given numbers, in that order."""
    if isinstance(source, CSRNDArray):
        ctx = source.context
        with ctx.backend.active():
            return wrap_value(take_rows(ctx.xp, source.storage, ctx.xp.asarray(index)), ctx)
    if isinstance(source, NDArray):
        ctx = source.context
        with ctx.backend.active():
            return from_backend(ctx.xp.take(source.data_array, ctx.xp.asarray(index), axis=0), ctx)
    wanted, position = np.unique(index, return_inverse=True)  # data sets on disk want rising numbers
    return array(np.asarray(source[wanted])[position])
