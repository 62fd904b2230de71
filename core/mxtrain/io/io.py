"""The module path at which MXNet keeps its iterators."""

from mxtrain.io import *  # noqa: F403
from mxtrain.io import __all__ as __all__
