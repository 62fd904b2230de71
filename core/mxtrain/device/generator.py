"""A device's random generator, re-seeded in place."""

import types
from typing import Any

import numpy as np


class RandomState:
    """Holds the generator of one device; `seed` replaces it without changing the identity of the holder.

    Every device starts from its own fixed seed, so that a program without `mx.random.seed` gives the same numbers on
    each run, as MXNet's does.
    """

    __slots__ = ("_xp", "generator")

    def __init__(self, xp: types.ModuleType, seed: int) -> None:
        self._xp = xp
        self.generator: Any = None
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Restart the stream. seed: any integer; only its lower 64 bits count."""
        bits = seed & 0xFFFFFFFFFFFFFFFF
        if self._xp is np:
            # SFC64 fills float32 arrays about a third faster than PCG64
            self.generator = np.random.Generator(np.random.SFC64(bits))
        else:
            self.generator = self._xp.random.default_rng(bits)

    def integer(self) -> int:
        """A fresh non-negative 63-bit integer, to seed something else from this stream."""
        return int(self.generator.integers(0, 2**63 - 1))
