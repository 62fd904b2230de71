"""Learning rates that change with the number of updates, each with an optional warm-up."""

from math import pi

from .base import LRScheduler, from_config, register
from .cosine import CosineScheduler
from .factor import FactorScheduler, MultiFactorScheduler
from .poly import PolyScheduler

__all__ = [
    "CosineScheduler",
    "FactorScheduler",
    "LRScheduler",
    "MultiFactorScheduler",
    "PolyScheduler",
    "from_config",
    "pi",
    "register",
]
