"""`Context`: the device that an array lives on and an operator runs on."""

import threading
import types
from typing import Any, ClassVar

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.device import Backend, backend_for
from mxtrain.device import gpu_count as num_gpus

__all__ = ["Context", "cpu", "cpu_pinned", "current_context", "gpu", "gpu_memory_info", "num_gpus"]


class _ContextType(type):
    """What the class itself has: the current context, under the name that older scripts know."""

    @property
    def default_ctx(cls) -> "Context":
        """The default context of this thread."""
        return current_context()

    @default_ctx.setter
    def default_ctx(cls, ctx: "Context") -> None:
        set_thread_default(ctx)


class Context(metaclass=_ContextType):
    """A device, such as `mx.cpu()` or `mx.gpu(1)`; there is one object per device, so `is` compares devices.

    device_type: "cpu", "gpu", "cpu_pinned", "cpu_shared", or a Context (returned as it is).
    device_id: index of the device. As a `with` block it becomes the default context of the thread.
    """

    __slots__ = ("_backend", "device_id", "device_type", "device_typeid")

    devtype2str: ClassVar[dict[int, str]] = {1: "cpu", 2: "gpu", 3: "cpu_pinned", 5: "cpu_shared"}
    devstr2type: ClassVar[dict[str, int]] = {name: number for number, name in devtype2str.items()}
    _instances: ClassVar[dict[tuple[str, int], "Context"]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    device_type: str
    device_id: int
    device_typeid: int
    _backend: Backend | None

    def __new__(cls, device_type: "str | Context", device_id: int = 0) -> "Context":
        """The one object of a device."""
        if isinstance(device_type, Context):
            return device_type
        key = (device_type, device_id)
        found = cls._instances.get(key)
        return found if found is not None else cls._create(device_type, device_id)

    @classmethod
    def _create(cls, device_type: str, device_id: int) -> "Context":
        if device_type not in cls.devstr2type:
            raise ArgumentError(f"Expected: a device type of {sorted(cls.devstr2type)}. Received: {device_type!r}.")
        if not isinstance(device_id, int) or device_id < 0:
            raise ArgumentTypeError(f"Expected: a device id >= 0. Received: {device_id!r}.")
        with cls._lock:
            key = (device_type, device_id)
            if key not in cls._instances:
                self = super().__new__(cls)
                self.device_type = device_type
                self.device_id = device_id
                self.device_typeid = cls.devstr2type[device_type]
                self._backend = None
                cls._instances[key] = self
            return cls._instances[key]

    @property
    def backend(self) -> Backend:
        """What runs on this device. Raises MXNetError for a GPU that is not there."""
        if self._backend is None:
            with self._lock:  # a second backend would have random numbers of its own
                self._backend = backend_for(self.device_type, self.device_id)
        return self._backend

    @property
    def xp(self) -> types.ModuleType:
        """The array module of this device: numpy or cupy."""
        return self.backend.xp

    def empty_cache(self) -> None:
        """Give the device's cached, unused memory back."""
        self.backend.free_memory()

    def __enter__(self) -> "Context":
        _scope.stack.append(self)
        return self

    def __exit__(self, *exc_info: Any) -> None:
        _scope.stack.pop()

    def __repr__(self) -> str:
        return f"{self.device_type}({self.device_id})"

    __str__ = __repr__

    def __reduce__(self) -> tuple[type["Context"], tuple[str, int]]:
        return Context, (self.device_type, self.device_id)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Context":
        return self


class _Scope(threading.local):
    """The `with ctx:` blocks that the thread is in, innermost last; below them all is cpu(0)."""

    def __init__(self) -> None:
        self.stack = [Context("cpu", 0)]


_scope = _Scope()


def cpu(device_id: int = 0) -> Context:
    """A CPU context. Ids other than 0 stand for further devices of the same kind, as in MXNet."""
    return Context("cpu", device_id)


def cpu_pinned(device_id: int = 0) -> Context:
    """A CPU context for transfers to a GPU; the same memory as `cpu` here."""
    return Context("cpu_pinned", device_id)


def gpu(device_id: int = 0) -> Context:
    """A CUDA device. Making the context is free; its first use raises MXNetError where the device is missing."""
    return Context("gpu", device_id)


def current_context() -> Context:
    """The default context of this thread: the innermost `with ctx:` block, or cpu(0)."""
    return _scope.stack[-1]


def set_thread_default(ctx: Context) -> None:
    """Make a context this thread's current one, until the `with ctx:` block that it is in (if any) ends."""
    _scope.stack[-1] = ctx


def gpu_memory_info(device_id: int = 0) -> tuple[int, int]:
    """(free, total) bytes of memory on a GPU. Raises MXNetError where it is missing."""
    backend = gpu(device_id).backend
    with backend.active():
        free, total = backend.xp.cuda.runtime.memGetInfo()
    return int(free), int(total)
