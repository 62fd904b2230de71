"""Functions that join, cut, rearrange and count: `concatenate`, `moveaxis`, `split_v2`, `histogram`, ..."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.context import cpu, gpu
from mxtrain.ndarray.array_type import NDArray, wrap
from mxtrain.ndarray.creation import array
from mxtrain.ndarray.operators import functions
from mxtrain.ops.shapes import normalize_axis

_DLPACK_CUDA = 2  # the number of CUDA devices in DLPack's DLDeviceType


def concatenate(arrays: Sequence[NDArray], axis: int = 0, always_copy: bool = True) -> NDArray:
    """Arrays joined along an axis, on the context of the first. always_copy: copy a single one, too."""
    if not arrays or not all(isinstance(a, NDArray) for a in arrays):
        raise ArgumentTypeError(f"Expected: one NDArray or more. Received: {[type(a).__name__ for a in arrays]}.")
    first = arrays[0]
    if len(arrays) == 1 and not always_copy:
        return first
    joined: NDArray = functions.Concat(*(a.as_in_context(first.context) for a in arrays), dim=axis)
    return joined


def moveaxis(tensor: NDArray, source: Any, destination: Any) -> NDArray:
    """A copy with axes moved to new positions. source, destination: an axis, or as many of each."""
    sources = [normalize_axis(int(axis), tensor.ndim) for axis in np.atleast_1d(source)]
    targets = [normalize_axis(int(axis), tensor.ndim) for axis in np.atleast_1d(destination)]
    if len(sources) != len(targets) or len(set(sources)) < len(sources) or len(set(targets)) < len(targets):
        raise ArgumentError(f"Expected: as many distinct axes on both sides. Received: {source} and {destination}.")
    axes = [axis for axis in range(tensor.ndim) if axis not in sources]
    for target, origin in sorted(zip(targets, sources, strict=True)):
        axes.insert(target, origin)
    moved: NDArray = functions.transpose(tensor, axes=tuple(axes))
    return moved


def split_v2(
    ary: NDArray, indices_or_sections: int | Sequence[int], axis: int = 0, squeeze_axis: bool = False
) -> NDArray | list[NDArray]:
    """The array cut along an axis into a number of equal parts, or before each of the given indices.

    squeeze_axis: remove the axis from parts of size 1. Raises ArgumentError where the parts would not be equal.
    """
    if isinstance(indices_or_sections, int):
        size = ary.shape[normalize_axis(axis, ary.ndim)]
        if indices_or_sections < 1 or size % indices_or_sections:
            raise ArgumentError(
                f"Expected: a number of equal parts of axis {axis} with size {size}. Received: {indices_or_sections}."
            )
        cut: dict[str, Any] = {"sections": indices_or_sections}
    else:
        cut = {"indices": (0, *indices_or_sections)}
    parts: NDArray | list[NDArray] = functions._split_v2(ary, axis=axis, squeeze_axis=squeeze_axis, **cut)
    return parts


def onehot_encode(indices: NDArray, out: NDArray) -> NDArray:
    """Fill `out`, (N, depth), with rows that are 1 at the index and 0 elsewhere; returns it. indices: (N,)."""
    if out.ndim != 2 or indices.shape != out.shape[:1]:
        raise ArgumentError(f"Expected: (N,) indices and out of (N, depth). Received: {indices.shape}, {out.shape}.")
    filled: NDArray = functions.one_hot(indices, depth=out.shape[1], dtype=out.dtype, out=out)
    return filled


def reset_arrays(*data: NDArray, num_arrays: int | None = None) -> list[NDArray]:
    """Set arrays to 0 in place. num_arrays: how many, by default those given. Returns no arrays, as in MXNet."""
    if not data or num_arrays not in (None, len(data)):
        raise ArgumentError(f"Expected: arrays, num_arrays of them. Received: {len(data)}, num_arrays={num_arrays}.")
    for one in data:
        one[:] = 0
    return []


def histogram(a: NDArray, bins: Any = 10, range: tuple[float, float] | None = None) -> list[NDArray]:
    """How many elements fall into each bin, and the bins' edges.

    bins: a number of equal bins over `range` (by default from the smallest to the largest element), or an NDArray of
    rising edges. Outputs: counts, (n,), int64; edges, (n + 1,), float32.
    """
    edges = bins.asnumpy() if isinstance(bins, NDArray) else bins
    try:
        counts, edges = np.histogram(a.asnumpy(), edges, range)
    except ValueError as error:
        raise ArgumentError(f"Expected: a number of bins >= 1, or rising edges. Received: {bins} ({error}).") from None
    return [array(counts, a.context, np.int64), array(edges, a.context, np.float32)]


def to_dlpack(data: NDArray) -> Any:
    """A DLPack capsule that shares the array's memory."""
    try:
        return data.__dlpack__(max_version=(1, 0))  # from this version on a capsule tells that it may be written to
    except TypeError:  # an older NumPy
        return data.__dlpack__()


def from_dlpack(dlpack: Any) -> NDArray:
    """An NDArray over the memory of a DLPack capsule, or of an array that exports one."""
    source = dlpack if hasattr(dlpack, "__dlpack__") else _Capsule(dlpack)
    kind, device_id = source.__dlpack_device__()
    ctx = gpu(device_id) if kind == _DLPACK_CUDA else cpu()
    with ctx.backend.active():
        shared = ctx.xp.from_dlpack(source)
    if not shared.flags.c_contiguous:
        raise ArgumentError("Expected: a C-contiguous array. Received: a strided one. Copy it first.")
    return wrap(np.asarray(_Writable(shared)) if isinstance(shared, np.ndarray) else shared, ctx)


class _Writable:
    """Host memory that NumPy takes for writable: capsules before DLPack 1.0 do not tell, and NumPy locks them."""

    def __init__(self, shared: np.ndarray) -> None:
        self._shared = shared  # keeps the memory
        pointer = shared.__array_interface__["data"][0]
        self.__array_interface__ = {**shared.__array_interface__, "data": (pointer, False)}


class _Capsule:
    """What `numpy.from_dlpack` accepts, around a bare capsule of host memory."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0
