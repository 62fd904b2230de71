"""Compression between the devices of one process."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from mxtrain.device import to_numpy
from mxtrain.ndarray import NDArray, array
from mxtrain_kvstore.compression.codec import Codec
from mxtrain_kvstore.compression.feedback import quantize


class CompressedCopies:
    """Makes of each device's copy what would arrive of it; every copy of every key has a residual of its own.

    Codes are computed in host memory: here they stand for what MXNet does between GPUs, and save no time.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._residuals: dict[tuple[Hashable, int], np.ndarray] = {}

    def decoded(self, key: Hashable, values: Sequence[NDArray]) -> list[NDArray]:
        """The copies, float32, as they would be decoded."""
        return [self._decoded((key, number), value) for number, value in enumerate(values)]

    def get_residuals(self) -> dict[Any, list[np.ndarray]]:
        """The residuals, flat float32, of each key's copies in their order."""
        found: dict[Any, list[np.ndarray]] = {}
        for key, number in sorted(self._residuals, key=lambda place: place[1]):
            found.setdefault(key, []).append(self._residuals[key, number])
        return found

    def set_residuals(self, values: Mapping[Any, Sequence[np.ndarray]]) -> None:
        """Go on with what `get_residuals` gave."""
        self._residuals = {
            (key, number): np.array(copy, np.float32)
            for key, copies in values.items()
            for number, copy in enumerate(copies)
        }

    def _decoded(self, place: tuple[Hashable, int], value: NDArray) -> NDArray:
        flat = np.array(to_numpy(value.data_array)).reshape(-1)
        if place not in self._residuals:
            self._residuals[place] = np.zeros(flat.size, np.float32)
        quantize(self._codec, flat, self._residuals[place])
        return array(flat.reshape(value.shape), value.context, np.float32)
