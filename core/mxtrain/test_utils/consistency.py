"""The check that a symbol, or several that mean the same, give one result on all contexts and in all dtypes."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.executor.executor_type import Executor
from mxtrain.ndarray.array_type import NDArray
from mxtrain.symbol.symbol_type import Symbol
from mxtrain.test_utils.comparison import assert_almost_equal
from mxtrain.test_utils.tolerance import Tolerance

__all__ = ["check_consistency"]


def check_consistency(
    sym: Symbol | Sequence[Symbol],
    ctx_list: Sequence[Mapping[str, Any]],
    scale: float = 1.0,
    grad_req: Any = "write",
    arg_params: Mapping[str, Any] | None = None,
    aux_params: Mapping[str, Any] | None = None,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    raise_on_err: bool = True,
    ground_truth: Mapping[str, NDArray] | None = None,
    equal_nan: bool = False,
    use_uniform: bool = False,
    rand_type: Any = np.float64,
) -> dict[str, NDArray]:
    """Raise AssertionError unless all settings give the same outputs, and gradients, as the most precise one.

    ctx_list: settings: {"ctx": Context, "type_dict": dtypes by name, name: shape, ...}. sym: one symbol, or one per
    setting. arg_params, aux_params: values by name; normally distributed times `scale` (use_uniform: drawn evenly) and
    zeros by default. ground_truth: outputs and gradients by name to compare with instead. raise_on_err: else log only.
    Returns outputs and gradients of the most precise setting by name.
    """
    symbols = [sym] * len(ctx_list) if isinstance(sym, Symbol) else list(sym)
    if (len(ctx_list) < 2 and ground_truth is None) or len(symbols) != len(ctx_list):
        raise ArgumentError(
            f"Expected: two settings, a symbol each. Received: {len(ctx_list)}, {len(symbols)} symbols."
        )
    names = symbols[0].list_outputs()
    for other in symbols[1:]:
        if other.list_outputs() != names or other.list_arguments() != symbols[0].list_arguments():
            raise AssertionError(f"Expected: symbols with equal arguments and outputs. Received: {sym}.")
    executors = [s.simple_bind(grad_req=grad_req, **setting) for s, setting in zip(symbols, ctx_list, strict=True)]
    _fill(executors, arg_params or {}, aux_params or {}, scale, use_uniform, rand_type)
    precise = executors[int(np.argmax([_precision(executor) for executor in executors]))]
    tolerances = {"rtol": rtol, "atol": atol, "equal_nan": equal_nan}
    for executor in executors:
        executor.forward(is_train=False)
    _compare(executors, precise, ground_truth, tolerances, raise_on_err, gradients=False)
    if grad_req != "null":
        for executor in executors:
            executor.forward(is_train=True)
            executor.backward(executor.outputs)
        _compare(executors, precise, ground_truth, tolerances, raise_on_err, gradients=True)
    return _results(precise, gradients=grad_req != "null")


def _precision(executor: Executor) -> int:
    return min(np.dtype(array.dtype).itemsize for array in (*executor.arg_arrays, *executor.outputs))


def _fill(
    executors: Sequence[Executor],
    args: Mapping[str, Any],
    aux: Mapping[str, Any],
    scale: float,
    use_uniform: bool,
    rand_type: Any,
) -> None:
    """Give all executors the same arguments and auxiliary states."""
    draw = np.random.uniform if use_uniform else np.random.normal
    spread = {"low": -scale, "high": scale} if use_uniform else {"scale": scale}
    for name, array in executors[0].arg_dict.items():
        values = args[name] if name in args else draw(size=array.shape, **spread).astype(rand_type)
        for executor in executors:
            executor.arg_dict[name][:] = values
    for name in executors[0].aux_dict:
        for executor in executors:
            executor.aux_dict[name][:] = aux.get(name, 0)
    for executor in executors:
        for grad in executor.grad_arrays:
            if grad is not None:
                grad[:] = 0


def _results(executor: Executor, gradients: bool) -> dict[str, NDArray]:
    found = {name: output.copy() for name, output in executor.output_dict.items()}
    if gradients:
        found.update({name: grad.copy() for name, grad in executor.grad_dict.items() if grad is not None})
    return found


def _compare(
    executors: Sequence[Executor],
    precise: Executor,
    ground_truth: Mapping[str, NDArray] | None,
    tolerances: Mapping[str, Any],
    raise_on_err: bool,
    gradients: bool,
) -> None:
    truth = _results(precise, gradients) if ground_truth is None else ground_truth
    for position, executor in enumerate(executors):
        if executor is precise and ground_truth is None:
            continue
        for name, received in _results(executor, gradients).items():
            try:
                _compare_one(name, received, truth[name], tolerances)
            except AssertionError as error:
                if raise_on_err:
                    raise
                logging.getLogger(__name__).error("Setting %d: %s: %s", position, name, error)


def _compare_one(name: str, received: NDArray, truth: NDArray, tolerances: Mapping[str, Any]) -> None:
    names = (f"RECEIVED_{name}", f"TRUTH_{name}")
    # the truth is more precise: compare with what the less precise dtype can say
    assert_almost_equal(received, truth.astype(received.dtype), names=names, use_broadcast=False, **tolerances)
