"""Gradient formulas as graph nodes: the F and the values that an operator's gradient gets in a symbolic graph."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from mxtrain.ops.operator import Operator
from mxtrain.ops.parameters import format_value
from mxtrain.ops.registry import find
from mxtrain.ops.signature import bind, select_inputs
from mxtrain.symbol.graph import Entry, Node


class Value:
    """An output of a node inside a gradient formula; arithmetic broadcasts, as it does on NDArrays."""

    __slots__ = ("builder", "entry")
    __array_priority__ = 1000.0

    def __init__(self, builder: "FormulaBuilder", entry: Entry) -> None:
        self.builder = builder
        self.entry = entry


def _arithmetic(array_op: str, scalar_op: str) -> Callable[[Value, Any], Any]:
    def method(self: Value, other: Any) -> Any:
        if isinstance(other, Value):
            return getattr(self.builder, array_op)(self, other)
        if isinstance(other, (int, float, np.number)):
            return getattr(self.builder, scalar_op)(self, scalar=float(other))
        return NotImplemented

    return method


for _name, _array_op, _scalar_op in (
    ("__add__", "broadcast_add", "_plus_scalar"),
    ("__radd__", "broadcast_add", "_plus_scalar"),
    ("__sub__", "broadcast_sub", "_minus_scalar"),
    ("__rsub__", "broadcast_sub", "_rminus_scalar"),
    ("__mul__", "broadcast_mul", "_mul_scalar"),
    ("__rmul__", "broadcast_mul", "_mul_scalar"),
    ("__truediv__", "broadcast_div", "_div_scalar"),
    ("__rtruediv__", "broadcast_div", "_rdiv_scalar"),
    ("__mod__", "broadcast_mod", "_mod_scalar"),
    ("__pow__", "broadcast_power", "_power_scalar"),
    ("__rpow__", "broadcast_power", "_rpower_scalar"),
    ("__gt__", "broadcast_greater", "_greater_scalar"),
    ("__ge__", "broadcast_greater_equal", "_greater_equal_scalar"),
    ("__lt__", "broadcast_lesser", "_lesser_scalar"),
    ("__le__", "broadcast_lesser_equal", "_lesser_equal_scalar"),
    ("__eq__", "broadcast_equal", "_equal_scalar"),
    ("__ne__", "broadcast_not_equal", "_not_equal_scalar"),
):
    setattr(Value, _name, _arithmetic(_array_op, _scalar_op))
setattr(Value, "__neg__", lambda self: self.builder.negative(self))


class FormulaBuilder:
    """The F of gradient formulas: `F.op(values, parameters)` adds a node. `nodes` lists them in creation order.

    is_train: whether what is differentiated ran in training mode.
    """

    def __init__(self, is_train: bool = True) -> None:
        self.is_train = is_train
        self.nodes: list[Node] = []
        self._numbers = itertools.count()
        self.prefix = ""
        self.attrs: dict[str, str] = {}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        op = find(name)

        def add(*args: Any, **kwargs: Any) -> Any:
            return self._add(op, args, kwargs)

        return add

    def value(self, entry: Entry) -> Value:
        """An output of the graph as a value of formulas."""
        return Value(self, entry)

    def _add(self, op: Operator, args: Any, kwargs: dict[str, Any]) -> Any:
        runtime = {"state": kwargs.pop("state")} if "state" in kwargs else {}
        inputs, given = bind(op, args, kwargs, Value)
        attrs = {key: format_value(value) for key, value in given.items()}
        node = Node(op, f"{self.prefix}_backward{next(self._numbers)}", None, {**self.attrs, **attrs}, runtime)
        node.inputs = [value.entry for value in select_inputs(op, inputs, node.params)]
        self.nodes.append(node)
        outputs = [Value(self, Entry(node, i)) for i in range(node.num_visible)]
        return outputs[0] if len(outputs) == 1 else outputs
