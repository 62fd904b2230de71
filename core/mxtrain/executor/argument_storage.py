"""Which arrays of a `simple_bind` are sparse: stated for arguments, inferred for their gradients."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mxtrain.base import ArgumentError
from mxtrain.executor.sparse_values import gradient_storage
from mxtrain.ops.sparse.containers import DENSE, STORAGE_TYPES
from mxtrain.symbol.graph import topological
from mxtrain.symbol.infer_storage import declared_storage
from mxtrain.symbol.symbol_type import Symbol


@dataclass(frozen=True)
class ArgumentStorage:
    """Storage types by name of the arguments and states that are sparse, and of the arguments whose gradients are."""

    arrays: Mapping[str, str] = field(default_factory=dict)
    gradients: Mapping[str, str] = field(default_factory=dict)

    def lies_apart(self, name: str) -> bool:
        """Whether an argument or its gradient is no piece of dense memory."""
        return name in self.arrays or name in self.gradients


def infer_argument_storage(symbol: Symbol, given: Mapping[str, str], reqs: Mapping[str, str]) -> ArgumentStorage:
    """The storage of all arrays. given: types by name, before those that variables declare. reqs: gradient requests.

    Raises ArgumentError for an unknown type.
    """
    variables = [node for node in topological(symbol.heads) if node.is_variable]
    stypes = {node.name: given.get(node.name) or declared_storage(node) for node in variables}
    for name, stype in stypes.items():
        if stype not in STORAGE_TYPES:
            raise ArgumentError(f"{name}: expected a storage type of {list(STORAGE_TYPES)}. Received: {stype!r}.")
    wanted = [node for node in variables if reqs.get(node.name, "null") != "null"]
    sparse = {name: stype for name, stype in stypes.items() if stype != DENSE}
    return ArgumentStorage(sparse, gradient_storage(symbol.heads, wanted, stypes))
