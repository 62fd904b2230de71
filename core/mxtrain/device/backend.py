"""One `Backend` per device: the array module (`numpy` or `cupy`) and the device's random generator."""

import contextlib
import functools
import types
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from mxtrain.base import MXNetError
from mxtrain.device import host_memory
from mxtrain.device.generator import RandomState


class Backend:
    """The array module of one device, and what must be switched on before it is used.

    `xp` follows NumPy's interface. `rng` holds the device's random generator; it lives as long as the process, so
    that compiled plans can keep a reference to it across `mx.random.seed`.
    """

    def __init__(self, xp: types.ModuleType, number: int, name: str) -> None:
        """number: tells the random streams of devices apart. name: for messages, such as "gpu(0)"."""
        self.xp = xp
        self.rng = RandomState(xp, number, self.active)
        self.name = name

    def active(self) -> AbstractContextManager[Any]:
        """Makes this device the current one of the calling thread, as a `with` block."""
        return contextlib.nullcontext()

    def synchronize(self) -> None:
        """Wait until everything queued on the device has been computed."""

    def free_memory(self) -> None:
        """Give cached, unused memory back to the system."""
        host_memory.CACHE.clear()

    def upload(self, array: np.ndarray) -> Any:
        """A backend array on this device with the values of `array`; a new owner of its memory."""
        return np.array(array, order="C", copy=True)

    def copy_from(self, source: "Backend", array: Any) -> Any:
        """A copy on this device of a backend array of another one."""
        if isinstance(array, np.ndarray):
            return self.upload(array)
        with source.active():
            return to_numpy(array)


class GpuBackend(Backend):
    """A CUDA device through CuPy."""

    def __init__(self, cupy: types.ModuleType, device_id: int) -> None:
        self._device = cupy.cuda.Device(device_id)
        super().__init__(cupy, device_id + 1000, f"gpu({device_id})")

    def active(self) -> AbstractContextManager[Any]:
        """Makes this device the current one of the calling thread; arrays and kernels go to the current device."""
        device: AbstractContextManager[Any] = self._device  # CuPy keeps the device to return to per thread
        return device

    def synchronize(self) -> None:
        """Wait for every stream of the device. Raises what a failed kernel left behind."""
        self._device.synchronize()

    def free_memory(self) -> None:
        """Empty CuPy's pools: of this device's memory, and of the page-locked host memory that copies pass through."""
        with self._device:
            self.xp.get_default_memory_pool().free_all_blocks()
            self.xp.get_default_pinned_memory_pool().free_all_blocks()

    def upload(self, array: np.ndarray) -> Any:
        """A copy on this device; `array` may change as soon as this returns."""
        with self._device:
            return self.xp.array(array, order="C")

    def copy_from(self, source: Backend, array: Any) -> Any:
        """A copy on this device of a backend array of another one.

        Between GPUs it runs on this device's stream, which knows nothing of the other's: it waits for what is queued
        there, and what is queued there later waits for it. The calling thread waits for neither.
        """
        if not isinstance(source, GpuBackend):
            return self.upload(array)
        self._wait_for(source)
        with self._device:
            copied = self.xp.array(array, order="C")
        source._wait_for(self)
        return copied

    def _wait_for(self, other: "GpuBackend") -> None:
        """Let later work on this device begin after the work that is queued on another one."""
        with other._device:
            reached = self.xp.cuda.Event(disable_timing=True)
            reached.record()
        with self._device:
            self.xp.cuda.get_current_stream().wait_event(reached)


@functools.cache
def _cupy() -> types.ModuleType:
    try:
        import cupy
    except ImportError as error:
        raise MXNetError(
            "mx.gpu() needs CuPy, which is not installed here. Expected: the extra `mxtrain[gpu]`. "
            f"Received: {error}. Install it, or use mx.cpu()."
        ) from error
    return cupy


def gpu_count() -> int:
    """How many CUDA devices CuPy sees; 0 where there is no CuPy, no driver or no device."""
    try:
        return _count_devices(_cupy())[0]
    except MXNetError:
        return 0


def _count_devices(cupy: types.ModuleType) -> tuple[int, str]:
    """How many devices there are, and where there are none, what CUDA says about that."""
    try:
        return int(cupy.cuda.runtime.getDeviceCount()), ""
    except RuntimeError as error:  # cupy.cuda.runtime.CUDARuntimeError: no driver, or no device
        return 0, f" ({error})"


@functools.cache
def backend_for(device_type: str, device_id: int) -> Backend:
    """The backend of a device.

    Raises MXNetError for a GPU that is not there. Any `cpu` id is accepted: like MXNet, mxtrain lets several CPU
    contexts stand for several devices, each with its own random generator.
    """
    if device_type != "gpu":
        return Backend(np, device_id, f"{device_type}({device_id})")
    cupy = _cupy()
    found, reason = _count_devices(cupy)
    if device_id >= found:
        raise MXNetError(
            f"Expected: a device id below the number of GPUs. Received: mx.gpu({device_id}) where {found} GPU(s) "
            f"are visible{reason}. Use mx.cpu(), or check the driver and CUDA_VISIBLE_DEVICES."
        )
    return GpuBackend(cupy, device_id)


def is_backend_array(value: Any) -> bool:
    """Whether `value` is an array of one of the array modules (numpy or cupy)."""
    return isinstance(value, np.ndarray) or type(value).__module__.startswith("cupy")


def to_numpy(array: Any) -> np.ndarray:
    """The values of a backend array in host memory; the array itself when it is there already."""
    if isinstance(array, np.ndarray):
        return array
    host: np.ndarray = array.get()
    return host
