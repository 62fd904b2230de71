"""`mx.nd`: n-dimensional arrays and the operators on them."""

from mxtrain.ndarray import arithmetic, indexing, methods, random  # the first three install NDArray's methods
from mxtrain.ndarray.array_type import NDArray, from_backend
from mxtrain.ndarray.creation import (
    arange,
    array,
    concatenate,
    empty,
    eye,
    from_numpy,
    full,
    linspace,
    moveaxis,
    ones,
    zeros,
)
from mxtrain.ndarray.deferred import settle_all as _settle_all
from mxtrain.ndarray.operators import functions as _functions
from mxtrain.ops.namespaces import populate as _populate


def waitall() -> None:
    """Return when everything asked for has been computed and every value on its way has arrived."""
    _settle_all()
    _synchronize_gpus()


def _synchronize_gpus() -> None:
    from mxtrain.context import Context

    for ctx in list(Context._instances.values()):
        if ctx._backend is not None:
            ctx._backend.synchronize()


_populate(__name__, _functions)

__all__ = [
    "NDArray",
    "arange",
    "array",
    "concatenate",
    "empty",
    "eye",
    "from_backend",
    "from_numpy",
    "full",
    "linspace",
    "moveaxis",
    "ones",
    "waitall",
    "zeros",
]
