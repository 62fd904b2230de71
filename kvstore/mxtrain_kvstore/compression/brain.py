"""bfloat16 in place of float32."""

from __future__ import annotations

import numpy as np

from mxtrain.dtypes import bfloat16
from mxtrain_kvstore.compression.codec import Codec


class Brain(Codec):
    """Each value as bfloat16, rounded to even: the range of float32, 8 bits of precision."""

    name = "bf16"

    def encoded_size(self, length: int) -> int:
        """2 bytes for a value."""
        return 2 * length

    def encode(self, values: np.ndarray) -> np.ndarray:
        """The values as little-endian bfloat16."""
        return values.astype(bfloat16).view(np.uint8)

    def decode(self, data: np.ndarray, length: int) -> np.ndarray:
        """Exactly the bfloat16 values: they are the upper halves of float32."""
        return (np.frombuffer(data, "<u2", length).astype(np.uint32) << 16).view(np.float32)
