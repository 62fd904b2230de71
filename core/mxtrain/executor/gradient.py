"""The gradient graph: nodes that compute the gradients of a graph's arguments from gradients of its outputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mxtrain.base import MXNetError
from mxtrain.executor.formula import FormulaBuilder, Value
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, ZERO_GRADIENT
from mxtrain.symbol.graph import Entry, Node, topological


@dataclass
class GradientGraph:
    """What `differentiate` found.

    nodes: the backward nodes that are needed, each after its inputs. head_grads: per output of the graph, the variable
    that takes its gradient; None where no wanted gradient depends on it. grads: per wanted variable, by id, the entry
    that holds its gradient; a variable that no output depends on is absent.
    """

    nodes: list[Node]
    head_grads: list[Node | None]
    grads: dict[int, Entry]


def differentiate(heads: Sequence[Entry], wanted: Sequence[Node], is_train: bool = True) -> GradientGraph:
    """The gradient graph of the heads by the wanted variables. Raises MXNetError for an operator without gradient."""
    order = topological(heads)
    on_path = _depending_on(order, wanted)
    builder = FormulaBuilder(is_train)
    head_grads = [Node(None, f"{head.node.name}_{head.index}_head_grad") for head in heads]
    arrived: dict[tuple[int, int], Value] = {}
    for head, variable in zip(heads, head_grads, strict=True):
        _accumulate(builder, arrived, head, builder.value(Entry(variable)))
    for node in reversed(order):
        if not node.is_variable and id(node) in on_path:
            _differentiate_node(builder, node, on_path, arrived)
    grads = {id(v): arrived[id(v), 0].entry for v in wanted if (id(v), 0) in arrived}
    return _without_dead_nodes(builder.nodes, head_grads, grads)


def _depending_on(order: Sequence[Node], wanted: Sequence[Node]) -> set[int]:
    """ids of the nodes that depend on a wanted variable, these among them."""
    found = {id(node) for node in wanted}
    for node in order:
        if any(id(entry.node) in found for entry in node.inputs):
            found.add(id(node))
    return found


def _accumulate(builder: FormulaBuilder, arrived: dict[tuple[int, int], Value], entry: Entry, grad: Value) -> None:
    key = (id(entry.node), entry.index)
    known = arrived.get(key)
    arrived[key] = grad if known is None else builder.elemwise_add(known, grad)


def _differentiate_node(
    builder: FormulaBuilder, node: Node, on_path: set[int], arrived: dict[tuple[int, int], Value]
) -> None:
    op = node.op
    present = [arrived.get((id(node), i)) for i in range(node.num_outputs)]
    if op is None or op.gradient is ZERO_GRADIENT or all(grad is None for grad in present):
        return
    if op.gradient is NOT_DIFFERENTIABLE:
        raise MXNetError(
            f"Operator {op.name!r} ({node.name}): expected a differentiable operator between the outputs and an "
            "argument whose gradient is wanted. It has no gradient; put BlockGrad after it, or set grad_req to 'null'."
        )
    builder.prefix = node.name
    builder.attrs = {key: value for key, value in node.attrs.items() if key == "__ctx_group__"}
    y: Any = [builder.value(Entry(node, i)) for i in range(node.num_outputs)]
    gy: Any = [builder.zeros_like(y[i]) if grad is None else grad for i, grad in enumerate(present)]
    if op.single_output:
        gy, y = gy[0], y[0]
    for entry, grad in zip(node.inputs, _formula(builder, node, gy, y, on_path), strict=False):
        if grad is not None and id(entry.node) in on_path:
            _accumulate(builder, arrived, entry, grad)


def _formula(builder: FormulaBuilder, node: Node, gy: Any, y: Any, on_path: set[int]) -> list[Value | None]:
    """The operator's gradient formula applied; aligned with the inputs in use."""
    op = node.op
    if op is None:
        return []
    values = [builder.value(entry) for entry in node.inputs]
    runtime = op.gradient_runtime
    keywords = op.call_params(node.params)
    if "is_train" in runtime:
        keywords["is_train"] = builder.is_train
    if "state" in runtime:
        keywords["state"] = node
    if "needs" in runtime:
        keywords["needs"] = tuple(id(entry.node) in on_path for entry in node.inputs)
    result = op.gradient(builder, gy, y, *op.arrange(values, node.params), **keywords)
    grads = list(result) if isinstance(result, (tuple, list)) else [result]
    if len(grads) > len(node.inputs) and op.choose_inputs is not None:
        names = set(op.inputs(node.params))
        grads = [grad for name, grad in zip(op.input_names, grads, strict=False) if name in names]
    return grads


def _without_dead_nodes(nodes: Sequence[Node], head_grads: Sequence[Node], grads: dict[int, Entry]) -> GradientGraph:
    needed = {id(node) for node in topological(grads.values())}
    return GradientGraph(
        [node for node in nodes if id(node) in needed],
        [variable if id(variable) in needed else None for variable in head_grads],
        grads,
    )
