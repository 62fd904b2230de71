"""Error feedback: what a code leaves out of a gradient is added to the next one."""

from __future__ import annotations

import numpy as np

from mxtrain_kvstore.compression.codec import Codec

#: Values that are encoded at a time by codecs that may, so that they stay in the processor's cache.
_CHUNK = 1 << 16


def compress(codec: Codec, gradient: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """Encode gradient + residual, and keep in `residual` what the code leaves out of it.

    gradient, residual: flat float32 of one size. Returns the code, uint8.
    """
    if not codec.elementwise or gradient.size <= _CHUNK:
        return _compress(codec, gradient, residual)
    parts = (slice(start, start + _CHUNK) for start in range(0, gradient.size, _CHUNK))
    return np.concatenate([_compress(codec, gradient[part], residual[part]) for part in parts])


def _compress(codec: Codec, gradient: np.ndarray, residual: np.ndarray) -> np.ndarray:
    np.add(residual, gradient, out=residual)
    data = codec.encode(residual)
    with np.errstate(invalid="ignore", over="ignore"):
        np.subtract(residual, codec.decode(data, gradient.size), out=residual)
        finite = np.isfinite(residual.sum())
    if not finite:
        residual[~np.isfinite(residual)] = 0  # an overflow in one gradient must not come back in all that follow
    return data


def quantize(codec: Codec, gradient: np.ndarray, residual: np.ndarray) -> None:
    """Replace a gradient by what a receiver of its code would decode; see `compress`."""
    step = _CHUNK if codec.elementwise else gradient.size
    for start in range(0, gradient.size, step):
        part = slice(start, start + step)
        data = _compress(codec, gradient[part], residual[part])
        gradient[part] = codec.decode(data, gradient[part].size)
