"""One `Backend` per device: the array module (`numpy` or `cupy`) and the device's random generator."""

import contextlib
import functools
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from mxtrain.base import MXNetError
from mxtrain.device.generator import RandomState


class Backend:
    """The array module of one device, and what must be switched on before it is used.

    `xp` follows NumPy's interface. `rng` holds the device's random generator; it lives as long as the process, so
    that compiled plans can keep a reference to it across `mx.random.seed`.
    """

    def __init__(self, xp: types.ModuleType, rng: RandomState, name: str) -> None:
        self.xp = xp
        self.rng = rng
        self.name = name

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Make this device the current one of the calling thread."""
        yield

    def synchronize(self) -> None:
        """Wait until everything queued on the device has been computed."""

    def free_memory(self) -> None:
        """Give cached, unused memory back to the system."""

    def upload(self, array: np.ndarray) -> Any:
        """A backend array on this device with the values of `array`; a new owner of its memory."""
        return np.array(array, order="C", copy=True)


class GpuBackend(Backend):
    """A CUDA device through CuPy."""

    def __init__(self, cupy: types.ModuleType, device_id: int) -> None:
        super().__init__(cupy, RandomState(cupy, device_id + 1000), f"gpu({device_id})")
        self._device = cupy.cuda.Device(device_id)

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        with self._device:
            yield

    def synchronize(self) -> None:
        self._device.synchronize()

    def free_memory(self) -> None:
        with self._device:
            self.xp.get_default_memory_pool().free_all_blocks()

    def upload(self, array: np.ndarray) -> Any:
        with self._device:
            return self.xp.array(array, order="C")


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
        cupy = _cupy()
        return int(cupy.cuda.runtime.getDeviceCount())
    except MXNetError:
        return 0
    except RuntimeError:  # cupy.cuda.runtime.CUDARuntimeError: no driver, or no device
        return 0


@functools.cache
def backend_for(device_type: str, device_id: int) -> Backend:
    """The backend of a device.

    Raises MXNetError for a GPU that is not there. Any `cpu` id is accepted: like MXNet, mxtrain lets several CPU
    contexts stand for several devices, each with its own random generator.
    """
    if device_type != "gpu":
        return Backend(np, RandomState(np, device_id), f"{device_type}({device_id})")
    cupy = _cupy()
    found = gpu_count()
    if device_id >= found:
        raise MXNetError(
            f"Expected: a device id below the number of GPUs. Received: mx.gpu({device_id}) where {found} GPU(s) "
            "are visible. Use mx.cpu(), or check the driver and CUDA_VISIBLE_DEVICES."
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
