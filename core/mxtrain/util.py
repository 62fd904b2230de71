"""Switches of NumPy semantics (zero-dimensional and zero-size shapes), environment variables, and facts about GPUs."""

import contextlib
import functools
import inspect
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError
from mxtrain.numpy_options import np_ufunc_legal_option, wrap_np_binary_func, wrap_np_unary_func

__all__ = [
    "get_cuda_compute_capability",
    "get_gpu_count",
    "get_gpu_memory",
    "getenv",
    "is_np_array",
    "is_np_shape",
    "np_array",
    "np_shape",
    "np_ufunc_legal_option",
    "reset_np",
    "set_module",
    "set_np",
    "set_np_shape",
    "setenv",
    "use_np",
    "use_np_array",
    "use_np_shape",
    "wrap_np_binary_func",
    "wrap_np_unary_func",
]

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


class _Semantics(threading.local):
    """What the thread's switches say; off unless switched on, as in MXNet 1.x."""

    shape = False
    array = False


_semantics = _Semantics()


def is_np_shape() -> bool:
    """Whether () is the shape of a scalar and 0 a size. Otherwise they stand for an unknown shape and size."""
    return _semantics.shape


def is_np_array() -> bool:
    """Whether layers work on `mx.np.ndarray` rather than `mx.nd.NDArray`."""
    return _semantics.array


def set_np_shape(active: bool) -> bool:
    """Switch NumPy's shape semantics on or off in this thread; returns what it was."""
    previous, _semantics.shape = _semantics.shape, _as_switch(active)
    return previous


def _set_np_array(active: bool) -> bool:
    previous, _semantics.array = _semantics.array, _as_switch(active)
    return previous


def _as_switch(active: Any) -> bool:
    if not hasattr(active, "__index__"):
        raise ArgumentTypeError(f"Expected: True or False. Received: {active!r}.")
    return bool(active)


def set_np(shape: bool = True, array: bool = True) -> None:
    """Switch both NumPy semantics in this thread. Raises ArgumentError for array semantics without shape semantics."""
    if array and not shape:
        raise ArgumentError("Expected: NumPy shape semantics where array semantics are on. Received: shape=False.")
    set_np_shape(shape)
    _set_np_array(array)


def reset_np() -> None:
    """Switch both NumPy semantics off in this thread."""
    set_np(shape=False, array=False)


@contextlib.contextmanager
def _switched(set_switch: Callable[[bool], bool], active: bool) -> Iterator[None]:
    previous = set_switch(active)
    try:
        yield
    finally:
        set_switch(previous)


def np_shape(active: bool = True) -> contextlib.AbstractContextManager[None]:
    """A `with` block in which NumPy's shape semantics are on (or off)."""
    return _switched(set_np_shape, active)


def np_array(active: bool = True) -> contextlib.AbstractContextManager[None]:
    """A `with` block in which NumPy's array semantics are on (or off)."""
    return _switched(_set_np_array, active)


def _under(scope: Callable[[], contextlib.AbstractContextManager[None]], target: _Decorated) -> _Decorated:
    """A function that runs inside a scope; of a class, its own methods and properties do."""
    if inspect.isclass(target):
        for name, member in list(vars(target).items()):
            if inspect.isfunction(member):
                setattr(target, name, _under(scope, member))
            elif isinstance(member, property):
                parts = (part and _under(scope, part) for part in (member.fget, member.fset, member.fdel))
                setattr(target, name, property(*parts))  # type: ignore[arg-type]
        return target
    if not callable(target):
        raise ArgumentTypeError(f"Expected: a function or a class to decorate. Received: {type(target).__name__}.")

    @functools.wraps(target)
    def inside(*args: Any, **kwargs: Any) -> Any:
        with scope():
            return target(*args, **kwargs)

    return inside  # type: ignore[return-value]


def use_np_shape(func: _Decorated) -> _Decorated:
    """Decorator: the function, or every method of the class, runs with NumPy's shape semantics."""
    return _under(np_shape, func)


def use_np_array(func: _Decorated) -> _Decorated:
    """Decorator: the function, or every method of the class, runs with NumPy's array semantics."""
    return _under(np_array, func)


def use_np(func: _Decorated) -> _Decorated:
    """Decorator: the function, or every method of the class, runs with NumPy's shape and array semantics."""
    return use_np_shape(use_np_array(func))


def set_module(module: str | None) -> Callable[[_Decorated], _Decorated]:
    """Decorator: the function or class says that it comes from `module`."""

    def decorate(func: _Decorated) -> _Decorated:
        if module is not None:
            func.__module__ = module
        return func

    return decorate


def getenv(name: str) -> str | None:
    """The value of an environment variable, None where it is not set."""
    return os.environ.get(name)


def setenv(name: str, value: str | None) -> None:
    """Set an environment variable; None removes it."""
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def get_gpu_count() -> int:
    """How many GPUs there are."""
    from mxtrain.device import gpu_count

    return gpu_count()


def get_gpu_memory(gpu_dev_id: int) -> tuple[int, int]:
    """(free, total) bytes of a GPU's memory. Raises MXNetError where it is missing."""
    from mxtrain.context import gpu_memory_info

    return gpu_memory_info(gpu_dev_id)


def get_cuda_compute_capability(ctx: Any) -> int:
    """A GPU's compute capability as an integer, such as 86. Raises MXNetError for another context."""
    if ctx.device_type != "gpu":
        raise MXNetError(f"Expected: a GPU context. Received: {ctx}.")
    with ctx.backend.active():
        return int(ctx.xp.cuda.Device(ctx.device_id).compute_capability)
