"""Random numbers for large NumPy arrays: drawn in parts, on several threads, and made from many random bits at once.

The parts have streams of their own, which follow from the device's generator: a seed gives the same numbers with every
number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mxtrain.ops.kernels import blocks

# below this many numbers, the generator's own methods take less time than the calls for all at once
MIN_AT_ONCE = 4096
_EVERY_BIT = (1 << 64) - 1
# numbers in the parts of an array: making a generator takes a few microseconds
_PART = 1 << 18
_SCALE = np.float32(2.0**-32)


def fill(rng: Any, out: np.ndarray, draw: Callable[[np.random.Generator, np.ndarray], None]) -> None:
    """Fill a C-contiguous array with random numbers: draw(generator, part of out, flat) fills a part.

    rng: the device's `RandomState`.
    """
    flat = out.reshape(-1)
    if not blocks.is_large(np, flat.size):
        draw(rng.generator, flat)
        return
    stream = rng.streams()
    blocks.over_range(flat.size, _PART, lambda part: draw(stream(part.start // _PART), flat[part]))


def _bits(generator: np.random.Generator, count: int) -> np.ndarray:
    """`count` random unsigned integers of 32 bits."""
    return generator.integers(0, _EVERY_BIT, (count + 1) // 2, np.uint64, endpoint=True).view(np.uint32)[:count]


def _fractions(bits: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Write random bits to `out` as float32 numbers in (0, 1]."""
    out[...] = bits
    out += np.float32(0.5)
    out *= _SCALE
    return out


def fill_uniform(generator: np.random.Generator, out: np.ndarray) -> None:
    """Fill a flat float32 array with numbers in [0, 1), multiples of 2^-24 as NumPy draws them."""
    if out.size < MIN_AT_ONCE:
        generator.random(out=out, dtype=np.float32)
        return
    bits = _bits(generator, out.size)
    bits >>= 8
    out[...] = bits.view(np.int32)  # which processors convert faster
    out *= np.float32(2.0**-24)


def fill_exponential(generator: np.random.Generator, out: np.ndarray) -> None:
    """Fill a flat float32 array with numbers from the exponential distribution of rate 1, as -log(u)."""
    if out.size < MIN_AT_ONCE:
        generator.standard_exponential(out=out, dtype=np.float32)
        return
    np.log(_fractions(_bits(generator, out.size), out), out=out)
    np.abs(out, out=out)


def fill_normal(generator: np.random.Generator, out: np.ndarray) -> None:
    """Fill a flat float32 array with numbers from the standard normal distribution.

    Two at a time by the method of Box and Muller, which vectorises (doi:10.1214/aoms/1177706645): the coordinates of a
    point whose squared distance is twice an exponential number and whose direction is uniform.
    """
    if out.size < MIN_AT_ONCE:
        generator.standard_normal(out=out, dtype=np.float32)
        return
    half = (out.size + 1) // 2
    bits = _bits(generator, 2 * half)
    distance = np.log(_fractions(bits[:half], np.empty(half, np.float32)))
    distance *= np.float32(-2)
    np.sqrt(distance, out=distance)
    angle = bits[half:].view(np.int32).astype(np.float32)
    angle *= np.float32(np.pi * 2.0**-31)
    np.multiply(np.cos(angle), distance, out=out[:half])
    rest = out.size - half
    np.sin(angle, out=angle)
    np.multiply(angle[:rest], distance[:rest], out=out[half:])
