"""Sliding windows over the spatial axes of an array: their geometry, and the slices that one tap of a window reads."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass


@dataclass(frozen=True)
class Tap:
    """One place of a window: `index` among all of them, which outputs it reaches, and the inputs these read.

    The slices begin with two full ones, for the axes before the spatial ones.
    """

    index: int
    outputs: tuple[slice, ...]
    inputs: tuple[slice, ...]


@dataclass(frozen=True)
class Windows:
    """Windows of size `kernel`, `stride` apart, their taps `dilate` apart, over axes padded by `pad` on both sides."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilate: tuple[int, ...]
    pad: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many taps a window has."""
        result = 1
        for k in self.kernel:
            result *= k
        return result

    @property
    def is_pointwise(self) -> bool:
        """Whether the windows are the single elements of the input."""
        return self.size == 1 and all(s == 1 for s in self.stride) and not any(self.pad)

    @property
    def extent(self) -> tuple[int, ...]:
        """How far a window reaches along each axis."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilate, strict=True))

    def count(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """How many windows fit an input of these sizes."""
        return tuple(
            (size + 2 * p - e) // s + 1 for size, p, e, s in zip(sizes, self.pad, self.extent, self.stride, strict=True)
        )

    def taps(self, sizes: tuple[int, ...], counts: tuple[int, ...]) -> tuple[Tap, ...]:
        """Every tap that reads an input of these sizes for `counts` outputs, in the order of the kernel's elements."""
        return _taps(self, sizes, counts)


_ALL = (slice(None), slice(None))


@functools.lru_cache(maxsize=1024)
def _taps(windows: Windows, sizes: tuple[int, ...], counts: tuple[int, ...]) -> tuple[Tap, ...]:
    taps = []
    for index, place in enumerate(itertools.product(*map(range, windows.kernel))):
        rows = zip(place, windows.dilate, windows.pad, windows.stride, sizes, counts, strict=True)
        pairs = [_axis_slices(at * d - p, s, size, count) for at, d, p, s, size, count in rows]
        found = [pair for pair in pairs if pair is not None]
        if len(found) == len(pairs):
            taps.append(Tap(index, (*_ALL, *(o for o, _ in found)), (*_ALL, *(i for _, i in found))))
    return tuple(taps)


def _axis_slices(offset: int, stride: int, size: int, count: int) -> tuple[slice, slice] | None:
    """The outputs o in [0, count) whose input o * stride + offset lies in [0, size), and those inputs."""
    first = max(0, -(offset // stride))
    last = min(count - 1, (size - 1 - offset) // stride)
    if first > last:
        return None
    start = first * stride + offset
    return slice(first, last + 1), slice(start, last * stride + offset + 1, stride)
