"""Functions that make sparse arrays: `csr_matrix`, `row_sparse_array`, `array`, `zeros`, `empty`."""

import importlib
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError
from mxtrain.context import Context, current_context
from mxtrain.device import to_numpy
from mxtrain.dtypes import as_dtype
from mxtrain.ndarray import creation
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.creation import as_numbers, as_shape
from mxtrain.ndarray.sparse_array import BaseSparseNDArray, CSRNDArray, RowSparseNDArray, move, wrap_value
from mxtrain.ops.kernels.sparse.conversion import to_csr, to_row_sparse
from mxtrain.ops.kernels.sparse.format import csr_from_coordinates
from mxtrain.ops.sparse.containers import CSR, ROW_SPARSE, Csr, RowSparse, SparseContainer, empty_container


def csr_matrix(arg1: Any, shape: Any = None, ctx: Context | None = None, dtype: Any = None) -> CSRNDArray:
    """A new csr matrix.

    arg1: a dense array or a CSRNDArray or a matrix of scipy.sparse; (rows, columns) for a matrix of zeros;
    (data, indices, indptr) in compressed rows; or (data, (row, column)), where values at one place are added.
    shape: inferred where it is not given. dtype: the source's, float32 for lists. ctx: the current one.
    Raises ArgumentError for parts that do not make a matrix. Indices are only looked at by `check_format`.
    """
    if isinstance(arg1, tuple):
        made = _csr_from_tuple(arg1, shape, dtype)
    else:
        made = _from_array(arg1, dtype, CSR)
        _require_shape(made.shape, shape)
    return _place(made, ctx)


def _csr_from_tuple(parts: tuple[Any, ...], shape: Any, dtype: Any) -> SparseContainer:
    if len(parts) == 3:
        return _csr_from_definition(*parts, shape, dtype)
    if len(parts) != 2:
        raise ArgumentError(
            "Expected: (rows, columns), (data, (row, column)) or (data, indices, indptr). "
            f"Received: a tuple of {len(parts)}."
        )
    if not isinstance(parts[1], tuple):
        size = as_shape(parts)
        _require_shape(size, shape)
        return empty_container(np, CSR, size, as_dtype(dtype))
    values = _values(parts[0], dtype)
    rows, columns = (_indices(part) for part in parts[1])
    if not values.shape == rows.shape == columns.shape or values.ndim != 1:
        received = f"{values.shape}, {rows.shape}, {columns.shape}"
        raise ArgumentError(f"Expected: data, row and column of one length. Received: {received}.")
    size = _matrix_shape(shape, int(rows.max(initial=-1)) + 1, columns)
    if rows.size and (rows.min() < 0 or rows.max() >= size[0] or columns.min() < 0 or columns.max() >= size[1]):
        raise ArgumentError(
            f"Expected: coordinates inside {size}. Received: rows up to {rows.max()}, columns up to "
            f"{columns.max()}, from {rows.min()} and {columns.min()}."
        )
    return csr_from_coordinates(np, values, rows, columns, size)


def _csr_from_definition(data: Any, indices: Any, indptr: Any, shape: Any, dtype: Any) -> Csr:
    values, columns, pointers = _values(data, dtype), _indices(indices), _indices(indptr)
    size = _matrix_shape(shape, len(pointers) - 1, columns)
    if pointers.ndim != 1 or values.ndim != 1 or columns.ndim != 1 or len(size) != 2:
        received = f"{values.ndim}, {columns.ndim}, {pointers.ndim} axes, shape {size}"
        raise ArgumentError(f"Expected: data, indices and indptr of one axis, a shape of two. Received: {received}.")
    return Csr(values, columns, pointers, size)


def _matrix_shape(given: Any, rows: int, columns: np.ndarray) -> tuple[int, ...]:
    """The given shape, or what the indices imply. Raises ArgumentError where that is no shape."""
    if given is not None:
        return as_shape(given)
    if columns.size == 0:
        raise ArgumentError("Expected: a shape for a matrix without values. Received: shape=None.")
    return rows, int(columns.max()) + 1


def row_sparse_array(arg1: Any, shape: Any = None, ctx: Context | None = None, dtype: Any = None) -> RowSparseNDArray:
    """A new row_sparse array.

    arg1: a dense array or a RowSparseNDArray; a shape, for an array of zeros; or (data, indices): rows and their
    numbers. shape, dtype, ctx: as in `csr_matrix`. Raises ArgumentError for parts that do not make such an array.
    """
    if isinstance(arg1, tuple):
        made = _rows_from_tuple(arg1, shape, dtype)
    else:
        made = _from_array(arg1, dtype, ROW_SPARSE)
        _require_shape(made.shape, shape)
    return _place(made, ctx)


def _rows_from_tuple(parts: tuple[Any, ...], shape: Any, dtype: Any) -> SparseContainer:
    if len(parts) < 2:
        raise ArgumentError(f"Expected: a shape of two axes or more, or (data, indices). Received: {parts!r}.")
    if len(parts) > 2 or isinstance(parts[0], (int, np.integer)):
        size = as_shape(parts)
        _require_shape(size, shape)
        return empty_container(np, ROW_SPARSE, size, as_dtype(dtype))
    values, rows = _values(parts[0], dtype), _indices(parts[1])
    if shape is None and rows.size == 0:
        raise ArgumentError("Expected: a shape for an array without rows. Received: shape=None.")
    size = (int(rows.max()) + 1, *values.shape[1:]) if shape is None else as_shape(shape)
    if rows.ndim != 1 or values.ndim != len(size):
        raise ArgumentError(f"Expected: (data, indices) for shape {size}. Received: {values.shape} and {rows.shape}.")
    return RowSparse(values, rows, size)


def array(source_array: Any, ctx: Context | None = None, dtype: Any = None) -> BaseSparseNDArray:
    """A new sparse array with the values of another one or of a matrix of scipy.sparse (csr, made canonical).

    ctx: the source's, or the current one. dtype: the source's. Raises ArgumentError for a dense source.
    """
    if not is_sparse(source_array):
        raise ArgumentError(
            f"Expected: a sparse NDArray or a matrix of scipy.sparse. Received: {type(source_array).__name__}. "
            "Make dense arrays with mx.nd.array, and sparse ones of them with tostype."
        )
    if isinstance(source_array, BaseSparseNDArray) and ctx is None:
        ctx = source_array.context
    stype = source_array.stype if isinstance(source_array, BaseSparseNDArray) else CSR
    return _place(_from_array(source_array, dtype, stype), ctx)


def array_of_any_storage(source_array: Any, ctx: Context | None = None, dtype: Any = None) -> NDArray:
    """A new array with the values of `source_array`: an NDArray, a NumPy array, nested lists, a number.

    A sparse array and a matrix of scipy.sparse stay sparse. dtype: the source's where that is an NDArray or sparse,
    else float32. ctx: the current context by default.
    """
    make = array if is_sparse(source_array) else creation.array
    made: NDArray = make(source_array, ctx, dtype)
    return made


def zeros(stype: str, shape: Any, ctx: Context | None = None, dtype: Any = None, **kwargs: Any) -> NDArray:
    """A new array of zeros in a storage type; float32 by default."""
    return creation.zeros(shape, ctx, dtype, stype, **kwargs)


def empty(stype: str, shape: Any, ctx: Context | None = None, dtype: Any = None) -> NDArray:
    """A new array that stores nothing, which is zeros."""
    return zeros(stype, shape, ctx, dtype)


def is_sparse(source: Any) -> bool:
    """Whether something is a sparse NDArray or a matrix of scipy.sparse."""
    return isinstance(source, BaseSparseNDArray) or type(source).__module__.startswith("scipy.sparse")


def asscipy(self: CSRNDArray) -> Any:
    """A copy as a scipy.sparse.csr_matrix. Raises MXNetError where SciPy is not installed."""
    try:
        sparse = importlib.import_module("scipy.sparse")
    except ImportError as error:
        raise MXNetError("CSRNDArray.asscipy needs SciPy. Install it: pip install scipy.") from error
    matrix = self.storage.map(to_numpy).copy()
    return sparse.csr_matrix((matrix.values, matrix.indices, matrix.indptr), shape=self.shape, dtype=self.dtype)


def _from_array(source: Any, dtype: Any, stype: str) -> SparseContainer:
    """A container on the host with the values of an array of any kind."""
    if isinstance(source, BaseSparseNDArray):
        if source.stype != stype:
            raise ArgumentError(f"Expected: a dense or {stype} array. Received: a {source.stype} one.")
        container: SparseContainer = source.storage.map(to_numpy).copy()
    elif is_sparse(source):
        if stype != CSR:
            raise ArgumentError(f"Expected: a dense or {stype} array. Received: {type(source).__name__}.")
        container = _from_scipy(source)
    else:
        dense = _values(source, None)
        container = to_csr(np, dense) if stype == CSR else to_row_sparse(np, dense)
    return container if dtype is None else container.with_values(container.values.astype(as_dtype(dtype)))


def _from_scipy(matrix: Any) -> Csr:
    """The canonical form of a matrix of scipy.sparse: sorted, each place once."""
    canonical = matrix.tocsr().copy()
    canonical.sum_duplicates()
    canonical.sort_indices()
    return Csr(canonical.data, canonical.indices.astype(np.int64), canonical.indptr.astype(np.int64), matrix.shape)


def _values(source: Any, dtype: Any) -> np.ndarray:
    """A NumPy copy of numbers, in dtype, the source's own where it has one, or float32."""
    if isinstance(source, NDArray):
        values = source.asnumpy()
    else:
        values = as_numbers(source)
        if dtype is None and not isinstance(source, np.ndarray):
            dtype = np.float32
    return np.array(values, dtype=as_dtype(values.dtype if dtype is None else dtype))


def _indices(source: Any) -> np.ndarray:
    """Index numbers as a new int64 array."""
    if isinstance(source, BaseSparseNDArray):
        raise ArgumentTypeError(f"Expected: dense indices. Received: a {source.stype} array.")
    numbers = source.asnumpy() if isinstance(source, NDArray) else as_numbers(source)
    return np.array(numbers, dtype=np.int64)


def _require_shape(shape: tuple[int, ...], wanted: Any) -> None:
    if wanted is not None and as_shape(wanted) != tuple(shape):
        raise ArgumentError(f"Expected: shape {as_shape(wanted)}. Received: an array of shape {tuple(shape)}.")


def _place(container: SparseContainer, ctx: Context | None) -> Any:
    ctx = ctx or current_context()
    return wrap_value(move(container, Context("cpu", 0), ctx) if ctx.device_typeid == 2 else container, ctx)
