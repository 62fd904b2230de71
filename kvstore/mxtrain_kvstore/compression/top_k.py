"""The largest values only."""

from __future__ import annotations

import math

import numpy as np

from mxtrain.base import MXNetError
from mxtrain_kvstore.compression.codec import Codec


class TopK(Codec):
    """Of each block of at most 1 MiB the values of largest size, `ratio` of all and at least one; the others are 0.

    The places of the values, ascending uint32, then the values, float32. Source: arXiv:1704.05021, without momentum
    correction; where sizes are equal which of them are sent is the choice of np.argpartition.
    """

    name = "topk"
    parameter_name = "ratio"
    default = 0.01
    elementwise = False

    def problem(self) -> str:
        """The ratio must be above 0 and at most 1."""
        return "" if 0 < self.parameter <= 1 else "expected a ratio above 0 and at most 1"

    def kept(self, length: int) -> int:
        """How many of so many values are sent."""
        return min(length, max(1, math.ceil(length * self.parameter)))

    def encoded_size(self, length: int) -> int:
        """8 bytes for each value that is sent."""
        return 8 * self.kept(length)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Places and values of the largest."""
        kept = self.kept(values.size)
        places = np.sort(np.argpartition(np.abs(values), values.size - kept)[values.size - kept :])
        return np.concatenate([places.astype("<u4").view(np.uint8), values[places].astype("<f4").view(np.uint8)])

    def decode(self, data: np.ndarray, length: int) -> np.ndarray:
        """The values at their places. Raises MXNetError for places that do not ascend, or do not exist."""
        half = data.size // 2
        places = np.frombuffer(data[:half], "<u4")
        if places[-1] >= length or bool((places[1:] <= places[:-1]).any()):
            raise MXNetError(f"Expected: ascending places below {length}. Received: {places[:5].tolist()}, ...")
        values = np.zeros(length, np.float32)
        values[places] = np.frombuffer(data[half:], "<f4")
        return values
