"""`KVStore`: the interface that the local and the distributed stores share."""

from typing import Any

from mxtrain import optimizer as opt
from mxtrain.atomic_write import write_atomically
from mxtrain.base import ArgumentTypeError, MXNetError
from mxtrain_kvstore.base import KVStoreBase, Updater


class KVStore(KVStoreBase):
    """A store of values by key: workers push gradients, and pull weights. Made by `mx.kv.create`."""

    _type = "local"

    def __init__(self) -> None:
        self._updater: Updater | None = None

    # ---------------------------------------------------------------- what a kind of store defines

    def init(self, key: Any, value: Any) -> None:
        """Give a key, or each of a list of keys, its first value. Once per key."""
        raise NotImplementedError

    def push(self, key: Any, value: Any, priority: int = 0) -> None:
        """Sum the arrays of each key over devices (and workers), and replace or update the stored value by the sum.

        priority: higher ones travel first.
        """
        raise NotImplementedError

    def pull(self, key: Any, out: Any = None, priority: int = 0, ignore_sparse: bool = True) -> None:
        """Copy the stored value of each key to its arrays in `out`, after all pushes before it."""
        raise NotImplementedError

    # ---------------------------------------------------------------- what follows from it

    def pushpull(self, key: Any, value: Any, out: Any = None, priority: int = 0) -> None:
        """Push, then pull into `out` (into `value` where it is None)."""
        self.push(key, value, priority)
        self.pull(key, value if out is None else out, priority)

    def broadcast(self, key: Any, value: Any, out: Any, priority: int = 0) -> None:
        """`init` with a value, then pull it into `out`."""
        self.init(key, value)
        self.pull(key, out, priority)

    def row_sparse_pull(self, key: Any, out: Any = None, priority: int = 0, row_ids: Any = None) -> None:
        """Pull single rows. Raises MXNetError: sparse arrays are not part of this version."""
        raise MXNetError("row_sparse_pull: expected row_sparse arrays. Received: dense ones, the only kind so far.")

    def set_gradient_compression(self, compression_params: Any) -> None:
        """Compress pushed gradients. Raises MXNetError: compression is not part of this version."""
        if not isinstance(compression_params, dict) or "type" not in compression_params:
            raise ArgumentTypeError(f"Expected: a dict with a type, such as '2bit'. Received: {compression_params!r}.")
        raise MXNetError(
            f"set_gradient_compression: {compression_params['type']!r} is not supported by {self.type!r} yet."
        )

    def set_optimizer(self, optimizer: Any) -> None:
        """Let the store update its values by an optimizer at each push."""
        if not isinstance(optimizer, opt.Optimizer):
            raise ArgumentTypeError(f"Expected: an Optimizer. Received: {type(optimizer).__name__}.")
        self._set_updater(opt.get_updater(optimizer))

    def set_updater(self, updater: Updater) -> None:
        """Let `updater(key, pushed, stored)` change the stored value at each push."""
        self._updater = updater

    _set_updater = set_updater

    @staticmethod
    def is_capable(capability: str) -> bool:
        """Whether the store can update weights itself ("optimizer": yes). Raises MXNetError for another capability."""
        if capability.lower() == KVStoreBase.OPTIMIZER:
            return True
        raise MXNetError(f"Unknown capability: {capability}")

    @property
    def type(self) -> str:
        """The name that the store was created by."""
        return self._type

    @property
    def rank(self) -> int:
        """This worker's number: 0."""
        return 0

    @property
    def num_workers(self) -> int:
        """How many workers there are: 1."""
        return 1

    def barrier(self) -> None:
        """Return when every worker has come here."""

    _barrier = barrier

    def get_num_dead_node(self, node_id: int = 0, timeout: float = 60) -> int:
        """How many nodes have died, as far as is known. timeout: seconds, accepted for compatibility."""
        return 0

    def save_optimizer_states(self, fname: str, dump_optimizer: bool = False) -> None:
        """Write the optimizer's states (and, with dump_optimizer, its configuration) to a file."""
        write_atomically(fname, [self._state_updater().get_states(dump_optimizer)])

    def load_optimizer_states(self, fname: str) -> None:
        """Read the optimizer's states from a file."""
        with open(fname, "rb") as file:
            self._state_updater().set_states(file.read())

    def _state_updater(self) -> Any:
        if not isinstance(self._updater, opt.Updater):
            raise MXNetError("Expected: set_optimizer() before its states are saved or loaded. Received: no optimizer.")
        return self._updater
