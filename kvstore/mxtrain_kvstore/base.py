"""`KVStoreBase`: what every KVStore offers, and the registry of kinds."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, TypeVar

from mxtrain.base import ArgumentError, MXNetError
from mxtrain.ndarray import NDArray

_Class = TypeVar("_Class", bound="type[KVStoreBase]")


class KVStoreBase:
    """Base of all KVStores; a plug-in defines what it can and is made known by `KVStoreBase.register`.

    Source: mxnet.kvstore.KVStoreBase of MXNet 1.9.1.
    """

    OPTIMIZER: ClassVar[str] = "optimizer"
    kv_registry: ClassVar[dict[str, type[Any]]] = {}

    def broadcast(self, key: Any, value: Any, out: Any, priority: int = 0) -> None:
        """Give every worker the value that worker 0 has.

        key: str, int or a list of them. value, out: NDArrays or lists of them.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define broadcast")

    def pushpull(self, key: Any, value: Any, out: Any = None, priority: int = 0) -> None:
        """Reduce values over devices and workers, and write the result to `out`, or to `value` where out is None."""
        raise NotImplementedError(f"{type(self).__name__} does not define pushpull")

    def set_optimizer(self, optimizer: Any) -> None:
        """Let the store update its values by an optimizer."""
        raise NotImplementedError(f"{type(self).__name__} has no optimizer")

    @staticmethod
    def is_capable(capability: str) -> bool:
        """Whether the store can do something; "optimizer": update values itself."""
        return False

    def save_optimizer_states(self, fname: str, dump_optimizer: bool = False) -> None:
        """Write the optimizer's states to a file."""
        raise NotImplementedError(f"{type(self).__name__} has no optimizer states")

    def load_optimizer_states(self, fname: str) -> None:
        """Read the optimizer's states from a file."""
        raise NotImplementedError(f"{type(self).__name__} has no optimizer states")

    @property
    def type(self) -> str:
        """The kind of store."""
        raise NotImplementedError(f"{type(self).__name__} does not define type")

    @property
    def rank(self) -> int:
        """The rank of this worker, from 0."""
        raise NotImplementedError(f"{type(self).__name__} does not define rank")

    @property
    def num_workers(self) -> int:
        """How many workers the job has."""
        raise NotImplementedError(f"{type(self).__name__} does not define num_workers")

    @staticmethod
    def register(klass: _Class) -> _Class:
        """Class decorator: makes a kind of store known to `mx.kv.create` by its class name, in any case."""
        name = klass.__name__.lower()
        known = KVStoreBase.kv_registry.get(name)
        if known is not None:
            warnings.warn(
                f"New kvstore {klass.__module__}.{klass.__name__} is overriding existing kvstore "
                f"{known.__module__}.{known.__name__}",
                stacklevel=2,
            )
        KVStoreBase.kv_registry[name] = klass
        return klass


@KVStoreBase.register
class TestStore(KVStoreBase):
    """A plug-in that MXNet's tests use: broadcast copies, pushpull sums; it keeps nothing.

    Source: mxnet.kvstore.base.TestStore of MXNet 1.9.1.
    """

    __test__ = False  # not a test case for pytest

    def broadcast(self, key: Any, value: Any, out: Any, priority: int = 0) -> None:
        """Copy a value to each array of `out`."""
        values = value if isinstance(value, (list, tuple)) else [value]
        for target in _listed(out):
            for single in _listed(target):
                single[:] = values[0]

    def pushpull(self, key: Any, value: Any, out: Any = None, priority: int = 0) -> None:
        """Write the sum of the values to each array of `out`, or of `value`."""
        values = _listed(value)
        total = values[0].copy()
        for single in values[1:]:
            total += single.as_in_context(total.context)
        for target in values if out is None else _listed(out):
            target[:] = total.as_in_context(target.context)

    @staticmethod
    def is_capable(capability: str) -> bool:
        """It has no optimizer. Raises MXNetError for a capability that nobody knows."""
        if capability.lower() == KVStoreBase.OPTIMIZER:
            return False
        raise unknown_capability(capability)

    @property
    def type(self) -> str:
        """Its registered name."""
        return "teststore"

    @property
    def rank(self) -> int:
        """Always 0."""
        return 0

    @property
    def num_workers(self) -> int:
        """Always 1."""
        return 1


def unknown_capability(capability: str) -> MXNetError:
    """The error for a capability that nobody knows."""
    return ArgumentError(f"Unknown capability. Expected: {KVStoreBase.OPTIMIZER!r}. Received: {capability!r}.")


def _listed(value: Any) -> list[NDArray]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
