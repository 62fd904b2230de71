"""`mx.random`: seeds, and the functions of `mx.nd.random`."""

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.context import Context
from mxtrain.device import seed_all
from mxtrain.ndarray.random import (
    exponential,
    gamma,
    generalized_negative_binomial,
    multinomial,
    negative_binomial,
    normal,
    poisson,
    randint,
    randn,
    shuffle,
    uniform,
)

__all__ = [
    "exponential",
    "gamma",
    "generalized_negative_binomial",
    "multinomial",
    "negative_binomial",
    "normal",
    "poisson",
    "randint",
    "randn",
    "seed",
    "shuffle",
    "uniform",
]


def seed(seed_state: int, ctx: Context | str = "all") -> None:
    """Restart the random numbers of devices: equal seeds give equal numbers.

    seed_state: any integer. ctx: one device; "all" restarts every device (those not used yet as well), each with its
    own sequence. A device seeded alone gets the same numbers whichever it is. Raises ArgumentTypeError for other types.
    """
    try:
        number = int(seed_state)
    except (TypeError, ValueError):
        raise ArgumentTypeError(f"Expected: an integer as seed. Received: {seed_state!r}.") from None
    if isinstance(ctx, Context):
        ctx.backend.rng.seed(number)
    elif ctx == "all":
        seed_all(number)
    else:
        raise ArgumentError(f'Expected: a Context or "all". Received: {ctx!r}.')
