"""Shape and type inference over a graph, forwards and backwards until nothing new is learnt."""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, MXNetError
from mxtrain.dtypes import TYPE_FLAGS, as_dtype
from mxtrain.ops import shapes, types
from mxtrain.ops.parameters import Params
from mxtrain.symbol.graph import Entry, Node, topological


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
            declared = node.attrs.get("__shape__")
            if shape is None and declared is not None:
                shape = _as_partial(ast.literal_eval(declared))
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
        complete.update({n.name: facts.known[id(n), 0] for n in facts.order if n.is_variable and (id(n), 0) in facts.known})


def _as_partial(shape: Any) -> shapes.PartialShape:
    """MXNet's notation (0: unknown size, (): unknown shape) as a partial shape."""
    sizes = (shape,) if isinstance(shape, int) else tuple(int(size) for size in shape)
    return tuple(-1 if size <= 0 else size for size in sizes) if sizes else None


as_partial = _as_partial


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
