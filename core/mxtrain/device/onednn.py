"""oneDNN through its C interface (version 3): the library, descriptors of arrays, and primitives ready to run.

The library is optional. It is looked for once, when a kernel first asks `is_usable()`: the path in
MXTRAIN_ONEDNN_LIBRARY, the wheel `onednn-cpu-gomp` (extra `onednn`), or whatever libdnnl the system has.
MXNET_MKLDNN_ENABLED=0 leaves it out.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import pathlib
import site
import sys
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from ctypes import c_int, c_int64, c_size_t, c_uint, c_void_p
from typing import Any, Protocol

import numpy as np

from mxtrain.base import MXNetError
from mxtrain.device.scratch import scratch_bytes

# numbers of the C interface (dnnl_types.h), the same in all of version 3
SRC, DST, WEIGHTS, BIAS, WORKSPACE, SCRATCHPAD = 1, 17, 33, 41, 64, 80
DIFF_SRC, DIFF_DST, DIFF_WEIGHTS = 129, 145, 161
FORWARD_TRAINING, FORWARD_INFERENCE = 64, 96
_SUCCESS, _UNIMPLEMENTED = 0, 3
_CPU = 1
_IN_ORDER = 1
_FLOAT32 = 3
_FORMAT_ANY = 1
_USER_SCRATCHPAD = 1
_ALIGNMENT = 64  # bytes: what the library wants of working memory
_QUERY_WORKSPACE = 135
_QUERY_ARGUMENT = 255
_MAX_NDIM = 12

Dims = c_int64 * _MAX_NDIM
_STATUS = {
    1: "out of memory",
    2: "invalid arguments",
    3: "not implemented",
    4: "no further implementation",
    5: "runtime error",
    6: "not required",
}


class Windows(Protocol):
    """How windows slide, along each spatial axis: size, distance, distance of their elements, padding."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilate: tuple[int, ...]
    pad: tuple[int, ...]


class _Version(ctypes.Structure):
    _fields_ = (("major", c_int), ("minor", c_int), ("patch", c_int))


class _Argument(ctypes.Structure):
    _fields_ = (("arg", c_int), ("memory", c_void_p))


class OneDnnError(MXNetError):
    """A call of oneDNN that failed."""


class NotImplementedByOneDnn(OneDnnError):
    """What the library does not implement for arrays like these, or on this processor."""


def is_usable() -> bool:
    """Whether kernels may use oneDNN: there, not switched off, and not in a forked child.

    (A child has the parent's OpenMP runtime but not its threads, and would wait for them forever.)
    """
    return not _process.forked and _find() is not None


class _Process:
    forked = False


_process = _Process()


def _note_fork() -> None:
    _process.forked = True


os.register_at_fork(after_in_child=_note_fork)


@functools.cache
def _find() -> ctypes.CDLL | None:
    """The loaded library; None where there is none of version 3, or it is switched off."""
    if os.environ.get("MXNET_MKLDNN_ENABLED", "1") == "0":
        return None
    for path in _candidates():
        found = _load(path)
        if found is not None:
            return found
    return None


def _candidates() -> list[str]:
    named = os.environ.get("MXTRAIN_ONEDNN_LIBRARY")
    if named:
        return [named]
    roots = [pathlib.Path(sys.prefix), pathlib.Path(site.getuserbase())]
    files = [root / "lib" / "libdnnl.so.3" for root in roots]
    return [*(str(file) for file in files if file.exists()), "libdnnl.so.3", "libdnnl.3.dylib"]


@contextlib.contextmanager
def _waiting_policy() -> Iterator[None]:
    """How OpenMP threads of a library that is loaded in here wait for work, unless the environment says so.

    They spin for some tenths of a millisecond, which saves waking them between the layers of a network (measured: a
    fifth of a LeNet's step on two threads), and then sleep: else they would take the cores from NumPy's own threads,
    and from other processes.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}.isdisjoint(os.environ):
        yield
        return
    os.environ.update(OMP_WAIT_POLICY="passive", GOMP_SPINCOUNT="20000")
    try:
        yield
    finally:
        del os.environ["OMP_WAIT_POLICY"], os.environ["GOMP_SPINCOUNT"]


def _load(path: str) -> ctypes.CDLL | None:
    """The library at a path, its functions declared; None where it cannot be loaded or has another version."""
    with _waiting_policy():
        try:
            loaded = ctypes.CDLL(path)
            loaded.dnnl_version.restype = ctypes.POINTER(_Version)
            if loaded.dnnl_version().contents.major != 3:
                return None
        except (OSError, AttributeError):
            return None
    _declare(loaded)
    return loaded


def _declare(loaded: ctypes.CDLL) -> None:
    """Types of the functions that take or return more than pointers."""
    loaded.dnnl_engine_create.argtypes = (c_void_p, c_int, c_size_t)
    loaded.dnnl_stream_create.argtypes = (c_void_p, c_void_p, c_uint)
    loaded.dnnl_memory_desc_create_with_strides.argtypes = (c_void_p, c_int, Dims, c_int, Dims)
    loaded.dnnl_memory_desc_create_with_tag.argtypes = (c_void_p, c_int, Dims, c_int, c_int)
    loaded.dnnl_memory_desc_get_size.argtypes = (c_void_p,)
    loaded.dnnl_memory_desc_get_size.restype = c_size_t
    loaded.dnnl_memory_desc_equal.argtypes = (c_void_p, c_void_p)
    loaded.dnnl_memory_create.argtypes = (c_void_p, c_void_p, c_void_p, c_void_p)
    loaded.dnnl_memory_set_data_handle.argtypes = (c_void_p, c_void_p)
    loaded.dnnl_primitive_desc_query_md.argtypes = (c_void_p, c_int, c_int)
    loaded.dnnl_primitive_desc_query_md.restype = c_void_p
    loaded.dnnl_primitive_create.argtypes = (c_void_p, c_void_p)
    loaded.dnnl_primitive_attr_set_scratchpad_mode.argtypes = (c_void_p, c_int)
    loaded.dnnl_primitive_execute.argtypes = (c_void_p, c_void_p, c_int, ctypes.POINTER(_Argument))
    loaded.dnnl_reorder_primitive_desc_create.argtypes = (c_void_p,) * 6


def call(function: str, *arguments: Any) -> None:
    """Call a function of the library. Raises OneDnnError unless it reports success."""
    check(getattr(library(), function)(*arguments), function)


def check(status: int, function: str) -> None:
    """Raise OneDnnError unless a function's status reports success."""
    if status != _SUCCESS:
        kind = NotImplementedByOneDnn if status == _UNIMPLEMENTED else OneDnnError
        raise kind(f"oneDNN: expected {function} to succeed. Received: {_STATUS.get(status, status)}.")


def library() -> ctypes.CDLL:
    """The loaded library. Raises OneDnnError where there is none."""
    found = _find()
    if found is None:
        raise OneDnnError("Expected: libdnnl 3 (extra `mxtrain[onednn]`). Received: none that can be loaded.")
    return found


def create(function: str, *arguments: Any) -> c_void_p:
    """The object that a function of the library makes in its first, returned, argument."""
    made = c_void_p()
    call(function, ctypes.byref(made), *arguments)
    return made


_making = threading.Lock()


def _made_once(make: Callable[[], c_void_p]) -> Callable[[], c_void_p]:
    """As functools.cache; and threads that ask at once get one object: a stream of another engine fits no primitive."""
    cached = functools.cache(make)

    @functools.wraps(make)
    def get() -> c_void_p:
        with _making:
            return cached()

    return get


@_made_once
def engine() -> c_void_p:
    """The CPU."""
    return create("dnnl_engine_create", _CPU, 0)


@_made_once
def scratchpad_attribute() -> c_void_p:
    """The attribute that makes primitives take working memory from their caller, so that threads do not share it."""
    attribute = create("dnnl_primitive_attr_create")
    call("dnnl_primitive_attr_set_scratchpad_mode", attribute, _USER_SCRATCHPAD)
    return attribute


class _Stream(threading.local):
    """Each thread's own queue."""

    def __init__(self) -> None:
        self.handle = create("dnnl_stream_create", engine(), _IN_ORDER)


@functools.cache
def _stream() -> _Stream:
    return _Stream()


@functools.lru_cache(maxsize=4096)
def plain_layout(shape: tuple[int, ...]) -> c_void_p:
    """Descriptor of a C-contiguous float32 array."""
    return _strided_layout(shape, range(len(shape)))


@functools.lru_cache(maxsize=4096)
def channels_last_layout(shape: tuple[int, ...]) -> c_void_p:
    """Descriptor of a float32 array (N, C, *spatial) that lies in memory as (N, *spatial, C)."""
    return _strided_layout(shape, [0, *range(2, len(shape)), 1])


@functools.lru_cache(maxsize=4096)
def permuted_layout(shape: tuple[int, ...], axes: tuple[int, ...]) -> c_void_p:
    """Descriptor of a float32 array that lies in memory with its axes in an order, outermost first."""
    return _strided_layout(shape, axes)


def _strided_layout(shape: tuple[int, ...], order: Sequence[int]) -> c_void_p:
    """Descriptor of a dense float32 array whose axes lie in memory in an order, outermost first."""
    strides = [1] * len(shape)
    step = 1
    for axis in reversed(order):
        strides[axis] = step
        step *= shape[axis]
    return create("dnnl_memory_desc_create_with_strides", len(shape), Dims(*shape), _FLOAT32, Dims(*strides))


@functools.lru_cache(maxsize=4096)
def any_layout(shape: tuple[int, ...]) -> c_void_p:
    """Descriptor of a float32 array whose layout the primitive chooses."""
    return create("dnnl_memory_desc_create_with_tag", len(shape), Dims(*shape), _FLOAT32, _FORMAT_ANY)


def workspace_size(primitive_desc: c_void_p) -> int:
    """Bytes that a forward primitive writes for its backward."""
    described = library().dnnl_primitive_desc_query_md(primitive_desc, _QUERY_WORKSPACE, 0)
    return int(library().dnnl_memory_desc_get_size(described))


class _Place:
    """Where a primitive takes one array: directly, or through a buffer in the layout that it prefers."""

    def __init__(self, primitive_desc: c_void_p, argument: int, layout: c_void_p | None, written: bool) -> None:
        wanted = c_void_p(library().dnnl_primitive_desc_query_md(primitive_desc, _QUERY_ARGUMENT, argument))
        self.argument = argument
        self.written = written
        self.memory = create("dnnl_memory_create", wanted, engine(), None)
        self.reorder: _Bound | None = None
        if layout is None or library().dnnl_memory_desc_equal(wanted, layout):
            return
        self.size = int(library().dnnl_memory_desc_get_size(wanted))
        self.outside = create("dnnl_memory_create", layout, engine(), None)
        source, target = (wanted, layout) if written else (layout, wanted)
        reorder = create("dnnl_reorder_primitive_desc_create", source, engine(), target, engine(), None)
        ends = (self.memory, self.outside) if written else (self.outside, self.memory)
        self.reorder = _Bound(reorder, [(SRC, ends[0]), (DST, ends[1])])


class _Bound:
    """A primitive and the memories that it works on."""

    def __init__(self, primitive_desc: c_void_p, memories: Sequence[tuple[int, c_void_p]]) -> None:
        self.primitive = create("dnnl_primitive_create", primitive_desc)
        self.count = len(memories)
        self.arguments = (_Argument * self.count)(*[_Argument(arg, memory.value) for arg, memory in memories])
        self.execute = library().dnnl_primitive_execute

    def run(self, stream: c_void_p) -> None:
        """Compute. Raises OneDnnError."""
        check(self.execute(self.primitive, stream, self.count, self.arguments), "dnnl_primitive_execute")


class Primitive:
    """A oneDNN primitive ready to run, for one thread at a time.

    arrays: per array, in the order in which calls give them: the number of the argument, its layout outside (None: as
    the primitive has it) and whether it is written.
    """

    def __init__(self, primitive_desc: c_void_p, arrays: Sequence[tuple[int, c_void_p | None, bool]]) -> None:
        self._places = [_Place(primitive_desc, *array) for array in arrays]
        self._scratchpad = _Place(primitive_desc, SCRATCHPAD, None, True)
        described = library().dnnl_primitive_desc_query_md(primitive_desc, _QUERY_ARGUMENT, SCRATCHPAD)
        self._scratchpad_size = int(library().dnnl_memory_desc_get_size(described))
        # one piece of working memory holds the arrays in other layouts, then the primitive's own
        self._offsets: list[int] = []
        self._working_size = 0
        for place in self._places:
            self._offsets.append(self._working_size)
            self._working_size += 0 if place.reorder is None else -(-place.size // _ALIGNMENT) * _ALIGNMENT
        self._bound = _Bound(
            primitive_desc, [(place.argument, place.memory) for place in (*self._places, self._scratchpad)]
        )
        self._set_handle = library().dnnl_memory_set_data_handle

    def __call__(self, *arrays: np.ndarray) -> None:
        """Compute on arrays (C-contiguous, of the shapes and dtypes described) and return when done."""
        set_handle = self._set_handle
        stream = _stream().handle
        working = scratch_bytes("onednn", self._working_size + self._scratchpad_size)
        working_address = working.__array_interface__["data"][0]
        for place, array, offset in zip(self._places, arrays, self._offsets, strict=True):
            address = array.__array_interface__["data"][0]
            if place.reorder is None:
                set_handle(place.memory, address)
                continue
            set_handle(place.outside, address)
            set_handle(place.memory, working_address + offset)
            if not place.written:
                place.reorder.run(stream)
        if self._scratchpad_size:
            set_handle(self._scratchpad.memory, working_address + self._working_size)
        self._bound.run(stream)
        for place in self._places:
            if place.reorder is not None and place.written:
                place.reorder.run(stream)


_MOST_PRIMITIVES = 512  # kept per thread


class _Cache(threading.local):
    def __init__(self) -> None:
        self.primitives: dict[Hashable, Primitive] = {}


_cache = _Cache()


def cached(key: Hashable, make: Callable[[], Primitive]) -> Primitive:
    """This thread's primitive for a key, made at first use."""
    found = _cache.primitives.get(key)
    if found is None:
        if len(_cache.primitives) >= _MOST_PRIMITIVES:
            _cache.primitives.clear()
        found = _cache.primitives[key] = make()
    return found


def pad_after(windows: Windows, sizes: Sequence[int], counts: Sequence[int]) -> tuple[int, ...]:
    """The padding at the end of each axis with which `counts` windows fit an input of these sizes."""
    rows = zip(windows.kernel, windows.stride, windows.dilate, windows.pad, sizes, counts, strict=True)
    return tuple(max(0, (count - 1) * s + d * (k - 1) + 1 - size - p) for k, s, d, p, size, count in rows)


def steps(windows: Windows, sizes: Sequence[int], counts: Sequence[int]) -> tuple[Any, Any, Any, Any]:
    """Strides, dilations (0: none), and paddings before and after, as the library takes them."""
    return (
        Dims(*windows.stride),
        Dims(*(d - 1 for d in windows.dilate)),
        Dims(*windows.pad),
        Dims(*pad_after(windows, sizes, counts)),
    )
