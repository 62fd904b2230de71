"""Gradients by finite differences, and the check of a symbol's gradients against them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentTypeError
from mxtrain.context import Context
from mxtrain.dtypes import is_floating
from mxtrain.executor.executor_type import Executor
from mxtrain.ndarray.array_type import NDArray
from mxtrain.symbol.symbol_type import Symbol
from mxtrain.test_utils.binding import as_ndarray, by_name, gradient_arrays, parse_aux_states, parse_location
from mxtrain.test_utils.comparison import as_numpy, assert_almost_equal
from mxtrain.test_utils.defaults import default_context
from mxtrain.test_utils.tolerance import Tolerance, default_numeric_eps

__all__ = ["check_numeric_gradient", "numeric_grad"]


def numeric_grad(
    executor: Executor,
    location: Any,
    aux_states: Any = None,
    eps: float = 1e-4,
    use_forward_train: bool = True,
    dtype: Any = np.float32,
) -> dict[str, np.ndarray]:
    """The gradient of the sum of an executor's first output by each argument in `location`, by central differences.

    location: values of the arguments, by order or name. aux_states: values of the auxiliary states, put back
    before each run. eps: the distance between the two points. dtype: of the result.
    """
    point = by_name(location, list(executor.arg_dict), "location")
    aux = by_name(aux_states or {}, list(executor.aux_dict), "aux_states") if aux_states else {}
    differences = _Differences(executor, point, aux, [None], use_forward_train)
    return {name: differences.gradient(name, eps).astype(dtype) for name in point}


class _Differences:
    """Evaluates a weighted sum of an executor's outputs around a point. A weight of None counts every element once."""

    def __init__(
        self,
        executor: Executor,
        point: Mapping[str, Any],
        aux: Mapping[str, Any],
        weights: Sequence[np.ndarray | None],
        is_train: bool,
    ) -> None:
        self._executor = executor
        self._point = {name: as_numpy(value) for name, value in point.items()}
        self._aux = aux
        self._weights = weights
        self._is_train = is_train
        for name, values in self._point.items():
            executor.arg_dict[name][:] = values

    def gradient(self, name: str, eps: float) -> np.ndarray:
        """The gradient by one argument, float64."""
        target = self._executor.arg_dict[name]
        origin = target.asnumpy()
        values = origin.copy()
        result = np.zeros(origin.shape, np.float64)
        for place in np.ndindex(*origin.shape):
            values[place] = origin[place] + eps / 2
            upper = self._value_at(target, values)
            # the step that the dtype could represent is the one to divide by
            step = np.float64(values[place])
            values[place] = origin[place] - eps / 2
            result[place] = (upper - self._value_at(target, values)) / (step - np.float64(values[place]))
            values[place] = origin[place]
        target[:] = origin
        return result

    def _value_at(self, target: NDArray, values: np.ndarray) -> float:
        target[:] = values
        for name, value in self._aux.items():
            self._executor.aux_dict[name][:] = value
        outputs = self._executor.forward(is_train=self._is_train)
        total = 0.0
        for output, weight in zip(outputs, self._weights, strict=False):
            wide = as_numpy(output).astype(np.float64)
            total += float((wide if weight is None else wide * weight).sum())
        return total


def check_numeric_gradient(
    sym: Symbol,
    location: Any,
    aux_states: Any = None,
    numeric_eps: float | None = None,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    grad_nodes: Any = None,
    use_forward_train: bool = True,
    ctx: Context | None = None,
    grad_stype_dict: Mapping[str, str] | None = None,
    dtype: Any = np.float32,
) -> None:
    """Raise AssertionError unless `backward` gives what finite differences of `forward` say.

    The outputs are weighted with random numbers, so that errors cannot cancel. grad_nodes: names of the arguments to
    check (all by default), or a mapping of names to grad_req: "write", "add" (the gradient must come on top of what was
    there) or "null" (what was there must stay). grad_stype_dict: storage of the gradient arrays, by name; that of the
    argument by default.
    """
    dtype = np.dtype(dtype)
    if not is_floating(dtype):
        raise ArgumentTypeError(f"Expected: a floating dtype. Received: {dtype.name}.")
    ctx = ctx or default_context()
    args = parse_location(sym, location, ctx, dtype)
    aux = parse_aux_states(sym, aux_states, ctx, dtype)
    reqs = _requests(grad_nodes, sym.list_arguments())
    start = {name: np.random.normal(0, 1, args[name].shape) for name in reqs}
    weights, grads = _backward(sym, ctx, args, aux, reqs, start, grad_stype_dict)
    plain = sym.bind(ctx, _copies(args, ctx), grad_req="null", aux_states=_copies(aux, ctx))
    differences = _Differences(plain, args, aux, weights, use_forward_train)
    eps = default_numeric_eps()[dtype] if numeric_eps is None else numeric_eps
    for name, req in reqs.items():
        received, before = as_numpy(grads[name]), start[name].astype(dtype)
        if req == "null":
            assert_almost_equal(before, received, rtol, atol, (f"BEFORE_{name}", f"BACKWARD_{name}"))
            continue
        expected = differences.gradient(name, eps).astype(dtype)
        received = received - before if req == "add" else received
        assert_almost_equal(expected, received, rtol, atol, (f"NUMERICAL_{name}", f"BACKWARD_{name}"))


def _requests(grad_nodes: Any, names: Sequence[str]) -> dict[str, str]:
    if grad_nodes is None:
        return dict.fromkeys(names, "write")
    return dict(grad_nodes) if isinstance(grad_nodes, Mapping) else dict.fromkeys(grad_nodes, "write")


def _copies(arrays: Mapping[str, NDArray], ctx: Context) -> dict[str, NDArray]:
    return {name: array.copyto(ctx) for name, array in arrays.items()}


def _backward(
    sym: Symbol,
    ctx: Context,
    args: Mapping[str, NDArray],
    aux: Mapping[str, NDArray],
    reqs: Mapping[str, str],
    start: Mapping[str, np.ndarray],
    stypes: Mapping[str, str] | None,
) -> tuple[list[np.ndarray], dict[str, NDArray]]:
    """Random weights of the outputs, and the gradients of the weighted sum."""
    grads = gradient_arrays({name: start[name] for name in reqs}, args, stypes, ctx)
    executor = sym.bind(ctx, _copies(args, ctx), grads, dict(reqs), _copies(aux, ctx))
    outputs = executor.forward(is_train=True)
    weights = [np.random.rand(*output.shape) + 0.1 for output in outputs]
    executor.backward([as_ndarray(w, ctx, output.dtype) for w, output in zip(weights, outputs, strict=True)])
    return weights, grads
