"""The module path at which MXNet keeps its optimizers."""

from mxtrain.optimizer import *  # noqa: F403
from mxtrain.optimizer import __all__ as __all__
