"""`LocalKVStore`: the devices of one process, kinds `local` and `device`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mxtrain.atomic_write import write_atomically
from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError
from mxtrain.context import Context, cpu
from mxtrain.ndarray import NDArray, empty
from mxtrain.ndarray.sparse_array import value_of, write_value
from mxtrain.optimizer import Optimizer, get_updater
from mxtrain.optimizer.state_check import check_states
from mxtrain.optimizer.state_file import decode_states
from mxtrain_kvstore.compression.device_copies import CompressedCopies
from mxtrain_kvstore.compression.parameters import read_params
from mxtrain_kvstore.pairs import Key, paired, require_dtype, require_float32, require_form
from mxtrain_kvstore.sparse_values import has_sparse, require_no_csr, row_requests, sparse_sum, write_copy
from mxtrain_kvstore.store import KVStore, duplicate_init, unknown_key
from mxtrain_kvstore.sums import sum_into


class LocalKVStore(KVStore):
    """Values are summed over the devices' copies, in their order, and given back to all of them.

    local: sums and values are in host memory. device: copies are summed on the device of the first copy, where the
    value is kept, too.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self._on_device = "device" in kind or kind == "nccl"
        self._stored: dict[Key, NDArray] = {}
        self._merged: dict[Key, NDArray] = {}
        self._compressed: CompressedCopies | None = None

    def init(self, key: Any, value: Any) -> None:
        """Make new keys; see KVStore.init."""
        pairs = paired(key, value)
        self._check_key_type([single for single, _ in pairs])
        for single, values in pairs:
            if single in self._stored or len(values) > 1:
                raise duplicate_init(single)
            ctx = values[0].context if self._on_device else cpu()
            self._stored[single] = values[0].copyto(ctx)

    def push(self, key: Any, value: Any, priority: int = 0) -> None:
        """Sum over devices, and update; see KVStore.push."""
        pairs = paired(key, value)
        for single, values in pairs:
            stored = self._find(single)
            for array in values:
                require_form(single, array, stored.shape, "a push")
                require_dtype(single, array, stored.raw_buffer.dtype)
                require_no_csr(single, array)
            if self._compressed is not None and not has_sparse(stored, *values):
                require_float32(single, stored.raw_buffer.dtype)
        for single, values in pairs:
            stored = self._stored[single]
            if has_sparse(stored, *values):
                self._push_sparse(single, stored, values)
                continue
            if self._compressed is not None:
                values = self._compressed.decoded(single, values)
            if self._updater is None:
                reduce_into(stored, values)
            else:
                merged = self._merge(single, values)
                self._updater(single, merged, self._beside(single, merged.context))

    def _push_sparse(self, key: Key, stored: NDArray, values: list[NDArray]) -> None:
        """A push where the stored value or a pushed one is sparse; the stored value keeps its storage."""
        ctx = values[0].context if self._on_device else cpu()
        merged = sparse_sum(values, ctx)
        if self._updater is not None:
            self._updater(key, merged, self._beside(key, ctx))
        else:
            write_value(stored, value_of(merged), ctx)

    def _find(self, key: Key) -> NDArray:
        stored = self._stored.get(key)
        if stored is None:
            self._check_key_type([key])
            raise unknown_key(key)
        return stored

    def _merge(self, key: Key, values: list[NDArray]) -> NDArray:
        """The sum of the devices' copies, for the updater to read or change; the next push of the key reuses it."""
        ctx = values[0].context if self._on_device else cpu()
        merged = self._merged.get(key)
        if merged is None or merged.context is not ctx:
            merged = self._merged[key] = empty(values[0].shape, ctx, values[0].dtype)
        reduce_into(merged, values)
        return merged

    def _beside(self, key: Key, ctx: Context) -> NDArray:
        """The stored value on the device of the sum: it moves there from where it was initialized."""
        stored = self._stored[key]
        if stored.context is not ctx:
            stored = self._stored[key] = stored.copyto(ctx)
        return stored

    def pull(self, key: Any, out: Any = None, priority: int = 0, ignore_sparse: bool = True) -> None:
        """Copy values to all devices; see KVStore.pull."""
        pairs = paired(key, out, "out")
        for single, outs in pairs:
            stored = self._find(single)
            for array in outs:
                require_form(single, array, stored.shape, "an out")
        for single, outs in pairs:
            stored = self._stored[single]
            for array in outs:
                if not has_sparse(stored, array):
                    array.copy_values_from(stored.data_array, stored.context)
                elif array.stype == "default" or not ignore_sparse:
                    write_copy(array, stored)

    def row_sparse_pull(self, key: Any, out: Any = None, priority: int = 0, row_ids: Any = None) -> None:
        """Copy single rows to all devices; see KVStore.row_sparse_pull."""
        requests = row_requests(key, out, row_ids)
        for request in requests:
            request.check(self._find(request.key))
        for request in requests:
            request.fill(self._stored[request.key])

    def set_gradient_compression(self, compression_params: dict[str, Any]) -> None:
        """Take every device's copy as it would arrive in that form; only where copies are summed on a device.

        Sparse values are taken as they are, as in MXNet. See KVStore.set_gradient_compression.
        """
        if not self._on_device:
            super().set_gradient_compression(compression_params)
        compression = read_params(compression_params)
        if compression.pull is not None:
            raise ArgumentError(f"KVStore {self.type!r}: nothing is sent back. Expected: no 'pull'.")
        self._compressed = CompressedCopies(compression.push)

    def get_residuals(self) -> dict[Key, list[np.ndarray]]:
        """See KVStore.get_residuals."""
        return {} if self._compressed is None else self._compressed.get_residuals()

    def set_residuals(self, values: Mapping[Key, Sequence[np.ndarray]]) -> None:
        """See KVStore.set_residuals."""
        if self._compressed is None:
            super().set_residuals(values)
            return
        for key, copies in values.items():
            if key not in self._stored or any(copy.size != self._stored[key].size for copy in copies):
                raise MXNetError(f"Expected: residuals of the keys of this store. Received: others, as of {key!r}.")
        self._compressed.set_residuals(values)

    # ---------------------------------------------------------------- optimizer

    def set_updater(self, updater: Callable[[Any, NDArray, NDArray], None]) -> None:
        """Let a function change the stored array at every push."""
        self._updater = updater

    def set_optimizer(self, optimizer: Any) -> None:
        """Update stored values by an optimizer; they are then weights, and pushes are gradients."""
        if not isinstance(optimizer, Optimizer):
            raise ArgumentTypeError(f"Expected: an mx.optimizer.Optimizer. Received: {type(optimizer).__name__}.")
        self._updater = get_updater(optimizer)

    def save_optimizer_states(self, fname: str, dump_optimizer: bool = False) -> None:
        """Write the optimizer's states to a file, and with dump_optimizer the optimizer's settings, too."""
        write_atomically(fname, [self._optimizer_updater().get_states(dump_optimizer)])

    def load_optimizer_states(self, fname: str) -> None:
        """Go on from states that were saved. Raises MXNetError for a file of another kind."""
        updater, content = self._optimizer_updater(), Path(fname).read_bytes()
        states, _, description = decode_states(content)
        if description is None:  # else the file has the optimizer with it
            check_states(updater.optimizer, states, self._stored.get)
        updater.set_states(content)

    def _optimizer_updater(self) -> Any:
        if not hasattr(self._updater, "get_states"):
            raise MXNetError("This KVStore has no optimizer, so it has no optimizer states. Call set_optimizer first.")
        return self._updater


def reduce_into(out: NDArray, values: list[NDArray]) -> None:
    """out = the sum of arrays on any devices, in their order, computed on out's device."""
    ctx = out.context
    arrays = [value.data_array if value.context is ctx else _moved(value, ctx) for value in values]
    if ctx.device_typeid != 2:
        sum_into(out.data_array, arrays)
        return
    with ctx.backend.active():
        sum_into(out.data_array, arrays)


def _moved(value: NDArray, ctx: Context) -> Any:
    """The backend array of a value for use on another device; host arrays serve all host contexts."""
    data = value.data_array
    if isinstance(data, np.ndarray) and ctx.device_typeid != 2:
        return data
    return value.as_in_context(ctx).data_array
