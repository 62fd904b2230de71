"""Optimizer states of a distributed store: collected from servers into one file, and handed out again."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mxtrain.atomic_write import write_atomically
from mxtrain.base import MXNetError
from mxtrain.context import cpu
from mxtrain.dtypes import as_dtype
from mxtrain.ndarray import NDArray, zeros
from mxtrain.optimizer import Optimizer, from_config, get_updater
from mxtrain.optimizer.state_check import check_states
from mxtrain_kvstore.distributed.client import ParameterClient
from mxtrain_kvstore.distributed.directory import Directory
from mxtrain_kvstore.distributed.parameter import Parameter, Share
from mxtrain_kvstore.wire import messages as m

#: Bytes of a state that one message carries.
_SLICE_BYTES = 1 << 20


def save(
    client: ParameterClient, store: int, directory: Directory, optimizer: Optimizer, fname: str, dump_optimizer: bool
) -> None:
    """Write the states of all keys, and the counts of their updates, to a file."""
    copy = from_config(optimizer.to_config())
    for reply in client.ask_all(m.GetProgress, store):
        if reply.message.progress:
            _merge_progress(copy, reply.message.progress)
    updater = get_updater(copy)
    for key, parameter in directory.parameters.items():
        state = _collect(client, copy, parameter)
        if state is not _MISSING:
            updater.states[key] = state
    write_atomically(fname, [updater.get_states(dump_optimizer)])


def load(client: ParameterClient, store: int, directory: Directory, optimizer: Optimizer, fname: str) -> None:
    """Overwrite the servers' states and counts by those of a file. Raises MXNetError where they do not fit."""
    updater = get_updater(from_config(optimizer.to_config()))
    updater.set_states(Path(fname).read_bytes())
    check_states(updater.optimizer, updater.states, lambda key: _weight(directory.parameters.get(key)))
    for key, parameter in directory.parameters.items():
        if key in updater.states:
            _hand_out(client, parameter, _arrays(updater.states[key]))
    client.ask_all(m.SetProgress, store, updater.optimizer.progress())


def _weight(parameter: Parameter | None) -> NDArray | None:
    """An array of a parameter's form."""
    return None if parameter is None else zeros(parameter.shape, cpu(), parameter.dtype.type)


_MISSING = object()


def _collect(client: ParameterClient, optimizer: Optimizer, parameter: Parameter) -> Any:
    """The state of a parameter in the optimizer's form; _MISSING before its first update."""
    weight = zeros(parameter.shape, cpu(), parameter.dtype.type)
    state = optimizer.create_state_multi_precision(parameter.key, weight)
    for part, template in enumerate(_arrays(state)):
        whole = template.data_array.reshape(-1)
        for share in parameter.shares:
            if not _read(client, parameter, share, part, whole):
                return _MISSING
    return state


def _read(client: ParameterClient, parameter: Parameter, share: Share, part: int, whole: np.ndarray) -> bool:
    """Fill one server's share of a flat state array; False where the server has no such state."""
    target = _share_of(whole, share, parameter)
    step = max(1, _SLICE_BYTES // whole.itemsize)
    for start in range(0, target.size, step):
        reply = client.ask_one(share.server, m.ReadState, share.segment, share.head, part, start, step)
        values = reply.message
        if not values.found:
            return False
        if (values.size, as_dtype(values.dtype)) != (target.size, target.dtype) or reply.payload is None:
            raise _mismatch(parameter.key, target, values.size, values.dtype)
        target[start : start + step] = reply.payload.view(target.dtype)
    return True


def _hand_out(client: ParameterClient, parameter: Parameter, arrays: list[NDArray]) -> None:
    for part, array in enumerate(arrays):
        whole = array.data_array.reshape(-1)
        for share in parameter.shares:
            values = _share_of(whole, share, parameter)
            for start, piece in _pieces(values):
                fields = (share.segment, share.head, part, start)
                client.ask_one(share.server, m.WriteState, *fields, payload=piece.view(np.uint8))


def _pieces(values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    step = max(1, _SLICE_BYTES // values.itemsize)
    for start in range(0, values.size, step):
        yield start, values[start : start + step]


def _share_of(whole: np.ndarray, share: Share, parameter: Parameter) -> np.ndarray:
    """The part of a flat state array that belongs to one server's part of the weight."""
    if whole.size == parameter.size:
        return whole[share.offset : share.offset + share.elements]
    if len(parameter.shares) == 1:
        return whole
    raise MXNetError(
        f"Key {parameter.key!r} is cut over {len(parameter.shares)} servers, and its optimizer state of {whole.size} "
        f"values is not cut like its {parameter.size} weights. Set MXNET_KVSTORE_BIGARRAY_BOUND above {parameter.size}."
    )


def _merge_progress(optimizer: Optimizer, progress: dict[str, Any]) -> None:
    """Take the larger of two counts: a server counts its own keys, and keeps what it was handed of all others."""
    num_update = optimizer.num_update
    before = {device: dict(counts) for device, counts in optimizer._all_index_update_counts.items()}
    optimizer.set_progress(progress)
    optimizer.num_update = max(num_update, optimizer.num_update)
    for device, counts in before.items():
        current = optimizer._all_index_update_counts[device]
        current.update({key: max(count, current.get(key, 0)) for key, count in counts.items()})


def _arrays(state: Any) -> list[NDArray]:
    """The arrays of a state, depth first."""
    if isinstance(state, NDArray):
        return [state]
    if isinstance(state, (tuple, list)):
        return [array for part in state for array in _arrays(part)]
    return []


def _mismatch(key: Hashable, target: np.ndarray, size: int, dtype: str) -> MXNetError:
    return MXNetError(
        f"Key {key!r}: expected a state of {target.size} {target.dtype.name} values on the server. "
        f"Received: {size} of {dtype}."
    )
