"""A device's random generator, re-seeded in place."""

import threading
import types
from typing import Any

import numpy as np

_lock = threading.Lock()
_states: "list[RandomState]" = []  # they live as long as the process
_common_seed = 0


class RandomState:
    """Holds the generator of one device; `seed` replaces it without changing the identity of the holder.

    xp: numpy or cupy. number: tells devices apart. Every device starts from a seed of its own, so that a program
    without `mx.random.seed` gives the same numbers on each run, as MXNet's does.
    """

    __slots__ = ("_number", "_xp", "generator")

    def __init__(self, xp: types.ModuleType, number: int) -> None:
        self._xp = xp
        self._number = number
        self.generator: Any = None
        with _lock:
            self._restart(_common_seed, number)
            _states.append(self)

    def seed(self, seed: int) -> None:
        """Restart the stream; the same on every device. seed: any integer; only its lower 64 bits count."""
        self._restart(seed, 0)

    def _restart(self, seed: int, number: int) -> None:
        entropy = [seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF, number]
        if self._xp is np:
            # SFC64 fills float32 arrays about a third faster than PCG64
            self.generator = np.random.Generator(np.random.SFC64(entropy))
        else:
            self.generator = self._xp.random.default_rng(
                np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]
            )

    def integer(self) -> int:
        """A fresh non-negative 63-bit integer, to seed something else from this stream."""
        return int(self.generator.integers(0, 2**63 - 1))


def seed_all(seed: int) -> None:
    """Restart the streams of all devices, each its own; devices that come into use later follow."""
    global _common_seed
    with _lock:
        _common_seed = seed
        for state in _states:
            state._restart(seed, state._number)
