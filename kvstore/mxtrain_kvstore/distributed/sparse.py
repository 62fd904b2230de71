"""Sparse arrays in a distributed store: what they are on the host, how they are pushed, and rows that are pulled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.context import cpu
from mxtrain.device import to_numpy
from mxtrain.ndarray import NDArray
from mxtrain.ndarray.sparse_array import value_of, write_value
from mxtrain.ops.kernels.sparse.conversion import to_dense
from mxtrain.ops.kernels.sparse.rows import require_rows
from mxtrain.ops.sparse.containers import CSR, RowSparse
from mxtrain_kvstore.distributed.parameter import Parameter
from mxtrain_kvstore.distributed.rows import RowClient
from mxtrain_kvstore.sparse_values import require_no_csr, rising_rows, row_requests, sparse_sum


def initial_value(key: Any, array: NDArray) -> np.ndarray | RowSparse:
    """What a key is initialized with, on the host. Raises ArgumentError for csr, and for what has no elements."""
    if not np.prod(array.shape, dtype=np.int64):
        raise ArgumentError(f"Key {key!r}: expected at least one element. Received: {array.shape}.")
    if array.stype == CSR:
        raise ArgumentError(f"Key {key!r}: expected a dense or row_sparse value. Received: a csr one.")
    return _on_host(key, array)


def push_sparse(client: RowClient, parameter: Parameter, values: list[NDArray]) -> None:
    """Push the sum of a worker's copies, of which at least one is sparse."""
    for array in values:
        require_no_csr(parameter.key, array)  # type: ignore[arg-type]
    merged = _on_host(parameter.key, values[0] if len(values) == 1 else sparse_sum(values, values[0].context))
    if isinstance(merged, RowSparse) and parameter.is_cut_by_rows:
        client.push_rows(parameter, merged)
    else:
        client.push(parameter, (to_dense(np, merged),))


def _on_host(key: Any, array: NDArray) -> np.ndarray | RowSparse:
    value = value_of(array if isinstance(value_of(array), np.ndarray) else array.as_in_context(cpu()))
    if not isinstance(value, RowSparse):
        return to_numpy(value)
    require_rows(np, value.indices, value.shape[0])
    if not bool((value.indices[1:] > value.indices[:-1]).all()):
        raise ArgumentError(f"Key {key!r}: expected rising numbers of rows, each once. Received: others.")
    return value


def pull_whole(client: RowClient, parameter: Parameter, array: NDArray) -> None:
    """Fill a sparse array with all of a parameter, and wait for that."""
    host = np.empty(parameter.shape, parameter.dtype)
    client.pull(parameter, (host,))
    client.settle(parameter)
    write_value(array, host, cpu())


def row_sparse_pull(client: RowClient, find: Callable[[Any], Parameter], key: Any, out: Any, row_ids: Any) -> None:
    """Fill row_sparse arrays with single rows, and wait for them. Arguments: see KVStore.row_sparse_pull."""
    requests = row_requests(key, out, row_ids)
    for request in requests:
        request.check(find(request.key))
    fills = []
    for request in requests:
        parameter = find(request.key)
        found: dict[int, RowSparse] = {}
        for target, ids in zip(request.outs, request.row_ids, strict=True):
            if id(ids) not in found:
                found[id(ids)] = _ask(client, parameter, ids)
            fills.append((parameter, target, found[id(ids)]))
    for parameter, target, rows in fills:
        client.settle(parameter)
        write_value(target, rows.copy(), cpu())


def _ask(client: RowClient, parameter: Parameter, ids: NDArray) -> RowSparse:
    rows = rising_rows(np, to_numpy(ids.data_array))
    values = np.empty((len(rows), *parameter.shape[1:]), parameter.dtype)
    client.pull_rows(parameter, rows, values)
    return RowSparse(values, rows, parameter.shape)
