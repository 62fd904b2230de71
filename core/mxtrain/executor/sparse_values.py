"""Sparse values in a plan: which there are, where they are kept, and the steps that compute them.

Sparse values are kept in containers of their own beside the plan's memory. Plans without any are what they are without
this module: whether a graph has sparse values is decided when it is bound.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from mxtrain.context import Context
from mxtrain.executor.gradient import GradientGraph, differentiate
from mxtrain.executor.memory import Key, Spec, key_of
from mxtrain.ops.kernels.sparse.conversion import convert, to_dense
from mxtrain.ops.kernels.sparse.writing import accumulate, clear, overwrite, overwrite_with_copy
from mxtrain.ops.operator import Operator
from mxtrain.ops.sparse.containers import DENSE, SparseContainer, empty_container, storage_of
from mxtrain.symbol.graph import Entry, Node, topological
from mxtrain.symbol.infer_storage import infer_storage

Step = Callable[[], Any]


def sparse_storage(heads: Sequence[Entry], graph: GradientGraph, stypes: Mapping[str, str]) -> dict[Key, str]:
    """The storage type of every sparse value of a graph and its gradient graph.

    stypes: of all variables by name. The gradient by a sparse output is sparse, too.
    """
    if not may_be_sparse(heads, stypes):
        return {}
    nodes = [*(head.node for head in heads), *graph.nodes]
    given = dict(stypes)
    forward = infer_storage(heads, given)
    for head, variable in zip(heads, graph.head_grads, strict=True):
        if variable is not None:
            given[variable.name] = forward.get(head)
    outputs = [Entry(node, i) for node in nodes for i in range(node.num_outputs)]
    variables = [Entry(node) for node in graph.head_grads if node is not None]
    known = infer_storage([*outputs, *variables], given).known
    return {key: stype for key, stype in known.items() if stype != DENSE}


def gradient_storage(heads: Sequence[Entry], wanted: Sequence[Node], stypes: Mapping[str, str]) -> dict[str, str]:
    """Storage types of the wanted variables' gradients, by name, where these are sparse. stypes: of all variables."""
    if not may_be_sparse(heads, stypes):
        return {}
    graph = differentiate(heads, wanted)
    storage = sparse_storage(heads, graph, stypes)
    found = {node.name: storage.get(key_of(graph.grads[id(node)])) for node in wanted if id(node) in graph.grads}
    return {name: stype for name, stype in found.items() if stype is not None}


def may_be_sparse(heads: Sequence[Entry], stypes: Mapping[str, str]) -> bool:
    """Whether some value of a graph or its gradient graph may be sparse."""
    if any(stype != DENSE for stype in stypes.values()):
        return True
    return any(node.op is not None and node.op.may_make_sparse(node.params) for node in topological(heads))


def keep_sparse_values(
    nodes: Iterable[Node],
    storage: Mapping[Key, str],
    specs: Mapping[Key, Spec],
    places: Mapping[int, Context],
    fixed: dict[Key, Any],
) -> None:
    """Give every sparse value that has no place yet a container of its own.

    The same for dense values that would be views of sparse ones, which have no dense memory. places: the device of each
    node, by id.
    """
    if not storage:
        return
    for node in nodes:
        ctx = places[id(node)]
        with ctx.backend.active():
            for key in ((id(node), index) for index in range(node.num_outputs)):
                if key not in fixed and key in storage:
                    fixed[key] = empty_container(ctx.xp, storage[key], specs[key].shape, specs[key].dtype)
                elif key not in fixed and _is_view_of_sparse(node, storage):
                    fixed[key] = ctx.xp.empty(specs[key].shape, specs[key].dtype)


def _is_view_of_sparse(node: Node, storage: Mapping[Key, str]) -> bool:
    return node.op is not None and node.op.view and key_of(node.inputs[0]) in storage


def is_sparse(values: Iterable[Any]) -> bool:
    """Whether there are containers among values."""
    return any(isinstance(value, SparseContainer) for value in values)


def sparse_step(
    xp: Any,
    node: Node,
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    runtime: Callable[[Iterable[str]], dict[str, Any]],
) -> Step:
    """The step of a node with sparse inputs or outputs: by the operator's form that fits, else on dense copies.

    runtime: answers what a kernel asks of its surroundings, by name.
    """
    op: Any = node.op
    form = op.choose_form([storage_of(value) for value in inputs], node.params)
    if form is None:
        keywords = {**op.call_params(node.params), **runtime(op.asks)}
        call = partial(_compute_densely, xp, op, node.params, inputs, keywords)
    else:
        keywords = {**op.call_params(node.params), **runtime(form.asks - {"out"})}
        if "out" in form.asks:
            keywords["out"] = None
        call = partial(form.compute, xp, *inputs, **keywords)
    return partial(_compute_and_store, xp, call, op.single_output, outputs)


def _compute_densely(
    xp: Any, op: Operator, params: Mapping[str, Any], inputs: Sequence[Any], keywords: Mapping[str, Any]
) -> Any:
    dense = [to_dense(xp, value) for value in inputs]
    forward = op.choose_forward(dense, params)
    results = forward(xp, *op.arrange(dense, params), **keywords)
    changed = op.changed(params)
    if changed:
        for name, value, copy in zip(op.all_inputs(params), inputs, dense, strict=False):
            if name in changed and copy is not value:
                value.take(convert(xp, copy, value.stype))
    return results


def _compute_and_store(xp: Any, call: Step, is_single: bool, targets: Sequence[Any]) -> None:
    results = call()
    for target, result in zip(targets, (results,) if is_single else results, strict=True):
        overwrite(xp, target, result)


def delivery(xp: Any, target: Any, value: Any, is_sum: bool) -> Callable[[Any], None] | None:
    """What gives an array or container a value of any storage (0: zeros), or adds it; None where both are dense."""
    if not is_sparse((target, value)):
        return None
    if is_sum:
        return partial(accumulate, xp, target)
    return partial(overwrite_with_copy, xp, target) if hasattr(value, "shape") else lambda _: clear(xp, target)
