"""Shape and type inference over a graph, forwards and backwards until nothing new is learnt."""

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import index
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError
from mxtrain.dtypes import TYPE_FLAGS, as_dtype
from mxtrain.ops import shapes, types
from mxtrain.ops.parameters import Params
from mxtrain.symbol.graph import Entry, Node, topological
from mxtrain.util import is_np_shape


@dataclass
class Facts:
    """What is known about every output of every node of a graph: shapes, or dtypes. Absent: nothing."""

    order: list[Node]
    known: dict[tuple[int, int], Any] = field(default_factory=dict)

    def get(self, entry: Entry) -> Any:
        """The fact about an output, None where nothing is known."""
        return self.known.get((id(entry.node), entry.index))


def infer_shapes(heads: Sequence[Entry], given: Mapping[str, Any]) -> Facts:
    """Shapes of all outputs, from the shapes of variables by name (their `__shape__` attributes count as well).

    Sizes that are not known are -1. Raises ArgumentError naming the node where two statements disagree.
    """
    facts = Facts(topological(heads))
    for node in facts.order:
        if node.is_variable:
            shape = given.get(node.name)
            if shape is None:
                shape = as_partial(declared_shape(node))
            if shape is not None:
                facts.known[id(node), 0] = shape
    _propagate(facts, "shape", lambda op: op.infer_shape, shapes.unify)
    return facts


def infer_types(heads: Sequence[Entry], given: Mapping[str, Any]) -> Facts:
    """dtypes of all outputs, from those of variables by name (their `__dtype__` attributes count as well)."""
    facts = Facts(topological(heads))
    for node in facts.order:
        if node.is_variable:
            dtype = given.get(node.name)
            declared = node.attrs.get("__dtype__")
            if dtype is None and declared is not None and int(declared) in TYPE_FLAGS:
                dtype = TYPE_FLAGS[int(declared)]
            if dtype is not None:
                facts.known[id(node), 0] = as_dtype(dtype)
    _propagate(facts, "dtype", lambda op: op.infer_type, types.unify)
    return facts


def infer_shapes_of(heads: Sequence[Entry], known: Iterable[tuple[Entry, Any]]) -> Facts:
    """Shapes of all outputs, from partial ones of some (None: unknown)."""
    return _propagate_from(Facts(topological(heads)), known, "shape", lambda op: op.infer_shape, shapes.unify)


def infer_types_of(heads: Sequence[Entry], known: Iterable[tuple[Entry, Any]]) -> Facts:
    """dtypes of all outputs, from those of some (None: unknown)."""
    return _propagate_from(Facts(topological(heads)), known, "dtype", lambda op: op.infer_type, types.unify)


def _propagate_from(
    facts: Facts,
    known: Iterable[tuple[Entry, Any]],
    what: str,
    rule_of: Callable[[Any], Any],
    unify: Callable[[Any, Any], Any],
) -> Facts:
    for entry, fact in known:
        found = unify(facts.get(entry), fact)
        if found is not None:
            facts.known[id(entry.node), entry.index] = found
    _propagate(facts, what, rule_of, unify)
    return facts


def fill_default_type(heads: Sequence[Entry], given: Mapping[str, Any]) -> Facts:
    """dtypes of all outputs, where variables about which nothing can be concluded are float32."""
    facts = infer_types(heads, given)
    complete = {node.name: facts.known[id(node), 0] for node in facts.order if (id(node), 0) in facts.known}
    while True:
        unknown = [node for node in facts.order if node.is_variable and (id(node), 0) not in facts.known]
        if not unknown:
            return facts
        complete[unknown[0].name] = np.dtype(np.float32)
        facts = infer_types(heads, complete)
        variables = [node for node in facts.order if node.is_variable]
        complete.update({node.name: facts.known[id(node), 0] for node in variables if (id(node), 0) in facts.known})


def declared_shape(node: Node) -> tuple[int, ...] | None:
    """The shape that a variable was made with, as it was written; None where it was made without."""
    text = node.attrs.get("__shape__")
    if text is None:
        return None
    try:
        value = ast.literal_eval(text)
        return (index(value),) if hasattr(value, "__index__") else tuple(index(size) for size in value)
    except (ValueError, SyntaxError, TypeError):
        raise ArgumentError(f"{node.name}: expected a tuple of integers as __shape__. Received: {text!r}.") from None


def as_partial(shape: Any) -> shapes.PartialShape:
    """A shape as a user writes it as a partial shape.

    An unknown size is 0 or -1 and an unknown shape (), but under NumPy's shape semantics -1 and None.
    """
    if shape is None:
        return None
    try:
        sizes = (index(shape),) if hasattr(shape, "__index__") else tuple(index(size) for size in shape)
    except TypeError:
        raise ArgumentTypeError(f"Expected: a shape, a tuple of integers. Received: {shape!r}.") from None
    if is_np_shape():
        return tuple(max(size, -1) for size in sizes)
    return tuple(-1 if size <= 0 else size for size in sizes) if sizes else None


def as_written(shape: shapes.PartialShape) -> tuple[int, ...] | None:
    """A partial shape as a user reads it: the reverse of `as_partial`."""
    if is_np_shape():
        return shape
    return () if shape is None else tuple(max(size, 0) for size in shape)


def _propagate(facts: Facts, what: str, rule_of: Callable[[Any], Any], unify: Callable[[Any, Any], Any]) -> None:
    operators = [(node, Params(**node.params)) for node in facts.order if not node.is_variable]
    changed = True
    forwards = True
    while changed:
        changed = False
        for node, p in operators if forwards else reversed(operators):
            changed |= _apply(facts, node, p, what, rule_of(node.op), unify)
        forwards = not forwards


def _apply(facts: Facts, node: Node, p: Params, what: str, rule: Any, unify: Callable[[Any, Any], Any]) -> bool:
    """Apply one operator's rule; returns whether something new was learnt."""
    in_keys = [(id(entry.node), entry.index) for entry in node.inputs]
    out_keys = [(id(node), index) for index in range(node.num_outputs)]
    ins = [facts.known.get(key) for key in in_keys]
    outs = [facts.known.get(key) for key in out_keys]
    try:
        new_ins, new_outs = rule(list(ins), list(outs), p)
        new_ins = [unify(old, new) for old, new in zip(ins, new_ins, strict=True)]
        new_outs = [unify(old, new) for old, new in zip(outs, new_outs, strict=True)]
    except MXNetError as error:
        raise _disagreement(node, what, ins, error) from None
    changed = False
    for key, old, new in zip((*in_keys, *out_keys), (*ins, *outs), (*new_ins, *new_outs), strict=True):
        if new is not None and (old is None or new != old):  # to NumPy, the dtype float64 equals None
            facts.known[key] = new
            changed = True
    return changed


def _disagreement(node: Node, what: str, ins: Sequence[Any], error: MXNetError) -> MXNetError:
    received = ", ".join(
        f"{name} ({entry.node.name}): {fact if not isinstance(fact, np.dtype) else fact.name}"
        for name, entry, fact in zip(node.input_names, node.inputs, ins, strict=False)
    )
    operator = node.op.name if node.op else "?"
    kind = type(error) if isinstance(error, MXNetError) else ArgumentError
    return kind(f"Error in operator {node.name} ({operator}), {what} inference: {error} Inputs: {received}.")
