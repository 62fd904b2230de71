"""`drawing`: random numbers that are the same on every copy of a shard."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from mxtrain.context import cpu


@contextlib.contextmanager
def drawing(*place: Any) -> Iterator[None]:
    """For a `with` block, let the generators of CPU arrays and of NumPy begin where `place` says.

    place: plain values. Afterwards the process's own random numbers go on where they were.
    """
    words = np.frombuffer(hashlib.sha256(repr(place).encode()).digest(), np.uint32).tolist()
    before = np.random.get_state()  # an optimizer of a user may draw from it
    np.random.seed(words)
    try:
        with cpu().backend.rng.at(np.random.SFC64(words).state):
            yield
    finally:
        np.random.set_state(before)
