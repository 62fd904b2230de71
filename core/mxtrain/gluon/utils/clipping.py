"""Gradients limited by their norm."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from mxtrain import ndarray as nd
from mxtrain.gluon.errors import CheckError
from mxtrain.ndarray import NDArray
from mxtrain.ndarray.operators import functions


def clip_global_norm(arrays: Sequence[NDArray], max_norm: float, check_isfinite: bool = True) -> Any:
    """Scale arrays in place, so that the 2-norm of all their values together is at most `max_norm`.

    Returns the norm before, as a float; with check_isfinite=False as an NDArray (1,), without waiting for it. A norm
    that is not finite is warned of (check_isfinite).
    """
    if not arrays:
        raise CheckError("Expected: one array or more. Received: none.")
    ctx = arrays[0].context
    squares = [
        functions.sum(functions.square(array.astype(np.float32, copy=False))).as_in_context(ctx) for array in arrays
    ]
    norm = functions.sqrt(functions.add_n(*squares)).reshape((1,))
    value = norm.asscalar() if check_isfinite else None
    if value is not None and not np.isfinite(value):
        warnings.warn("nan or inf is detected. Clipping results will be undefined.", UserWarning, stacklevel=2)
    factor = nd.minimum(max_norm / (norm + 1e-8), nd.ones((1,), ctx=ctx))
    for array in arrays:
        array *= factor.as_in_context(array.context).astype(array.dtype, copy=False)
    return norm if value is None else float(value)
