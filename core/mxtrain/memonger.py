"""Training deep networks in less memory: plans which values backward computes again instead of keeping them.

    net = mx.memonger.search_plan(net, budget="2G", data=(32, 3, 224, 224))

The plan is written into the symbol as `force_mirroring` attributes, which travel with it into its JSON, a Module and
every executor; results and gradients stay the same bit for bit. The names are those of the scripts that came with
arXiv:1604.06174 (dmlc/mxnet-memonger).
"""

from collections.abc import Mapping
from typing import Any

from mxtrain.byte_sizes import parse_bytes
from mxtrain.context import cpu
from mxtrain.executor.allocation import infer_specs
from mxtrain.executor.compilation import Layout, Target, lay_out
from mxtrain.executor.recompute_choice import Policy, choose, smallest
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.creation import empty
from mxtrain.symbol.graph import Entry, Node, topological
from mxtrain.symbol.symbol_type import Symbol

__all__ = ["get_cost", "search_plan"]


def search_plan(
    sym: Symbol,
    ntrial: int = 6,
    type_dict: Mapping[str, Any] | None = None,
    budget: int | str | None = None,
    **kwargs: Any,
) -> Symbol:
    """The symbol with attributes that tell which nodes backward computes again.

    budget: bytes that the values between inputs and outputs may take in training (as a number, or as "512M"); the plan
    that fits with the least work is taken. None: the plan of the least memory. type_dict: dtypes by name. kwargs:
    shapes of the inputs by name; all other arguments are taken to be trained. Where nodes carry the attribute
    `mirror_stage`, segments begin only after these. ntrial is accepted and has no effect. Raises ArgumentError for a
    budget that is no number of bytes, and MXNetError where shapes do not follow.
    """
    graph = _layout(sym, type_dict or {}, kwargs).choices()
    chosen = smallest(graph) if budget is None else choose(graph, Policy(budget=parse_bytes(str(budget))))
    return Symbol(_marked(sym.heads, chosen))


def get_cost(sym: Symbol, type_dict: Mapping[str, Any] | None = None, **kwargs: Any) -> int:
    """MiB that the values between inputs and outputs take in training, as the symbol's attributes have it.

    Arguments as in `search_plan`.
    """
    graph = _layout(sym, type_dict or {}, kwargs).choices()
    return graph.bytes_with(choose(graph, Policy())) >> 20


def _layout(symbol: Symbol, types: Mapping[str, Any], shapes: Mapping[str, Any]) -> Layout:
    """The training graph; its arrays are not written, so that they take no memory."""
    specs, aux = infer_specs(symbol, shapes, types)
    arrays: dict[str, NDArray] = {name: empty(s.shape, cpu(), s.dtype) for name, s in {**specs, **aux}.items()}
    trained = {name: Target(arrays[name], "write") for name in specs if name not in shapes}
    return lay_out(cpu(), symbol.heads, arrays, trained)


def _marked(heads: list[Entry], chosen: set[int]) -> list[Entry]:
    """A copy of a graph in which the chosen nodes (by id) ask to be computed again, and no others."""
    new: dict[int, Node] = {}
    for node in topological(heads):
        attrs = {key: value for key, value in node.attrs.items() if key != "__force_mirroring__"}
        if id(node) in chosen:
            attrs["__force_mirroring__"] = "True"
        inputs = [Entry(new[id(entry.node)], entry.index) for entry in node.inputs]
        new[id(node)] = Node(node.op, node.name, inputs, attrs, node.runtime)
    return [Entry(new[id(head.node)], head.index) for head in heads]
