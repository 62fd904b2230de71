"""`mx.nd.contrib`: control flow and `rand_zipfian` on NDArrays; other functions stand beside, made from operators."""

from collections.abc import Callable
from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.context import Context
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.operators import functions
from mxtrain.ops.control_flow.nesting import as_arguments, as_pair, flatten, regroup, require_max_iterations
from mxtrain.ops.random import zipfian

__all__ = ["cond", "foreach", "rand_zipfian", "while_loop"]


def foreach(body: Callable[..., Any], data: Any, init_states: Any, name: str = "foreach") -> tuple[Any, Any]:
    """Run `outputs, states = body(data[i], states)` for every slice of data along axis 0.

    data, init_states: an NDArray or nested lists of them; the body gets slices and states nested alike. Returns the
    outputs of all steps, stacked along a new axis 0, and the last states. Each step is recorded by autograd.
    Raises StructureError (an AssertionError) for anything but NDArrays.
    """
    arrays, form = flatten(data, NDArray, "the data of foreach")
    flatten(init_states, NDArray, "the states of foreach")
    states, steps, out_form = init_states, [], None
    if not arrays or not arrays[0].shape or not arrays[0].shape[0]:
        raise ArgumentError(f"Expected: data with at least one slice. Received: {[a.shape for a in arrays]}.")
    for i in range(arrays[0].shape[0]):
        outputs, states = as_pair(body(regroup([array[i] for array in arrays], form), states), "the body of foreach")
        outputs, out_form = flatten(outputs, NDArray, "the outputs of foreach")
        flatten(states, NDArray, "the states of foreach")
        steps.append(outputs)
    return regroup([functions.stack(*parts, axis=0) for parts in zip(*steps, strict=True)], out_form), states


def while_loop(
    cond: Callable[..., Any], func: Callable[..., Any], loop_vars: Any, max_iterations: Any = None, name: str = ""
) -> tuple[Any, Any]:
    """Run `output, loop_vars = func(*loop_vars)` while `cond(*loop_vars)` is true, at most max_iterations times.

    loop_vars: an NDArray or nested lists of them. cond gives an NDArray of one element, or a number. Returns the
    outputs of all steps, stacked along a new axis 0 and filled up with 0 to max_iterations (an empty list where there
    was no step), and the last loop_vars. Each step is recorded by autograd. Raises ArgumentError (a ValueError) for
    steps that give another number of arrays than the first.
    """
    limit = require_max_iterations(max_iterations)
    variables, form = flatten(loop_vars, NDArray, "the loop_vars of while_loop")
    if not variables:
        raise ArgumentError("loop_vars should contain at least one element. Received: none.")
    steps: list[list[NDArray]] = []
    out_form: Any = []
    while len(steps) < limit and _is_true(cond(*as_arguments(variables, form))):
        outputs, changed = as_pair(func(*as_arguments(variables, form)), "func of while_loop")
        outputs, out_form = flatten([] if outputs is None else outputs, NDArray, "the outputs of while_loop")
        changed, _ = flatten([] if changed is None else changed, NDArray, "the new loop_vars of while_loop")
        _require_count("loop_vars", len(variables), len(changed))
        if steps:
            _require_count("outputs", len(steps[0]), len(outputs))
        steps.append(outputs)
        variables = changed
    stacked = [_filled_up(functions.stack(*parts, axis=0), limit) for parts in zip(*steps, strict=True)]
    return regroup(stacked, out_form) if steps else [], regroup(variables, form)


def cond(pred: Any, then_func: Callable[[], Any], else_func: Callable[[], Any], name: str = "cond") -> Any:
    """What `then_func()` returns where `pred`, an NDArray of one element or a number, is true; else `else_func()`."""
    return then_func() if _is_true(pred) else else_func()


def _is_true(value: Any) -> bool:
    return bool(value.asscalar()) if isinstance(value, NDArray) else bool(value)


def _require_count(what: str, expected: int, received: int) -> None:
    if expected != received:
        raise ArgumentError(f"Expected: {expected} {what} in each step of a while_loop. Received: {received}.")


def _filled_up(stacked: NDArray, length: int) -> NDArray:
    """Stacked outputs with zeros behind the last step."""
    missing = length - stacked.shape[0]
    if missing == 0:
        return stacked
    zeros = functions._zeros(shape=(missing, *stacked.shape[1:]), dtype=stacked.dtype, ctx=stacked.context)
    return functions.concat(stacked, zeros, dim=0)


def rand_zipfian(
    true_classes: NDArray, num_sampled: int, range_max: int, ctx: Context | None = None
) -> tuple[NDArray, NDArray, NDArray]:
    """Classes drawn from [0, range_max), with replacement: P(c) = (log(c + 2) - log(c + 1)) / log(range_max + 1).

    Returns the classes, (num_sampled,), int64; and how often each of true_classes (any shape) and of the drawn ones is
    expected among num_sampled draws, float64. ctx: where to draw; that of true_classes by default.
    """
    return zipfian.rand_zipfian(functions, true_classes, num_sampled, range_max, ctx=ctx or true_classes.context)
