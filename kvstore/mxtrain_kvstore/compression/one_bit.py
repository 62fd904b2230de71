"""1-bit codes: 1 or -1 for each value."""

from __future__ import annotations

import math

import numpy as np

from mxtrain_kvstore.compression.codec import Codec


class OneBit(Codec):
    """A value above `threshold` is sent as 1, any other as -1.

    Eight values make a byte, the first in its highest bit; the bytes are filled up to a multiple of four. MXNet 1.9.1
    has no such form; this is what its successor does (MXNet 2.0, type "1bit"). With the error feedback the mean of
    what is sent follows the gradient's, but the steps are of size 1: a learning rate has to be chosen for it.
    """

    name = "1bit"
    parameter_name = "threshold"
    default = 0.5

    def problem(self) -> str:
        """Any finite threshold will do."""
        return "" if math.isfinite(self.parameter) else "expected a finite threshold"

    def encoded_size(self, length: int) -> int:
        """4 bytes for 32 values."""
        return -(-length // 32) * 4

    def encode(self, values: np.ndarray) -> np.ndarray:
        """One bit of each value."""
        data = np.zeros(self.encoded_size(values.size), np.uint8)
        bits = np.packbits(values > np.float32(self.parameter))
        data[: bits.size] = bits
        return data

    def decode(self, data: np.ndarray, length: int) -> np.ndarray:
        """1 for a bit that is set, else -1."""
        values = np.unpackbits(data, count=length).astype(np.float32)
        values *= 2
        values -= 1
        return values
