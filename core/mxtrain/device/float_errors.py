"""Infinities and NaN as ordinary results, without NumPy's warnings."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numpy as np

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


def ignoring_float_errors(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """Decorator: the function runs with NumPy's floating-point warnings off, and they come back as they were."""
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        decorated: Callable[_Parameters, _Result] = np.errstate(all="ignore")(function)
        return decorated

    # before NumPy 2, an errstate used as decorator is one object for all calls, and forgets what was when they nest
    @functools.wraps(function)
    def inside(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return inside
