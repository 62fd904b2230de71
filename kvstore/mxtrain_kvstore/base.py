"""`KVStoreBase`: what trainers need of a store, and the registry of plug-in stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from mxtrain.base import ArgumentTypeError


class KVStoreBase:
    """Base of all stores. A plug-in overrides `broadcast`, `pushpull` and what else it can do, and is registered.

    `@mx.kv.KVStoreBase.register` above the class makes `mx.kv.create("classname")` return an instance.
    """

    OPTIMIZER: ClassVar[str] = "optimizer"
    kv_registry: ClassVar[dict[str, type[KVStoreBase]]] = {}

    def broadcast(self, key: Any, value: Any, out: Any, priority: int = 0) -> None:
        """Make `value` (of rank 0) the value of a key, or of a list of them, and copy it to `out`."""
        raise _missing(self, "broadcast")

    def pushpull(self, key: Any, value: Any, out: Any = None, priority: int = 0) -> None:
        """Sum `value` over devices and workers and copy the sum to `out` (to `value` where it is None)."""
        raise _missing(self, "pushpull")

    def set_optimizer(self, optimizer: Any) -> None:
        """Let the store update its values with an optimizer."""
        raise _missing(self, "set_optimizer")

    @staticmethod
    def is_capable(capability: str) -> bool:
        """Whether the store can do something, such as "optimizer": update the weights itself."""
        return False

    def save_optimizer_states(self, fname: str, dump_optimizer: bool = False) -> None:
        """Write the optimizer's states to a file."""
        raise _missing(self, "save_optimizer_states")

    def load_optimizer_states(self, fname: str) -> None:
        """Read the optimizer's states from a file."""
        raise _missing(self, "load_optimizer_states")

    @property
    def type(self) -> str:
        """The name that the store was created by."""
        raise _missing(self, "type")

    @property
    def rank(self) -> int:
        """This worker's number, from 0."""
        raise _missing(self, "rank")

    @property
    def num_workers(self) -> int:
        """How many workers there are."""
        raise _missing(self, "num_workers")

    @staticmethod
    def register(klass: type[KVStoreBase]) -> type[KVStoreBase]:
        """Class decorator: makes a store reachable by its class name, in any case."""
        if not isinstance(klass, type):
            raise ArgumentTypeError(f"Expected: a class. Received: {klass!r}.")
        KVStoreBase.kv_registry[klass.__name__.lower()] = klass
        return klass


def _missing(store: KVStoreBase, method: str) -> NotImplementedError:
    return NotImplementedError(f"{type(store).__name__} must define {method}")


Updater = Callable[[Any, Any, Any], None]
