"""IEEE half precision: float16 in place of float32."""

from __future__ import annotations

import numpy as np

from mxtrain_kvstore.compression.codec import Codec

_LARGEST = np.float32(np.finfo(np.float16).max)


class Half(Codec):
    """Each value as float16, rounded to even; one that is too large becomes the largest, NaN stays NaN."""

    name = "fp16"

    def encoded_size(self, length: int) -> int:
        """2 bytes for a value."""
        return 2 * length

    def encode(self, values: np.ndarray) -> np.ndarray:
        """The values as little-endian float16."""
        return np.clip(values, -_LARGEST, _LARGEST).astype("<f2").view(np.uint8)

    def decode(self, data: np.ndarray, length: int) -> np.ndarray:
        """Exactly the float16 values."""
        return np.frombuffer(data, "<f2", length).astype(np.float32)
