"""A device's random generator, re-seeded in place."""

import contextlib
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

_lock = threading.Lock()
_states: "list[RandomState]" = []  # they live as long as the process
_common_seed = 0


class RandomState:
    """Holds the generator of one device; `seed` replaces it without changing the identity of the holder.

    xp: numpy or cupy. number: tells devices apart. active: makes the device the current one (a GPU's generator works
    on the device that was current when it was made, and on no other). Every device starts from a seed of its own, so
    that a program without `mx.random.seed` gives the same numbers on each run, as MXNet's does.
    """

    __slots__ = ("_active", "_entropy", "_generator", "_number", "_xp")

    def __init__(self, xp: types.ModuleType, number: int, active: Callable[[], AbstractContextManager[Any]]) -> None:
        self._xp = xp
        self._number = number
        self._active = active
        self._generator: Any = None
        with _lock:
            self._restart(_common_seed, number)
            _states.append(self)

    @property
    def generator(self) -> Any:
        """The generator (numpy's or cupy's `Generator`), made on first use: on a GPU its state takes memory."""
        found = self._generator
        return found if found is not None else self._start()

    @property
    def can_replay(self) -> bool:
        """Whether `position` and `at` work: on a CPU. The state of a GPU's generator is large and out of reach."""
        return self._xp is np

    @property
    def position(self) -> Any:
        """Where the stream is, for `at`."""
        return self.generator.bit_generator.state

    @contextlib.contextmanager
    def at(self, position: Any) -> Iterator[None]:
        """Go back to a position of this stream for a `with` block; afterwards it goes on where it was."""
        bits = self.generator.bit_generator
        now, bits.state = bits.state, position
        try:
            yield
        finally:
            bits.state = now

    def streams(self) -> Callable[[int], np.random.Generator]:
        """Generators for the numbered parts of one large array, on a CPU.

        They follow from the state of `generator`, which goes on, and from the number of the part.
        """
        key = self.generator.integers(0, 1 << 32, 4, np.uint32).tolist()
        return lambda number: np.random.Generator(np.random.SFC64([*key, number]))

    def seed(self, seed: int) -> None:
        """Restart the stream; the same on every device. seed: any integer; only its lower 64 bits count."""
        with _lock:
            self._restart(seed, 0)

    def _restart(self, seed: int, number: int) -> None:
        self._entropy = [seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF, number]
        self._generator = None

    def _start(self) -> Any:
        with _lock:
            if self._generator is None:
                self._generator = self._make()
            return self._generator

    def _make(self) -> Any:
        if self._xp is np:
            # SFC64 fills float32 arrays about a third faster than PCG64
            return np.random.Generator(np.random.SFC64(self._entropy))
        with self._active():
            return self._xp.random.default_rng(np.random.SeedSequence(self._entropy).generate_state(1, np.uint64)[0])


def seed_all(seed: int) -> None:
    """Restart the streams of all devices, each its own; devices that come into use later follow."""
    global _common_seed
    with _lock:
        _common_seed = seed
        for state in _states:
            state._restart(seed, state._number)
