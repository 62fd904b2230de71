"""`add`, `subtract`, `multiply` and `divide` that keep what is sparse sparse where the arrays have one shape."""

from collections.abc import Callable
from typing import Any

from mxtrain.ndarray import pairwise
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.invoke import invoke
from mxtrain.ops import find


def _make(name: str, operator: str, meaning: str) -> Callable[[Any, Any], Any]:
    same_shape = find(operator)
    general = getattr(pairwise, name)

    def function(lhs: Any, rhs: Any) -> Any:
        if isinstance(lhs, NDArray) and isinstance(rhs, NDArray) and lhs.shape == rhs.shape:
            return invoke(same_shape, (lhs, rhs), {})
        return general(lhs, rhs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{meaning}, element by element with broadcasting. lhs, rhs: arrays of any storage, or numbers."
    return function


add = _make("add", "elemwise_add", "lhs + rhs")
subtract = _make("subtract", "elemwise_sub", "lhs - rhs")
multiply = _make("multiply", "elemwise_mul", "lhs * rhs")
divide = _make("divide", "elemwise_div", "lhs / rhs")
