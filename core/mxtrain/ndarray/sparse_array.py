"""`RowSparseNDArray` and `CSRNDArray`: arrays that store only some of their elements."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError, IndexRangeError, MXNetError
from mxtrain.context import Context
from mxtrain.device import to_numpy
from mxtrain.dtypes import as_dtype
from mxtrain.ndarray import deferred, recording
from mxtrain.ndarray.array_type import NDArray, transfer, wrap
from mxtrain.ops import find
from mxtrain.ops.kernels.sparse.conversion import convert
from mxtrain.ops.sparse.containers import CSR, DENSE, ROW_SPARSE, SparseContainer, empty_container


class NotDenseError(MXNetError):
    """Somebody reached for the dense memory of a sparse array."""


class BaseSparseNDArray(NDArray):
    """What both kinds of sparse arrays share. Its values are a container (`storage`) where others have an array."""

    __slots__ = ("_storage",)

    _storage: Any

    def __init__(self, storage: SparseContainer, ctx: Context) -> None:
        """storage: a container whose arrays lie on the context; taken over, not copied."""
        self._storage = storage
        self._ctx = ctx
        self._entry = None
        self._family = None
        self._pending = None

    # ---------------------------------------------------------------- memory

    @property
    def _data(self) -> Any:
        """Dense memory, which there is none of: what is written for dense arrays stops here."""
        raise NotDenseError(
            f"Expected: a dense array. Received: a {self.stype} one of shape {self.shape}. "
            'Convert it with tostype("default").'
        )

    @property
    def storage(self) -> Any:
        """The container that holds the values; waits for a value that is on its way."""
        pending = self._pending
        if pending is not None:
            pending.settle()
            self._pending = None
        return self._storage

    @property
    def raw_buffer(self) -> Any:
        """The container, even while its value is on its way: for whoever fills it."""
        return self._storage

    def defer(self, wait: Callable[[], None]) -> None:
        """Mark the array as being filled by somebody else; whoever touches its values first calls `wait()`."""
        if self._pending is not None:
            self._pending.settle()
        self._pending = deferred.Deferred(wait, [])
        deferred.outstanding.add(self._pending)

    def wait_to_read(self) -> None:
        """Return when the array's value has been computed. Raises what its computation raised."""
        if self.storage is not None and self._ctx.device_typeid == 2:
            self._ctx.backend.synchronize()

    wait_to_write = wait_to_read

    def write(self, value: Any, source: Context) -> None:
        """Overwrite the array with a backend array or container of the same shape, which is taken over.

        source: the context of the value. It is converted to this array's context, storage and element type.
        """
        if tuple(value.shape) != self.shape:
            raise ArgumentError(f"Expected: a value of shape {self.shape}. Received: shape {tuple(value.shape)}.")
        with source.backend.active():
            converted = convert(source.xp, value, self.stype)
        if source is not self._ctx:
            converted = move(converted, source, self._ctx)
        with self._ctx.backend.active():
            if converted.dtype != self._storage.dtype:
                converted = converted.with_values(converted.values.astype(self._storage.dtype))
            self.storage.take(converted)

    def copy_values_from(self, source: Any, source_ctx: Context) -> None:
        """Overwrite the values with those of a backend array that broadcasts to this shape."""
        with source_ctx.backend.active():
            whole = source_ctx.xp.broadcast_to(source, self.shape)
        self.write(whole, source_ctx)

    # ---------------------------------------------------------------- facts

    @property
    def stype(self) -> str:
        """Storage type: "row_sparse" or "csr"."""
        stype: str = self._storage.stype
        return stype

    @property
    def size(self) -> int:
        """Not defined, since it may mean the stored elements or all. Raises NotImplementedError, as in MXNet."""
        raise NotImplementedError("Expected: the size of a dense array. Use math.prod(a.shape), or a.data.size.")

    @property
    def _num_aux(self) -> int:
        """How many arrays of indices there are."""
        return len(self._storage.index_arrays)

    def _aux_data(self, i: int) -> NDArray:
        """A copy of the i-th array of indices: of csr indptr, then indices."""
        return self._array_of(self.storage.index_arrays[i].copy())

    def _aux_type(self, i: int) -> Any:
        """The element type of the i-th array of indices."""
        return self._storage.index_arrays[i].dtype.type

    @property
    def _aux_types(self) -> list[Any]:
        return [array.dtype.type for array in self._storage.index_arrays]

    def _array_of(self, data: Any) -> NDArray:
        return wrap(data, self._ctx)

    @property
    def data(self) -> NDArray:
        """A dense copy of the stored values."""
        with self._ctx.backend.active():
            return self._array_of(self.storage.values.copy())

    @property
    def indices(self) -> NDArray:
        """A copy of the numbers of the stored rows (row_sparse), or of the column of each value (csr); int64."""
        with self._ctx.backend.active():
            return self._array_of(self.storage.indices.copy())

    # ---------------------------------------------------------------- conversion

    def asnumpy(self) -> np.ndarray:
        """All values as a dense NumPy array."""
        host = self.storage.map(to_numpy)
        try:
            dense: np.ndarray = convert(np, host, DENSE)
        except IndexError as error:
            raise IndexRangeError(
                f"Expected: indices inside {self.shape}. Received: {error}; see check_format."
            ) from None
        return dense

    def astype(self, dtype: Any, copy: bool = True) -> NDArray:
        """The array with another element type; itself when copy is False and it has that type already."""
        if not copy and self._storage.dtype == as_dtype(dtype):
            return self
        with self._ctx.backend.active():
            converted = self.storage.with_values(self.storage.values.astype(as_dtype(dtype)))
        result = wrap_value(converted, self._ctx)
        if recording.mode.recording:
            params = {"dtype": as_dtype(dtype)}
            recording.tape.record(find("Cast"), params, (self,), (result,), recording.mode.training, None)
        return result

    def asscalar(self) -> Any:
        """The only element as a NumPy scalar. Raises ArgumentError where there is not exactly one."""
        return self._as_host_array().asscalar()

    def _as_host_array(self) -> NDArray:
        return wrap(self.asnumpy(), Context("cpu", 0))

    def _as_number(self) -> Any:
        return self._as_host_array()._as_number()

    def __bool__(self) -> bool:
        return bool(self._as_host_array())

    def copyto(self, other: NDArray | Context) -> NDArray:
        """Copy into another array of the same shape and of any storage, or to a context; returns the target."""
        if isinstance(other, Context):
            return self._copy_to_context(other)
        if not isinstance(other, NDArray):
            raise ArgumentTypeError(f"Expected: an NDArray or a Context. Received: {type(other).__name__}.")
        if other is self:
            return other
        if other.shape != self.shape:
            raise ArgumentError(f"Expected: a target of shape {self.shape}. Received: shape {other.shape}.")
        with self._ctx.backend.active():
            copied = self.storage.copy()
        write_value(other, copied, self._ctx)
        if recording.mode.recording:
            recording.tape.record(find("_copyto"), {}, (self,), (other,), recording.mode.training, None)
        return other

    def _copy_to_context(self, ctx: Context) -> NDArray:
        if ctx is self._ctx:
            return self.copy()
        moved = wrap_value(move(self.storage, self._ctx, ctx), ctx)
        if recording.mode.recording:
            recording.tape.record(find("_copyto"), {}, (self,), (moved,), recording.mode.training, None)
        return moved

    def detach(self) -> NDArray:
        """The same memory, outside of the recorded graph."""
        return wrap_value(self.storage, self._ctx)

    def __repr__(self) -> str:
        sizes = "x".join(str(n) for n in self.shape)
        return f"\n<{type(self).__name__} {sizes} @{self._ctx}>"

    def __reduce__(self) -> Any:
        storage = self.storage.map(to_numpy)
        arrays = (storage.values, *storage.index_arrays)
        return rebuild, (self.stype, arrays, self.shape, str(self._ctx.device_type), self._ctx.device_id)


class RowSparseNDArray(BaseSparseNDArray):
    """An array of which some rows are stored, and all others are zeros: what gradients of embeddings look like."""

    __slots__ = ()


class CSRNDArray(BaseSparseNDArray):
    """A matrix in compressed sparse rows."""

    __slots__ = ()

    @property
    def indptr(self) -> NDArray:
        """A copy of the row pointers: the values of row i are those from indptr[i] to indptr[i + 1]; int64."""
        with self._ctx.backend.active():
            return self._array_of(self.storage.indptr.copy())


_TYPES = {ROW_SPARSE: RowSparseNDArray, CSR: CSRNDArray}


def wrap_value(value: Any, ctx: Context) -> NDArray:
    """An NDArray of the right kind over a backend array or a container, which it takes over."""
    return _TYPES[value.stype](value, ctx) if isinstance(value, SparseContainer) else wrap(value, ctx)


def value_of(array: NDArray) -> Any:
    """The backend array of a dense NDArray, or the container of a sparse one."""
    return array.storage if isinstance(array, BaseSparseNDArray) else array._data


def move(value: Any, source: Context, target: Context) -> Any:
    """A copy of a backend array or container on another context."""
    if isinstance(value, SparseContainer):
        return value.map(lambda array: transfer(array, source, target))
    return transfer(value, source, target)


def write_value(target: NDArray, value: Any, source: Context) -> None:
    """Overwrite an array of any storage with a backend array or container, which is taken over, of its shape."""
    if isinstance(target, BaseSparseNDArray):
        target.write(value, source)
        return
    with source.backend.active():
        dense = convert(source.xp, value, DENSE)
    target.copy_values_from(dense, source)


def rebuild(
    stype: str, arrays: tuple[np.ndarray, ...], shape: tuple[int, ...], device_type: str, device_id: int
) -> NDArray:
    """A sparse array from NumPy copies of its values and index arrays (how it is unpickled)."""
    ctx = Context(device_type, device_id)
    values, *index_arrays = (ctx.backend.upload(array) for array in arrays)
    return wrap_value(empty_container(np, stype, shape, values.dtype).rebuild(values, tuple(index_arrays)), ctx)
