"""Keys on servers: made and published by worker 0, looked up by the others."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, MXNetError
from mxtrain.dtypes import as_dtype
from mxtrain.ops.sparse.containers import RowSparse
from mxtrain_kvstore.compression.parameters import Compression
from mxtrain_kvstore.distributed.channel import SharedFiles
from mxtrain_kvstore.distributed.lane import Lane, LaneSegment
from mxtrain_kvstore.distributed.parameter import MAX_ROUNDS_AHEAD, Block, Parameter, Share
from mxtrain_kvstore.distributed.rows import RowClient
from mxtrain_kvstore.placement import Part, place, row_unit, slices
from mxtrain_kvstore.wire import messages as m

#: Bytes of the blocks that large arrays are cut into. Every node must use the same, so it belongs to the protocol.
BLOCK_BYTES = 1 << 20
#: Keys that one request names at most.
_KEYS_AT_A_TIME = 512

Value = np.ndarray | RowSparse


class Directory:
    """The parameters of one store.

    shared: how memory is shared with servers of this host; None: not at all. must_share: fail where that cannot be.
    compression: of what is pushed and pulled; None: there is none. rounds_ahead: that this worker may push without
    having pulled.
    """

    def __init__(
        self,
        client: RowClient,
        store: int,
        bigarray_bound: int,
        shared: SharedFiles | None = None,
        must_share: bool = False,
    ) -> None:
        self.client = client
        self.store = store
        self.bigarray_bound = bigarray_bound
        self.shared = client.shared = shared
        self.parameters: dict[Hashable, Parameter] = {}
        self.must_share = must_share
        self.compression: Compression | None = None
        self.rounds_ahead = MAX_ROUNDS_AHEAD
        self._distant: set[int] = set()
        self._loads = [0] * client.channel.num_servers

    def add(self, keys: Sequence[Hashable], values: Sequence[Value]) -> None:
        """Make new keys, with the values of worker 0. Raises ArgumentError where another worker's differ in form."""
        for start in range(0, len(keys), _KEYS_AT_A_TIME):
            part = slice(start, start + _KEYS_AT_A_TIME)
            entries = self._create(keys[part], values[part]) if self.client.rank == 0 else self._look_up(keys[part])
            for entry, value in zip(entries, values[part], strict=True):
                self._enter(entry, value)

    def compress(self, compression: Compression) -> None:
        """Encode what is pushed and pulled from now on."""
        self.compression = compression
        for parameter in self.parameters.values():
            parameter.forget_source()  # what may be compressed is found out at the next push
        self.client.compress(self.store, compression)

    # ---------------------------------------------------------------- worker 0

    def _create(self, keys: Sequence[Hashable], values: Sequence[Value]) -> list[list[Any]]:
        """Give each key its place, write its values there, and tell all servers; returns the directory's entries."""
        entries: list[list[Any]] = [
            [key, value.dtype.name, list(value.shape), []] for key, value in zip(keys, values, strict=True)
        ]
        wanted: list[list[tuple[int, Part]]] = [[] for _ in self._loads]
        for number, value in enumerate(values):
            unit = row_unit(value.shape, len(self._loads), isinstance(value, RowSparse))
            for part in place(value.size, self._loads, self.bigarray_bound, unit):
                self._loads[part.server] += part.length * value.dtype.itemsize
                wanted[part.server].append((number, part))
        for server, parts in enumerate(wanted):
            if parts:
                self._create_on(server, parts, entries, values)
        for entry in entries:
            entry[3].sort(key=lambda part: part[5])
        # a worker may hear of the keys from one server and pull from another: the values must lie on all of them first
        self.client.ask([server for server, parts in enumerate(wanted) if parts], m.Sync)
        self.client.ask_all(m.Publish, self.store, entries)
        return entries

    def _create_on(
        self, server: int, parts: list[tuple[int, Part]], entries: list[list[Any]], values: Sequence[Value]
    ) -> None:
        wanted = []
        for number, part in parts:
            key, dtype, shape, _ = entries[number]
            lengths = [length for _, length in slices(part.length, values[number].dtype.itemsize, BLOCK_BYTES)]
            wanted.append([key, dtype, _part_shape(shape, part), lengths])
        created = self.client.ask_one(server, m.Create, self.store, wanted).message
        for (number, part), (segment, first, position), new in zip(parts, created.places, wanted, strict=True):
            entries[number][3].append([server, segment, first, len(new[3]), position, part.offset, part.length])
            value = values[number]
            if isinstance(value, RowSparse):
                self._write_rows(Share(server, segment, first, part.offset, part.length), value)
            else:
                self._write(server, segment, first, value.reshape(-1)[part.offset : part.offset + part.length])

    def _write_rows(self, share: Share, value: RowSparse) -> None:
        row_length = value.size // value.shape[0]
        first, last = share.offset // row_length, (share.offset + share.elements) // row_length
        low, high = np.searchsorted(value.indices, (first, last))
        if high > low:
            self.client.send_rows(share, 0, value.indices[low:high] - first, value.values[low:high], True)

    def _write(self, server: int, segment: int, first: int, flat: np.ndarray) -> None:
        for block, (offset, length) in enumerate(slices(flat.size, flat.itemsize, BLOCK_BYTES)):
            payload = flat[offset : offset + length].view(np.uint8)
            self.client.send(server, m.Write([[segment, first + block, 1, 0]]), payload)

    # ---------------------------------------------------------------- the other workers

    def _look_up(self, keys: Sequence[Hashable]) -> list[list[Any]]:
        """The entries of keys; waits until worker 0 has made them."""
        server = self.client.rank % self.client.channel.num_servers
        entries: list[list[Any]] = self.client.ask_one(server, m.Lookup, self.store, list(keys)).message.entries
        return entries

    # ---------------------------------------------------------------- both

    def _enter(self, entry: list[Any], value: Value) -> None:
        key, dtype_name, shape, parts = entry
        stype = value.stype if isinstance(value, RowSparse) else "default"
        parameter = Parameter(key, tuple(shape), as_dtype(dtype_name), self.client.settle, stype)
        if (parameter.shape, parameter.dtype) != (value.shape, value.dtype):
            raise ArgumentError(
                f"Expected: {parameter.describe()}, as worker 0 has initialized it. "
                f"Received: shape {value.shape}, {value.dtype.name} on worker {self.client.rank}."
            )
        parameter.rounds_ahead = self.rounds_ahead
        for server, number, first, _, position, offset, elements in parts:
            lane = self.client.lanes[server]
            segment = lane.segments.get(number) or self._new_segment(lane, number, parameter.dtype)
            segment.reserve(position + elements)
            parameter.shares.append(Share(server, number, first, offset, elements))
            for index, (start, length) in enumerate(slices(elements, parameter.dtype.itemsize, BLOCK_BYTES)):
                block = Block(parameter, lane, segment, first + index, position + start, offset + start, length)
                parameter.blocks.append(block)
                segment.add(block)
        self.parameters[key] = parameter

    def _new_segment(self, lane: Lane, number: int, dtype: np.dtype) -> LaneSegment:
        segment = lane.segments[number] = LaneSegment(number, self.store, dtype)
        if self.compression is not None:
            segment.compress_by(self.compression)
            lane.compressing = True
        if self.shared is not None and lane.server not in self._distant:
            try:
                self._share(lane, segment, self.shared)
            except MXNetError:
                if self.must_share:
                    raise
                self._distant.add(lane.server)  # another host, or a system that cannot: values are sent
        return segment

    def _share(self, lane: Lane, segment: LaneSegment, shared: SharedFiles) -> None:
        """Read the server's memory directly, and let it read ours."""
        process = self.client.process_of(lane.server)
        file = self.client.ask_one(lane.server, m.MapSegment, segment.number).message.file
        values = shared.open(file, file[2])
        staging, own_file = shared.create(file[2])
        try:
            self.client.ask_one(lane.server, m.Mirror, segment.number, own_file)
        finally:
            if not self.client.recoverable:
                shared.release(own_file)  # the server has it mapped, or will not; others may want to later
        size = values.size // segment.dtype.itemsize * segment.dtype.itemsize
        segment.share(staging[:size].view(segment.dtype), values[:size].view(segment.dtype))
        if self.client.process_of(lane.server) != process:
            self.client.look_again(lane, segment)  # what was mapped is the memory of a server that has died meanwhile


def _part_shape(shape: list[int], part: Part) -> list[int]:
    """The form of a server's part of an array: rows, where it is cut between them; else flat."""
    row_length = math.prod(shape[1:])
    if not shape or part.length % row_length or part.offset % row_length:
        return []
    return [part.length // row_length, *shape[1:]]
