"""Storage inference over a graph: which of its values are sparse."""

from collections.abc import Mapping, Sequence

from mxtrain.base import ArgumentError
from mxtrain.ops.sparse.containers import CSR, DENSE, ROW_SPARSE
from mxtrain.symbol.graph import Entry, Node, topological
from mxtrain.symbol.infer import Facts

# how MXNet writes storage types in graphs
STORAGE_FLAGS = {DENSE: "0", ROW_SPARSE: "1", CSR: "2"}
_STORAGE_TYPES = {flag: stype for stype, flag in STORAGE_FLAGS.items()}


def infer_storage(heads: Sequence[Entry], given: Mapping[str, str]) -> Facts:
    """Storage types of all outputs, from those of variables by name; their `__storage_type__` attributes count as well.

    Variables are dense where nothing else is stated; so is what an operator makes by falling back to dense arrays.
    """
    facts = Facts(topological(heads))
    for node in facts.order:
        if node.op is None:
            facts.known[id(node), 0] = given.get(node.name) or declared_storage(node)
            continue
        stypes = [facts.known[id(entry.node), entry.index] for entry in node.inputs]
        for index, stype in enumerate(node.op.infer_storage(stypes, node.params)):
            facts.known[id(node), index] = stype
    return facts


def declared_storage(node: Node) -> str:
    """The storage type that a variable was made with; dense where it was made without.

    Raises ArgumentError for a flag that MXNet does not know.
    """
    flag = node.attrs.get("__storage_type__", STORAGE_FLAGS[DENSE])
    if flag == "-1":  # MXNet's "undefined"
        return DENSE
    if flag not in _STORAGE_TYPES:
        raise ArgumentError(
            f"{node.name}: expected a __storage_type__ of {STORAGE_FLAGS}, by number. Received: {flag!r}."
        )
    return _STORAGE_TYPES[flag]
