"""`KVStore`: the interface of the built-in stores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError, NameLookupError
from mxtrain.ndarray import NDArray
from mxtrain_kvstore.base import KVStoreBase, unknown_capability
from mxtrain_kvstore.leases import Leases, LocalLeases
from mxtrain_kvstore.pairs import Key


class KVStore(KVStoreBase):
    """Parameters by key, kept equal over devices and workers. Make one with `mx.kv.create`.

    Source: mxnet.kvstore.KVStore of MXNet 1.9.1.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._key_type: type | None = None
        self._updater: Callable[[Any, NDArray, NDArray], None] | None = None

    # ---------------------------------------------------------------- values

    def init(self, key: Any, value: Any) -> None:
        """Make new keys with their first values; with several workers, those of worker 0.

        key: str, int or a list of them. value: an NDArray for each key. Raises MXNetError for a key that exists.
        """
        raise NotImplementedError

    def push(self, key: Any, value: Any, priority: int = 0) -> None:
        """Give values to the store: summed over devices and workers, they update what it has, or take its place.

        value: for each key an NDArray, or a list of them, one per device, of the shape and dtype of the key. priority:
        in a distributed store dense values with a higher one go first, of those that have to wait; rows, and values of
        other stores, go in the order of the calls. Returns before the values have arrived; they may be changed at once.
        """
        raise NotImplementedError

    def pull(self, key: Any, out: Any = None, priority: int = 0, ignore_sparse: bool = True) -> None:
        """Get values: out, for each key an NDArray or a list of them, one per device, of the key's shape.

        ignore_sparse: leave row_sparse arrays in `out` as they are; those are for `row_sparse_pull`.
        Returns before the values have arrived; whoever touches an array first waits for them.
        """
        raise NotImplementedError

    def pushpull(self, key: Any, value: Any, out: Any = None, priority: int = 0) -> None:
        """A push, then a pull to `out`, or to `value` where out is None."""
        self.push(key, value, priority)
        self.pull(key, value if out is None else out, priority)

    def broadcast(self, key: Any, value: Any, out: Any, priority: int = 0) -> None:
        """Make new keys, then pull them to `out`."""
        self.init(key, value)
        self.pull(key, out, priority)

    def row_sparse_pull(self, key: Any, out: Any = None, priority: int = 0, row_ids: Any = None) -> None:
        """Get single rows of values that are row_sparse.

        out: for each key a row_sparse NDArray or a list of them, one per device; afterwards they store these rows and
        no others. row_ids: numbers of the rows, in any order and also twice: an NDArray for all of a key's arrays, or a
        list with one for each of them; for a list of keys a list of these.
        Raises ArgumentError for arrays that are not row_sparse, IndexRangeError for a row that does not exist.
        """
        raise MXNetError(
            f"A KVStore of kind {self.type!r} holds dense values; row_sparse_pull needs row_sparse ones. Use `pull`."
        )

    # ---------------------------------------------------------------- optimizer

    @staticmethod
    def is_capable(capability: str) -> bool:
        """Whether the store can do something; "optimizer": yes."""
        if capability.lower() == KVStoreBase.OPTIMIZER:
            return True
        raise unknown_capability(capability)

    def set_updater(self, updater: Callable[[Any, NDArray, NDArray], None]) -> None:
        """Let `updater(key, pushed, stored)` change the stored array at every push."""
        raise NotImplementedError

    def _set_updater(self, updater: Callable[[Any, NDArray, NDArray], None]) -> None:
        """MXNet's name of `set_updater`."""
        self.set_updater(updater)

    def set_gradient_compression(self, compression_params: dict[str, Any]) -> None:
        """Send gradients, dense and float32, in fewer bytes; what that leaves out of one is added to the next.

        compression_params: {"type": "2bit", "threshold": 0.5} as in MXNet 1.9.1, or one of "1bit" (threshold), "fp16",
        "bf16", "topk" (ratio). With "pull": "fp16" or "bf16" values come back in this form, too. Every worker sets the
        same. Raises MXNetError where the store does not send anything, and for anything else.
        """
        raise MXNetError(
            f"Gradient compression is not supported for KVStore type {self.type!r}. Expected: 'device' or 'dist_*'."
        )

    # ---------------------------------------------------------------- job

    @property
    def type(self) -> str:
        """The name that the store was created by."""
        return self._kind

    @property
    def rank(self) -> int:
        """The rank of this worker, from 0."""
        return 0

    @property
    def num_workers(self) -> int:
        """How many workers the job has."""
        return 1

    @property
    def num_summed(self) -> int:
        """How many workers' gradients are summed before an update: what `rescale_grad` should divide by."""
        return self.num_workers

    def leases(
        self, name: str, samples: int, size: int, *, in_turn: bool | None = None, epoch: int = 0, order: str = ""
    ) -> Leases:
        """Share the samples of a data set among the workers, as leases of `size` samples; see Leases.

        name: of the data set in this store. in_turn: leases are dealt to the workers in turn; else who asks first gets
        the next one; None: in turn where rounds wait for all workers. epoch: the first one. order: how positions are
        put in order, in words. All but the worker's place in the job must be equal on all workers.
        """
        return LocalLeases(self, name, samples, size, epoch)

    def barrier(self) -> None:
        """Return when every worker has come to this point."""

    def _barrier(self) -> None:
        """MXNet's name of `barrier`."""
        self.barrier()

    def get_num_dead_node(self, node_id: int = 0, timeout: int = 60) -> int:
        """How many nodes of the job are dead; where one dies the job stops, so it is 0 as long as anybody can ask."""
        return 0

    def _send_command_to_servers(self, head: int, body: str) -> None:
        """Hand a command to the controller of the servers; without servers nothing happens."""

    def count_samples(self, count: int) -> None:
        """Say that this worker has trained on so many more samples; the job's status and metrics show them."""

    def close(self) -> None:
        """Give back what the store holds; a store that is closed cannot be used any more."""

    def get_residuals(self) -> dict[Key, list[np.ndarray]]:
        """What gradient compression has left out so far, flat float32, per device copy that is compressed by itself."""
        return {}

    def set_residuals(self, values: Mapping[Key, Sequence[np.ndarray]]) -> None:
        """Go on with what `get_residuals` gave. Raises MXNetError, and changes nothing, where it is of other keys."""
        if values:
            raise MXNetError(f"KVStore {self.type!r}: expected no residuals, as nothing is compressed here.")

    # ---------------------------------------------------------------- keys

    def _check_key_type(self, keys: list[Key]) -> None:
        """Raise MXNetError where str and int keys are mixed, in one call or over the life of the store."""
        for key in keys:
            if self._key_type is None:
                self._key_type = type(key)
            elif type(key) is not self._key_type:
                raise ArgumentTypeError(
                    f"Mixed key types are not allowed in one KVStore. Expected: {self._key_type.__name__} keys. "
                    f"Received: {key!r} ({type(key).__name__})."
                )


def duplicate_init(key: Key) -> ArgumentError:
    """The error for a key that is initialized again, or with several values."""
    return ArgumentError(f"Expected: one init of each key, with one value. Received: duplicate init of key {key!r}.")


def unknown_key(key: Key) -> NameLookupError:
    """The error for a key that was never initialized."""
    return NameLookupError(f"Key {key!r} does not exist. Expected: a key that was initialized. Call kv.init first.")
