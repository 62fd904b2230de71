"""A graph given as JSON applied to symbols: `mx.sym._internal._CachedOp`."""

from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.symbol.graph import topological
from mxtrain.symbol.symbol_type import Symbol, load_json


def cached_op(*args: Symbol, subgraph: str, name: str | None = None, **kwargs: Any) -> Symbol:
    """The graph in a JSON text, with symbols in the place of its variables, in the order of its `list_inputs()`.

    It becomes a part of the graph around it, as if it had been written there. name: of its output node. Flags of
    MXNet's CachedOp are accepted and have no effect. Raises ArgumentError for another number of symbols.
    """
    graph = load_json(subgraph)
    variables = [node for node in topological(graph.heads) if node.is_variable]
    if len(args) != len(variables):
        names = [node.name for node in variables]
        raise ArgumentError(f"_CachedOp: expected {len(names)} symbols, for {names}. Received: {len(args)}.")
    return graph(*args, name=name) if name else graph(*args)
