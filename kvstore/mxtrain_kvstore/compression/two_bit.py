"""2-bit codes: threshold, -threshold or 0 for each value."""

from __future__ import annotations

import numpy as np

from mxtrain_kvstore.compression.codec import Codec, above_zero

_POSITIVE, _NEGATIVE = 3, 2
#: The four codes of each byte; the first value has the highest bits.
_CODES = (np.arange(256, dtype=np.uint8)[:, None] >> np.array([6, 4, 2, 0], np.uint8)) & 3


class TwoBit(Codec):
    """A value of at least `threshold` is sent as threshold (bits 11), one of at most -threshold as -threshold (10).

    Any other is sent as 0 (00). Four values make a byte, the first in its highest bits, and the bytes are filled up to
    a multiple of four, so that they have the layout of MXNet's arrays of float32.
    Source: MXNet 1.9.1, and its tests' compute_expected_2bit_quantization.
    """

    name = "2bit"
    parameter_name = "threshold"
    default = 0.5

    def __init__(self, parameter: float | None = None) -> None:
        super().__init__(parameter)
        self._threshold = np.float32(self.parameter)
        values = np.zeros(4, np.float32)
        values[_POSITIVE], values[_NEGATIVE] = self._threshold, -self._threshold
        self._values = values[_CODES]

    def problem(self) -> str:
        """The threshold must be above 0."""
        return above_zero(self.parameter, "threshold")

    def encoded_size(self, length: int) -> int:
        """4 bytes for 16 values."""
        return -(-length // 16) * 4

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Two bits of each value."""
        codes = np.zeros(self.encoded_size(values.size) * 4, np.uint8)
        used = codes[: values.size]
        np.multiply((values >= self._threshold).view(np.uint8), _POSITIVE, out=used)
        used |= (values <= -self._threshold).view(np.uint8) << 1
        words = codes.view("<u4")  # four codes, the first in the lowest byte
        packed: np.ndarray = (words << 6 | words >> 4 | words >> 14 | words >> 24).astype(np.uint8)
        return packed

    def decode(self, data: np.ndarray, length: int) -> np.ndarray:
        """A code that is never sent (01) is 0."""
        values: np.ndarray = self._values.take(data, axis=0).reshape(-1)[:length]
        return values
