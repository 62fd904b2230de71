"""Checks of a symbol's outputs and gradients against expected values, its speed, and its structure."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.context import Context
from mxtrain.ndarray.array_type import NDArray
from mxtrain.symbol.graph import topological
from mxtrain.symbol.symbol_type import Symbol
from mxtrain.test_utils.binding import (
    as_ndarray,
    by_name,
    gradient_arrays,
    parse_aux_states,
    parse_grad_req,
    parse_location,
)
from mxtrain.test_utils.comparison import as_numpy, assert_almost_equal
from mxtrain.test_utils.defaults import default_context
from mxtrain.test_utils.tolerance import Tolerance

__all__ = ["check_speed", "check_symbolic_backward", "check_symbolic_forward", "same_symbol_structure"]


def check_symbolic_forward(
    sym: Symbol,
    location: Any,
    expected: Any,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    aux_states: Any = None,
    ctx: Context | None = None,
    equal_nan: bool = False,
    dtype: Any = np.float32,
) -> list[NDArray]:
    """Raise AssertionError unless a symbol's outputs are as expected; returns them.

    location, aux_states, expected: arrays by order or name (arguments, auxiliary states, outputs).
    """
    ctx = ctx or default_context()
    args = parse_location(sym, location, ctx, dtype)
    aux = parse_aux_states(sym, aux_states, ctx, dtype)
    wanted = by_name(expected, sym.list_outputs(), "expected")
    executor = sym.bind(ctx, args, grad_req="null", aux_states=aux)
    outputs = executor.forward(is_train=False)
    for name, output in zip(sym.list_outputs(), outputs, strict=True):
        if name in wanted:
            names = (f"EXPECTED_{name}", f"FORWARD_{name}")
            assert_almost_equal(wanted[name], output, rtol, atol, names, equal_nan=equal_nan)
    return outputs


def check_symbolic_backward(
    sym: Symbol,
    location: Any,
    out_grads: Any,
    expected: Any,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    aux_states: Any = None,
    grad_req: Any = "write",
    ctx: Context | None = None,
    grad_stypes: Mapping[str, str] | None = None,
    equal_nan: bool = False,
    dtype: Any = np.float32,
) -> dict[str, NDArray]:
    """Raise AssertionError unless a symbol's gradients are as expected; returns the gradient arrays by name.

    out_grads: gradients by the outputs, by order or name; None where only loss layers are outputs. expected: gradients
    by order or name of the arguments; only those named are checked. grad_stypes: storage of the gradient arrays, by
    name; that of the argument by default. Where grad_req is "add", the gradient must come on
    top of what was there before; where it is "null", that must stay.
    """
    ctx = ctx or default_context()
    args = parse_location(sym, location, ctx, dtype)
    aux = parse_aux_states(sym, aux_states, ctx, dtype)
    wanted = by_name(expected, sym.list_arguments(), "expected")
    reqs = parse_grad_req(grad_req, sym.list_arguments())
    start = {name: np.random.normal(size=np.shape(as_numpy(value))) for name, value in wanted.items()}
    grads = gradient_arrays(start, args, grad_stypes, ctx)
    executor = sym.bind(ctx, args, grads, reqs, aux)
    executor.forward(is_train=True)
    executor.backward(_head_gradients(sym, out_grads, executor.outputs, ctx))
    for name, value in wanted.items():
        before = start[name].astype(args[name].dtype)
        target = {"write": as_numpy(value), "add": as_numpy(value) + before, "null": before}[reqs[name]]
        assert_almost_equal(
            target, grads[name], rtol, atol, (f"EXPECTED_{name}", f"BACKWARD_{name}"), equal_nan=equal_nan
        )
    return grads


def _head_gradients(sym: Symbol, out_grads: Any, outputs: list[NDArray], ctx: Context) -> list[NDArray] | None:
    if out_grads is None:
        return None
    if isinstance(out_grads, (list, tuple)):  # MXNet's tests may give more than there are outputs
        out_grads = out_grads[: len(outputs)]
    given = by_name(out_grads, sym.list_outputs(), "out_grads")
    return [
        as_ndarray(given[name], ctx, output.dtype)
        for name, output in zip(sym.list_outputs(), outputs, strict=True)
        if name in given
    ]


def check_speed(
    sym: Symbol,
    location: Mapping[str, Any] | None = None,
    ctx: Context | None = None,
    N: int = 20,
    grad_req: Any = None,
    typ: str = "whole",
    **kwargs: Any,
) -> float:
    """Seconds that one run of a symbol takes, the mean of N.

    location: the arguments by name; without it they are random, of the shapes in kwargs. typ: "whole" (forward and
    backward) or "forward".
    """
    if typ not in ("whole", "forward"):
        raise ArgumentError(f'Expected: typ="whole" or typ="forward". Received: {typ!r}.')
    ctx = ctx or default_context()
    shapes = kwargs if location is None else {name: np.shape(value) for name, value in location.items()}
    executor = sym.simple_bind(ctx, grad_req=grad_req or ("write" if typ == "whole" else "null"), **shapes)
    for name, array in executor.arg_dict.items():
        array[:] = np.random.normal(size=array.shape) if location is None else location[name]

    def run() -> None:
        executor.forward(is_train=typ == "whole")
        if typ == "whole":
            executor.backward(executor.outputs)
        for output in executor.outputs:
            output.wait_to_read()

    run()  # the first run warms caches up
    start = time.perf_counter()
    for _ in range(N):
        run()
    return (time.perf_counter() - start) / N


def same_symbol_structure(sym1: Symbol, sym2: Symbol) -> bool:
    """Whether two graphs have the same operators connected in the same way; names and parameters may differ."""
    return _structure(sym1) == _structure(sym2)


def _structure(sym: Symbol) -> Any:
    order = topological(sym.heads)
    number = {id(node): i for i, node in enumerate(order)}
    nodes = [(n.op, [(number[id(e.node)], e.index) for e in n.inputs]) for n in order]
    return nodes, [(number[id(head.node)], head.index) for head in sym.heads]
