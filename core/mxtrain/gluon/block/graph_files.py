"""The graph of a HybridBlock in files: exported for other programs, or with `Block.save`."""

import copy
import json
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mxtrain import ndarray as nd
from mxtrain import symbol as sym
from mxtrain.base import ArgumentTypeError, MXNetError
from mxtrain.symbol.graph import topological

if TYPE_CHECKING:
    from mxtrain.gluon.block.hybrid_block import HybridBlock


def export(block: "HybridBlock", path: str | None, epoch: int, remove_amp_cast: bool) -> Any:
    """Write PATH-symbol.json and PATH-0000.params; without a path: (symbol, parameters). See HybridBlock.export."""
    if block._cached_graph is None:
        raise MXNetError(
            "Please first call block.hybridize() and then run forward with this block at least once before calling "
            "export."
        )
    graph = copy.copy(block._cached_graph[1])
    arguments, states = set(graph.list_arguments()), set(graph.list_auxiliary_states())
    values = {}
    for name, parameter in block.collect_params().items():
        if name not in arguments and name not in states:
            warnings.warn(f"Parameter '{name}' is not found in the graph. ", stacklevel=3)
            continue
        values[f"{'arg' if name in arguments else 'aux'}:{name}"] = parameter._reduce()
    if path is None:
        return graph, values
    graph.save(f"{path}-symbol.json", remove_amp_cast=remove_amp_cast)
    nd.save(f"{path}-{epoch:04d}.params", values)
    return None


def describe(block: "HybridBlock") -> dict[str, Any]:
    """The graph in plain values, where the block has one."""
    if block._cached_graph is None:
        return {"hybridized": block._active}
    variables, out = block._cached_graph
    return {
        "in_format": block._in_format,
        "out_format": block._out_format,
        "inputs": [variable.tojson() for variable in variables],
        "symbol": out.tojson(),
        "hybridized": block._active,
    }


def restore(block: "HybridBlock", described: dict[str, Any], prefixes: Mapping[str, str]) -> None:
    """Give a block a graph that `describe` told. Raises ArgumentTypeError for a description of another kind.

    prefixes: of the network's blocks when they were saved, to what they are now: parameters are named by them.
    """
    if "symbol" not in described:
        return
    inputs = described.get("inputs")
    if not isinstance(inputs, list) or not isinstance(described["symbol"], str):
        raise ArgumentTypeError(
            f"{block.name}: expected a graph as JSON texts. Received: {json.dumps(described)[:200]}."
        )
    variables, out = [sym.load_json(text) for text in inputs], sym.load_json(described["symbol"])
    taken = {variable.name for variable in variables}
    for node in topological(out.heads):
        if node.is_variable and node.name not in taken:
            node.name = _with_prefix(node.name, prefixes)
    block._cached_graph = variables, out
    block._in_format = described["in_format"]
    block._out_format = described["out_format"]
    block._active = bool(described.get("hybridized"))


def _with_prefix(name: str, prefixes: Mapping[str, str]) -> str:
    """A name with the longest prefix that it has replaced."""
    known = max((prefix for prefix in prefixes if name.startswith(prefix)), key=len, default=None)
    return name if known is None else prefixes[known] + name[len(known) :]
