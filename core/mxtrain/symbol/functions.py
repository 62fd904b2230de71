"""The functions of `mx.sym`: one per operator, made from its declaration."""

from collections.abc import Callable, Mapping
from typing import Any

from mxtrain.attribute import current as current_attributes
from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.name import current as current_names
from mxtrain.ops.operator import Operator
from mxtrain.ops.parameters import format_value
from mxtrain.ops.signature import bind, python_signature
from mxtrain.symbol.graph import Entry, Node, complete_variable, new_variable, stored_attributes
from mxtrain.symbol.symbol_type import Symbol


def make_function(op: Operator, public_name: str) -> Callable[..., Any]:
    """The symbolic function of an operator."""
    hint = public_name.lower()

    def function(*args: Any, name: str | None = None, attr: Mapping[str, str] | None = None, **kwargs: Any) -> Symbol:
        inputs, given = bind(op, args, _without_absent(op, kwargs), Symbol)
        user = {key: given.pop(key) for key in list(given) if key.startswith("__") and key.endswith("__")}
        given.pop("out", None)
        return compose(op, current_names().get(name, hint), inputs, given, {**user, **(attr or {})})

    function.__name__ = function.__qualname__ = public_name
    function.__doc__ = op.doc
    function.__module__ = "mxtrain.symbol"
    function.__signature__ = python_signature(op)  # type: ignore[attr-defined]
    return function


def _without_absent(op: Operator, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call that are there; None means a missing one, unless the parameter takes it as a value."""
    return {k: v for k, v in kwargs.items() if v is not None or (k in op.params and op.params[k].optional)}


def compose(op: Operator, name: str, inputs: list[Any], given: Mapping[str, Any], attr: Mapping[str, str]) -> Symbol:
    """The application of an operator to symbols; inputs that are missing become variables named after it."""
    runtime = {key: given[key] for key in ("state",) if key in given}
    # as in MXNet, an operator that names its inputs does not count them
    left_out = {*runtime, *((op.count,) if op.choose_inputs is not None else ())}
    attrs = {key: format_value(value) for key, value in given.items() if key not in left_out}
    node = Node(op, name, None, stored_attributes({**current_attributes().get(attr), **attrs}), runtime)
    names = node.input_names
    by_name = dict(zip(names if op.variadic else op.input_names, inputs, strict=False))
    superfluous = [key for key, value in by_name.items() if value is not None and key not in names]
    if superfluous:
        raise ArgumentTypeError(
            f"Operator {op.name!r} ({name}): expected the inputs {names} with these parameters. "
            f"Received: {superfluous} too."
        )
    for input_name in names:
        node.inputs.append(_input_entry(node, input_name, by_name.get(input_name)))
    return Symbol([Entry(node, i) for i in range(node.num_visible)])


def _input_entry(node: Node, input_name: str, given: Symbol | None) -> Entry:
    if given is None:
        return new_variable(node, input_name)
    if len(given.heads) != 1:
        operator = node.op.name if node.op else ""
        raise ArgumentError(
            f"Operator {operator!r} ({node.name}): expected a Symbol of one output as {input_name}. "
            f"Received: {len(given.heads)} outputs; choose one by [index]."
        )
    # as in MXNet, a variable without an initializer takes the operator's, and keeps it
    complete_variable(given.heads[0].node, node, input_name)
    return given.heads[0]
