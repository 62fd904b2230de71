"""`optimizer_seed`: what the random numbers begin with that an optimizer draws on servers."""

import hashlib

from mxtrain.context import cpu


def optimizer_seed() -> int:
    """A number below 2^63 that follows from where this process's random numbers are, which go on as they would have.

    So `mx.random.seed` on worker 0 decides what servers draw.
    """
    state = cpu().backend.rng.position
    parts = (state["state"]["state"].tobytes(), state["has_uint32"], state["uinteger"])
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1
