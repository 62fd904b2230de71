"""The columns that sliding windows read (im2col), for convolutions that are matrix products.

Both classes turn a block of n samples into matrices whose columns are all (sample, position) pairs, in one order or the
other; which one is faster depends on how long the runs of memory are that they copy.
"""

from __future__ import annotations

import types
from typing import Any

from mxtrain.device.scratch import scratch
from mxtrain.ops.kernels.windows import Windows

_SHORT_ROW = 28  # positions; measured: up to here, runs of samples are copied faster than runs of positions
_FEWEST_SAMPLES = 8


def choose(
    windows: Windows, num_samples: int, reads: int, filters: int, counts: tuple[int, ...]
) -> type[PositionsLast]:
    """The faster order for so many samples and windows. reads, filters: how many values a window reads and gives.

    Bringing the samples to the end of the results costs as much as gathering about four values for each of them.
    """
    if num_samples < _FEWEST_SAMPLES or counts[-1] > _SHORT_ROW or reads < 4 * filters or windows.is_pointwise:
        return PositionsLast
    return SamplesLast


class PositionsLast:
    """Matrices whose columns run over samples, then positions."""

    fewest_samples = 1

    def __init__(self, xp: types.ModuleType, windows: Windows, counts: tuple[int, ...]) -> None:
        self.xp = xp
        self.windows = windows
        self.counts = counts

    def gather(self, data: Any) -> Any:
        """What the windows read from data (n, C, *spatial): a matrix (C * taps, columns)."""
        n, channels = data.shape[:2]
        if self.windows.is_pointwise and n == 1:
            return data.reshape(channels, -1)
        columns = self._columns(channels, n, data.dtype)
        if any(self.windows.pad):
            columns[...] = 0
        source = data.swapaxes(0, 1)
        for tap in self.windows.taps(data.shape[2:], self.counts):
            columns[:, tap.index][tap.outputs] = source[tap.inputs]
        return columns.reshape(channels * self.windows.size, -1)

    def scatter(self, columns: Any, target: Any) -> None:
        """Write into target (n, C, *spatial), at each place, the sum of the columns' values read from there."""
        n, channels = target.shape[:2]
        table = columns.reshape(channels, self.windows.size, n, *self.counts)
        by_channel = target.swapaxes(0, 1)
        if self.windows.is_pointwise:
            by_channel[...] = table[:, 0]
            return
        target[...] = 0
        for tap in self.windows.taps(target.shape[2:], self.counts):
            place = by_channel[tap.inputs]
            place += table[:, tap.index][tap.outputs]

    def rows_of(self, result: Any) -> Any:
        """(n, filters, *counts) as a matrix (filters, columns)."""
        n, filters = result.shape[:2]
        flat = result.reshape(n, filters, -1)
        if n == 1:
            return flat[0]
        rows = scratch(self.xp, "conv_rows", (filters, n, flat.shape[2]), result.dtype)
        rows[...] = flat.swapaxes(0, 1)
        return rows.reshape(filters, -1)

    def place_for_rows(self, result: Any) -> Any:
        """Where to compute the matrix that `take_rows` brings into a result (n, filters, *counts)."""
        n, filters = result.shape[:2]
        if n == 1 and result.flags.c_contiguous:
            return result.reshape(filters, -1)
        return scratch(self.xp, "conv_rows", (filters, result.size // filters), result.dtype)

    def take_rows(self, rows: Any, result: Any) -> None:
        """Write a matrix (filters, columns) into a result (n, filters, *counts)."""
        n, filters = result.shape[:2]
        if n > 1 or not result.flags.c_contiguous:
            result[...] = rows.reshape(filters, n, *self.counts).swapaxes(0, 1)

    def columns_matrix(self, channels: int, n: int, dtype: Any) -> Any:
        """An uninitialised matrix of columns."""
        return self._columns(channels, n, dtype).reshape(channels * self.windows.size, -1)

    def _columns(self, channels: int, n: int, dtype: Any) -> Any:
        return scratch(self.xp, "conv_columns", (channels, self.windows.size, n, *self.counts), dtype)


class SamplesLast(PositionsLast):
    """Matrices whose columns run over positions, then samples."""

    fewest_samples = _FEWEST_SAMPLES

    def gather(self, data: Any) -> Any:
        """What the windows read from data (n, C, *spatial): a matrix (C * taps, columns)."""
        n, channels = data.shape[:2]
        padded, inside = self._padded(data.shape, data.dtype)
        if any(self.windows.pad):
            padded[...] = 0
        padded[inside] = self._samples_last(data)
        columns = self._columns(channels, n, data.dtype)
        for index, place in self._places():
            columns[:, index] = padded[place]
        return columns.reshape(channels * self.windows.size, -1)

    def scatter(self, columns: Any, target: Any) -> None:
        """Write into target (n, C, *spatial), at each place, the sum of the columns' values read from there."""
        n, channels = target.shape[:2]
        padded, inside = self._padded(target.shape, target.dtype)
        padded[...] = 0
        table = columns.reshape(channels, self.windows.size, *self.counts, n)
        for index, place in self._places():
            padded[place] += table[:, index]
        self._samples_last(target)[...] = padded[inside]

    def rows_of(self, result: Any) -> Any:
        """(n, filters, *counts) as a matrix (filters, columns)."""
        n, filters = result.shape[:2]
        rows = scratch(self.xp, "conv_rows", (filters, *self.counts, n), result.dtype)
        rows[...] = self._samples_last(result)
        return rows.reshape(filters, -1)

    def place_for_rows(self, result: Any) -> Any:
        """Where to compute the matrix that `take_rows` brings into a result (n, filters, *counts)."""
        filters = result.shape[1]
        return scratch(self.xp, "conv_rows", (filters, result.size // filters), result.dtype)

    def take_rows(self, rows: Any, result: Any) -> None:
        """Write a matrix (filters, columns) into a result (n, filters, *counts)."""
        n, filters = result.shape[:2]
        self._samples_last(result)[...] = rows.reshape(filters, *self.counts, n)

    def _columns(self, channels: int, n: int, dtype: Any) -> Any:
        return scratch(self.xp, "conv_columns", (channels, self.windows.size, *self.counts, n), dtype)

    @staticmethod
    def _samples_last(array: Any) -> Any:
        """A view of (n, C, *spatial) as (C, *spatial, n)."""
        return array.transpose(*range(1, array.ndim), 0)

    def _padded(self, shape: tuple[int, ...], dtype: Any) -> tuple[Any, tuple[slice, ...]]:
        """Memory for (C, *padded spatial, n), and where in it the array itself goes."""
        sizes = shape[2:]
        pads = self.windows.pad
        room = tuple(size + 2 * pad for size, pad in zip(sizes, pads, strict=True))
        padded = scratch(self.xp, "conv_padded", (shape[1], *room, shape[0]), dtype)
        inside = tuple(slice(pad, pad + size) for size, pad in zip(sizes, pads, strict=True))
        return padded, (slice(None), *inside)

    def _places(self) -> list[tuple[int, tuple[slice, ...]]]:
        """Per tap, its number and what it reads of the padded array."""
        room = tuple(
            (c - 1) * s + e for c, s, e in zip(self.counts, self.windows.stride, self.windows.extent, strict=True)
        )
        unpadded = Windows(self.windows.kernel, self.windows.stride, self.windows.dilate, (0,) * len(room))
        return [(tap.index, (slice(None), *tap.inputs[2:])) for tap in unpadded.taps(room, self.counts)]
