"""`NDArray`: an n-dimensional array on one device."""

import ctypes
import functools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError
from mxtrain.context import Context, current_context
from mxtrain.device import to_numpy
from mxtrain.dtypes import as_dtype
from mxtrain.ndarray import deferred, recording
from mxtrain.ops import find


def _binary(self: "NDArray", other: Any) -> "NDArray":
    """The type of a binary operator's method, for type checkers."""
    raise AttributeError("arithmetic.py installs the operators")


class NDArray:
    """An n-dimensional array of one element type on one device. Make one with `mx.nd.array`, `mx.nd.zeros`, ...

    An NDArray owns C-contiguous memory or is a view of such memory, and keeps it for life: whoever holds the backend
    array (a compiled plan, a transport) sees every later write. Arithmetic gives new arrays; `a[:] = x`, `a += x` and
    `out=a` write in place.
    """

    __slots__ = ("__weakref__", "_ctx", "_data", "_entry", "_family", "_pending")
    # NumPy's binary operators leave the work to ours
    __array_priority__ = 1000.0

    _data: Any
    _ctx: Context
    _entry: Any  # its place on the tape, or what makes it a variable; None: no gradient flows
    _family: list[weakref.ref["NDArray"]] | None  # everybody that shares this memory
    _pending: "deferred.Deferred | None"

    def __init__(self, data: Any, ctx: Any = None, writable: bool = True) -> None:
        """data: a C-contiguous backend array of the context; taken over, not copied.

        Without a context: the `handle` of an array, whose memory is shared; None where a pickle fills the array in.
        """
        if ctx is None and data is not None:
            data, ctx = _of_handle(data)
        self._data = data
        self._ctx = ctx
        self._entry = None
        self._family = None
        self._pending = None

    if TYPE_CHECKING:  # what `methods.py`, `arithmetic.py` and `indexing.py` add: a.sum(), a + b, a[1:3], ...

        def __getattr__(self, name: str) -> Any: ...
        def __getitem__(self, key: Any) -> "NDArray": ...
        def __setitem__(self, key: Any, value: Any) -> None: ...

        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _binary
        __mod__ = __rmod__ = __pow__ = __rpow__ = __lt__ = __le__ = __gt__ = __ge__ = _binary
        __iadd__ = __isub__ = __imul__ = __itruediv__ = __imod__ = _binary

        def __neg__(self) -> "NDArray": ...

    else:

        def __getattr__(self, name: str) -> Any:
            if name != "_data":
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            pending = self._pending
            if pending is not None:
                pending.settle()
            return object.__getattribute__(self, "_data")

    # ---------------------------------------------------------------- facts

    @property
    def data_array(self) -> Any:
        """The backend array (numpy or cupy) that holds the values; waits for a value that is on its way."""
        return self._data

    @property
    def raw_buffer(self) -> Any:
        """The backend array even while its value is on its way: for whoever fills it."""
        pending = self._pending
        if pending is None:
            return self._data
        for array, buffer in pending.targets:
            if array is self:
                return buffer
        return self._data

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        shape: tuple[int, ...] = self.raw_buffer.shape
        return shape

    @property
    def dtype(self) -> Any:
        """The element type, as a NumPy scalar type such as numpy.float32."""
        return self.raw_buffer.dtype.type

    @property
    def size(self) -> int:
        """How many elements there are."""
        return int(self.raw_buffer.size)

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return int(self.raw_buffer.ndim)

    @property
    def context(self) -> Context:
        """The device that the array lives on."""
        return self._ctx

    ctx = context

    @property
    def stype(self) -> str:
        """Storage type: "default" (dense)."""
        return "default"

    @property
    def T(self) -> "NDArray":
        """A copy with the axes in reverse order."""
        return self.transpose()

    @property
    def handle(self) -> int:
        """A number that identifies the array in this process as long as it lives (MXNet's C handle)."""
        _by_handle[id(self)] = self
        return id(self)

    @property
    def _as_parameter_(self) -> ctypes.c_void_p:
        """What `ctypes.cast(array, NDArrayHandle)` makes a handle of, as monitors of MXNet do."""
        return ctypes.c_void_p(self.handle)

    @property
    def writable(self) -> bool:
        """Always true."""
        return True

    # ---------------------------------------------------------------- values on their way

    def defer(self, wait: Callable[[], None]) -> None:
        """Mark the array as being filled by somebody else; whoever touches its data first calls `wait()`.

        wait: blocks until `raw_buffer` holds the value, within its own deadline, or raises.
        """
        deferred.defer(self, wait)

    def wait_to_read(self) -> None:
        """Return when the array's value has been computed. Raises what its computation raised."""
        if self._data is not None and self._ctx.device_typeid == 2:
            self._ctx.backend.synchronize()

    wait_to_write = wait_to_read

    # ---------------------------------------------------------------- conversion

    def asnumpy(self) -> np.ndarray:
        """A NumPy copy of the values."""
        data = self._data
        if isinstance(data, np.ndarray):
            return data.copy()
        return to_numpy(data)

    def asscalar(self) -> Any:
        """The only element as a NumPy scalar. Raises ArgumentError where there is not exactly one."""
        if self.size != 1:
            raise ArgumentError(f"Expected: an array with one element. Received: shape {self.shape}.")
        return self.asnumpy().reshape(-1)[0]

    def item(self) -> Any:
        """The only element as a Python number."""
        return self.asscalar().item()

    def tolist(self) -> Any:
        """The values as nested lists."""
        return self.asnumpy().tolist()

    def astype(self, dtype: Any, copy: bool = True) -> "NDArray":
        """The array with another element type; itself when copy is False and it has that type already."""
        if not copy and self._data.dtype == as_dtype(dtype):
            return self
        return self.cast(dtype=dtype)

    def copy(self) -> "NDArray":
        """A new array with the same values on the same context."""
        return self._copy()

    def copyto(self, other: "NDArray | Context") -> "NDArray":
        """Copy the values into another array of the same shape, or a new one on a context; returns the target."""
        if isinstance(other, Context):
            return self._copy_to_context(other)
        if not isinstance(other, NDArray):
            raise ArgumentTypeError(f"Expected: an NDArray or a Context. Received: {type(other).__name__}.")
        if other.shape != self.shape:
            raise ArgumentError(f"Expected: a target of shape {self.shape}. Received: shape {other.shape}.")
        if recording.mode.recording and other._entry is not None:
            raise MXNetError(
                "Expected: a target that is not recorded. Received: one in the graph of autograd.record()."
            )
        other.copy_values_from(self._data, self._ctx)
        if recording.mode.recording:
            recording.tape.record(find("_copyto"), {}, (self,), (other,), recording.mode.training, None)
        return other

    def _copy_to_context(self, ctx: Context) -> "NDArray":
        if ctx is self._ctx:
            return self.copy()
        moved = wrap(transfer(self._data, self._ctx, ctx), ctx)
        if recording.mode.recording:
            recording.tape.record(find("_copyto"), {}, (self,), (moved,), recording.mode.training, None)
        return moved

    def as_in_context(self, context: Context) -> "NDArray":
        """The array on a context: itself when it is there already, else a copy."""
        return self if context is self._ctx else self._copy_to_context(context)

    as_in_ctx = as_in_context

    def as_nd_ndarray(self) -> "NDArray":
        """The array itself."""
        return self

    def copy_values_from(self, source: Any, source_ctx: Context) -> None:
        """Overwrite the values with those of a backend array that broadcasts to this shape (cast to this dtype)."""
        if source_ctx.device_typeid != 2 and self._ctx.device_typeid != 2:
            np.copyto(self._data, source, casting="unsafe")
            return
        values = source if source_ctx is self._ctx else transfer(source, source_ctx, self._ctx)
        with self._ctx.backend.active():
            self._data[...] = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = self.asnumpy()
        return values if dtype is None else values.astype(dtype, copy=False)

    def __dlpack__(self, **options: Any) -> Any:
        return self._data.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self._data.__dlpack_device__()

    def __len__(self) -> int:
        return self.shape[0]

    def _as_number(self) -> Any:
        if self.size != 1:
            raise ArgumentTypeError(f"Expected: an array with one element. Received: shape {self.shape}.")
        return self.asscalar()

    def __bool__(self) -> bool:
        if self.size == 0:
            return False
        if self.size > 1:
            raise ArgumentError(
                f"Expected: an array with one element as a truth value. Received: shape {self.shape}. "
                "Compare with .asnumpy().all() or .any()."
            )
        return bool(self.asscalar())

    def __float__(self) -> float:
        return float(self._as_number())

    def __int__(self) -> int:
        return int(self._as_number())

    def __index__(self) -> int:
        if not np.issubdtype(self.dtype, np.integer):
            raise ArgumentTypeError(f"Expected: an integer array as an index. Received: dtype {self._data.dtype}.")
        return int(self._as_number())

    def __repr__(self) -> str:
        sizes = "x".join(str(n) for n in self.shape)
        return f"\n{self.asnumpy()!s}\n<{type(self).__name__} {sizes} @{self._ctx}>"

    __hash__ = object.__hash__

    def __reduce__(self) -> Any:
        return from_numpy_copy, (self.asnumpy(), str(self._ctx.device_type), self._ctx.device_id)

    def __copy__(self) -> "NDArray":
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> "NDArray":
        return self.copy()

    # ---------------------------------------------------------------- views

    def view(self, data: Any) -> "NDArray":
        """An NDArray over `data`, a contiguous part or reshape of this array's memory."""
        other = wrap(data, self._ctx)
        family = self._family
        if family is None:
            family = self._family = [weakref.ref(self)]
        elif len(family) >= 32:
            family[:] = [ref for ref in family if ref() is not None]
        family.append(weakref.ref(other))
        other._family = family
        return other

    # ---------------------------------------------------------------- autograd

    def attach_grad(self, grad_req: str = "write", stype: str | None = None) -> None:
        """Make the array a variable: `backward` will fill `self.grad`.

        grad_req: "write" (replace the gradient), "add" (accumulate), "null" (none).
        """
        recording.tape.attach(self, grad_req, stype)

    @property
    def grad(self) -> "NDArray | None":
        """The gradient array of a variable; None where `attach_grad` was not called."""
        return recording.tape.grad_of(self)

    @property
    def _fresh_grad(self) -> bool:
        """Whether the last `backward` wrote this variable's gradient (Gluon's Trainer resets it)."""
        return bool(getattr(self._entry, "fresh", False))

    @_fresh_grad.setter
    def _fresh_grad(self, value: bool) -> None:
        if self._entry is not None:
            self._entry.fresh = value

    def detach(self) -> "NDArray":
        """The same memory, outside of the recorded graph."""
        return self.view(self._data)

    def backward(self, out_grad: "NDArray | None" = None, retain_graph: bool = False, train_mode: bool = True) -> None:
        """Compute the gradients of all variables that this array depends on.

        out_grad: gradient of the result by this array, same shape; ones by default.
        """
        recording.tape.backward([self], [out_grad], retain_graph=retain_graph, train_mode=train_mode)


# arrays whose handle was asked for
_by_handle: "weakref.WeakValueDictionary[int, NDArray]" = weakref.WeakValueDictionary()


def _of_handle(handle: Any) -> tuple[Any, Context]:
    """Memory and context of the array that a handle stands for. Raises ArgumentTypeError where there is none."""
    number = handle.value if isinstance(handle, ctypes.c_void_p) else handle
    array = _by_handle.get(number) if isinstance(number, int) else None
    if array is None:
        raise ArgumentTypeError(f"Expected: the handle of an NDArray. Received: {type(handle).__name__}.")
    return array._data, array._ctx


def wrap(data: Any, ctx: Context) -> NDArray:
    """An NDArray over a C-contiguous backend array of a context, which it takes over."""
    return NDArray(data, ctx)


def from_backend(data: Any, ctx: Context | None = None) -> NDArray:
    """An NDArray that shares the memory of a backend array. Raises ArgumentError unless it is C-contiguous."""
    if not data.flags.c_contiguous:
        raise ArgumentError("Expected: a C-contiguous array. Received: a strided one. Copy it first.")
    as_dtype(data.dtype)
    return NDArray(data, ctx or current_context())


def from_numpy_copy(values: np.ndarray, device_type: str, device_id: int) -> NDArray:
    """An NDArray with a copy of the values on a device (how NDArrays are unpickled and deep-copied)."""
    ctx = Context(device_type, device_id)
    return NDArray(ctx.backend.upload(values), ctx)


def transfer(data: Any, source: Context, target: Context) -> Any:
    """A copy of a backend array on another context."""
    return target.backend.copy_from(source.backend, data)


def contiguous_copy(data: Any, ctx: Context) -> Any:
    """A C-contiguous copy of a backend array on its own context."""
    if ctx.device_typeid != 2:
        return data.copy(order="C")
    with ctx.backend.active():
        return data.copy(order="C")


def on_device(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: a function of an NDArray runs with the array's device as the current one of the thread."""

    @functools.wraps(function)
    def run(self: NDArray, *args: Any) -> Any:
        if self._ctx.device_typeid != 2:
            return function(self, *args)
        with self._ctx.backend.active():
            return function(self, *args)

    return run


def require_same_shape(left: NDArray, right: NDArray) -> None:
    """Raise MXNetError unless two arrays have one shape."""
    if left.shape != right.shape:
        raise MXNetError(f"Expected: shape {left.shape}. Received: shape {right.shape}.")
