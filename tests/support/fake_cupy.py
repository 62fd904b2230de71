"""A stand-in for the module `cupy`, for machines without a GPU: devices in host memory, as strict as CuPy.

It has the functions, methods and parameters that both CuPy 13 and CuPy 14 have (cupy_interface.json) and no others. Its
arrays are no NumPy arrays and turn into such only by `.get()`; functions refuse NumPy arrays, and arrays of a device
that is not the current one of the thread (real CuPy takes those where GPUs reach each other's memory, and warns).
Work is done at once: nothing here shows what streams do, beyond the order of the events in `events`.
"""

import functools
import types
from collections.abc import Callable
from typing import Any

import fake_cupy_arrays as arrays
import numpy as np
from fake_cupy_arrays import INTERFACE, current, ndarray, require_keywords, ufunc, unwrap, wrap

NUM_DEVICES = 2
events: list[tuple[str, int]] = []  # ("record" or "wait", device), in the order of the calls


# ------------------------------------------------------------------------------------------- devices


class CUDARuntimeError(RuntimeError):
    """What a call of the CUDA runtime raises."""


class Device:
    """A device; as a `with` block the current one of the thread."""

    compute_capability = "90"

    def __init__(self, device: int | None = None) -> None:
        self.id = current.device if device is None else int(device)
        if not 0 <= self.id < NUM_DEVICES:
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")

    def __enter__(self) -> "Device":
        _outer().append(current.device)
        current.device = self.id
        return self

    def __exit__(self, *exc_info: Any) -> None:
        current.device = _outer().pop()

    def use(self) -> None:
        current.device = self.id

    def synchronize(self) -> None:
        events.append(("synchronize", self.id))


def _outer() -> list[int]:
    """The devices that the `with` blocks of this thread return to."""
    if not hasattr(current, "outer"):
        current.outer = []
    outer: list[int] = current.outer
    return outer


class Event:
    """A point in the work of the device that is current when it is recorded."""

    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        self.device: int | None = None

    def record(self, stream: Any = None) -> None:
        self.device = current.device
        events.append(("record", current.device))

    def synchronize(self) -> None:
        events.append(("synchronize", current.device))


class Stream:
    """The null stream of the current device."""

    null: "Stream"

    def wait_event(self, event: Event) -> None:
        events.append(("wait", current.device))

    def synchronize(self) -> None:
        events.append(("synchronize", current.device))


Stream.null = Stream()


class MemoryPool:
    """A pool that keeps nothing."""

    def free_all_blocks(self) -> None:
        events.append(("free", current.device))

    def used_bytes(self) -> int:
        return 0

    def total_bytes(self) -> int:
        return 0


# ------------------------------------------------------------------------------------------- functions


def _function(name: str, numpy_function: Callable[..., Any]) -> Callable[..., Any]:
    allowed = INTERFACE["functions"][name]

    def function(*args: Any, **kwargs: Any) -> Any:
        require_keywords(name, allowed, kwargs)
        base = next((arg for arg in args if isinstance(arg, ndarray)), None)
        return arrays.call(numpy_function, args, kwargs, base)

    function.__name__ = name.rpartition(".")[2]
    return function


def _fact(numpy_function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of shapes, dtypes and addresses, which needs no device."""

    def function(*args: Any) -> Any:
        return numpy_function(*(arg._host if isinstance(arg, ndarray) else arg for arg in args))

    return function


def _uploading(name: str) -> Callable[..., Any]:
    """`array` and the like: they copy NumPy arrays to the current device, and arrays of other devices too."""
    numpy_function = getattr(np, name)

    def function(obj: Any, *args: Any, **kwargs: Any) -> Any:
        require_keywords(name, INTERFACE["functions"][name], kwargs)
        if isinstance(obj, ndarray):
            same = obj._device == current.device and name != "array"
            host = numpy_function(obj._host, *args, **kwargs)
            return obj if same and host is obj._host else ndarray(np.array(host), current.device)
        host = obj if isinstance(obj, np.ndarray) else unwrap(obj)
        return ndarray(np.array(numpy_function(host, *args, **kwargs)), current.device)

    return function


def asnumpy(a: Any) -> np.ndarray:
    """The values in host memory, from any device."""
    return a.get() if isinstance(a, ndarray) else np.asarray(a)


def copyto(dst: ndarray, src: Any, casting: str = "same_kind", where: Any = None) -> None:
    """Copy values within the current device."""
    np.copyto(unwrap(dst), unwrap(src), casting=casting, where=True if where is None else unwrap(where))


def from_dlpack(array: Any) -> ndarray:
    """An array over the memory of another of this module."""
    if not isinstance(array, ndarray):
        raise TypeError(f"Unsupported type {type(array)}")
    return array._view(array._host)


# ------------------------------------------------------------------------------------------- random numbers


class Generator:
    """Random numbers on the device that was current when it was made, and on no other."""

    def __init__(self, seed: Any = None) -> None:
        self._device = current.device
        self._numpy = np.random.default_rng(seed)


def _draw(name: str) -> Callable[..., Any]:
    def draw(self: Generator, *args: Any, **kwargs: Any) -> Any:
        require_keywords(name, INTERFACE["generator"][name], kwargs)
        if self._device != current.device:
            raise RuntimeError("This Generator state is allocated in a different device")
        result = arrays.call(getattr(self._numpy, name), args, kwargs)
        return result if isinstance(result, ndarray) else wrap(np.asarray(result))

    draw.__name__ = name
    return draw


for _name in INTERFACE["generator"]:
    setattr(Generator, _name, _draw(_name))


# ------------------------------------------------------------------------------------------- the module


def _module(name: str, **content: Any) -> types.ModuleType:
    module = types.ModuleType(name, "Stand-in of the module of this name.")
    vars(module).update(content)
    return module


def _part(name: str, functions: dict[str, Callable[..., Any]]) -> types.ModuleType:
    """A module within the module: its functions are those whose names begin with its own."""
    prefix = f"{name}."
    inside = {key.removeprefix(prefix): value for key, value in functions.items() if key.startswith(prefix)}
    return _module(f"cupy.{name}", **inside)


def _functions() -> dict[str, Callable[..., Any]]:
    """Every function of the interface, by its name (`linalg.norm`)."""
    table = {}
    for name in INTERFACE["functions"]:
        found: Any = np
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is not None:  # an older NumPy may lack it
            table[name] = _function(name, found)
    facts = {name: _fact(getattr(np, name)) for name in ("may_share_memory", "ndim", "shape", "size", "result_type")}
    uploading = ("array", "asarray", "ascontiguousarray", "asanyarray")
    uploads = {name: _uploading(name) for name in uploading}
    return {**table, **facts, **uploads, "asnumpy": asnumpy, "copyto": copyto, "from_dlpack": from_dlpack}


def _cuda() -> types.ModuleType:
    runtime = _module(
        "cupy.cuda.runtime",
        CUDARuntimeError=CUDARuntimeError,
        getDeviceCount=lambda: NUM_DEVICES,
        getDevice=lambda: current.device,
        memGetInfo=lambda: (3 << 30, 4 << 30),
    )
    return _module(
        "cupy.cuda",
        Device=Device,
        Event=Event,
        Stream=Stream,
        get_current_stream=lambda device_id=-1: Stream.null,
        runtime=runtime,
    )


@functools.cache
def make_module() -> types.ModuleType:
    """The module `cupy`."""
    functions = _functions()
    ndarray.functions = {**functions, "Device": Device}
    dtypes = ("bool_", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64")
    pools = {name: MemoryPool() for name in ("get_default_memory_pool", "get_default_pinned_memory_pool")}
    return _module(
        "cupy",
        __version__="13.6.0",
        ndarray=ndarray,
        ufunc=ufunc,
        **ndarray.ufuncs,
        **{name: value for name, value in functions.items() if "." not in name},
        **{name: getattr(np, name) for name in (*dtypes, "dtype", "finfo", "iinfo", "newaxis", "inf", "nan", "pi")},
        **{name: (lambda pool=pool: pool) for name, pool in pools.items()},
        linalg=_part("linalg", functions),
        fft=_part("fft", functions),
        random=_module("cupy.random", Generator=Generator, default_rng=Generator),
        cuda=_cuda(),
    )
