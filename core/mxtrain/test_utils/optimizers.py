"""The check that two optimizers take the same step."""

from collections.abc import Sequence
from typing import Any

from mxtrain.ndarray.array_type import NDArray
from mxtrain.test_utils.comparison import assert_almost_equal, compare_ndarray_tuple
from mxtrain.test_utils.defaults import default_context
from mxtrain.test_utils.random_data import rand_ndarray

__all__ = ["compare_optimizer"]


def compare_optimizer(
    opt1: Any,
    opt2: Any,
    shape: Sequence[Any],
    dtype: Any,
    w_stype: str = "default",
    g_stype: str = "default",
    rtol: float = 1e-4,
    atol: float = 1e-5,
    compare_states: bool = True,
    ntensors: int = 1,
) -> None:
    """Raise AssertionError unless two optimizers make the same of random weights and gradients.

    shape: of the weight; with ntensors > 1 a list of that many shapes, updated in one call. w_stype, g_stype: storage
    of weights (sparse ones store everything) and gradients; opt1 gets dense copies of them.
    """
    shapes = [shape] if ntensors == 1 else list(shape)
    weights = [_random(one, w_stype, 1.0, dtype) for one in shapes]
    grads = [_random(one, g_stype, None, dtype) for one in shapes]
    one, one_states = _step(opt1, [w.tostype("default") for w in weights], [g.tostype("default") for g in grads])
    other, other_states = _step(opt2, weights, grads)
    if compare_states:
        compare_ndarray_tuple(one_states, other_states, rtol, atol)
    for received, expected in zip(one, other, strict=True):
        assert_almost_equal(received, expected, rtol, atol)


def _random(shape: Sequence[int], stype: str, density: float | None, dtype: Any) -> NDArray:
    return rand_ndarray(shape, stype, density, dtype=dtype, ctx=default_context())


def _step(optimizer: Any, weights: Sequence[NDArray], grads: Sequence[NDArray]) -> tuple[list[NDArray], list[Any]]:
    """Copies of the weights after one step, and the states."""
    weights, grads = [w.copy() for w in weights], [g.copy() for g in grads]
    states = [optimizer.create_state_multi_precision(i, w) for i, w in enumerate(weights)]
    if len(weights) == 1:
        optimizer.update_multi_precision(0, weights[0], grads[0], states[0])
    else:
        optimizer.update_multi_precision(list(range(len(weights))), weights, grads, states)
    return weights, states
