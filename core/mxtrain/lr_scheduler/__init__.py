"""Learning rates that change with the number of updates, each with an optional warm-up."""

from math import pi

from mxtrain.lr_scheduler.base import LRScheduler, from_config, register
from mxtrain.lr_scheduler.cosine import CosineScheduler
from mxtrain.lr_scheduler.factor import FactorScheduler, MultiFactorScheduler
from mxtrain.lr_scheduler.poly import PolyScheduler

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
