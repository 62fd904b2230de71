"""`RowClient`: a worker's pushes and pulls of single rows of parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from mxtrain.ops.sparse.containers import RowSparse
from mxtrain_kvstore.distributed.channel import Incoming
from mxtrain_kvstore.distributed.client import ParameterClient
from mxtrain_kvstore.distributed.parameter import Parameter, Share
from mxtrain_kvstore.wire import messages as m

#: Bytes of rows that one message carries; at least one row.
ROWS_BYTES = 1 << 22

_ID = np.dtype(np.int64)
_NO_ROWS = np.empty(0, _ID)


class RowPull(NamedTuple):
    """Rows of one share that are on their way. rows: as the server numbers them. out: (n, elements of a row)."""

    parameter: Parameter
    share: Share
    rows: np.ndarray
    out: np.ndarray


class RowClient(ParameterClient):
    """Rows travel beside what is staged: a push or pull of rows is sent at once."""

    def pull(self, parameter: Parameter, *arguments, **named) -> None:  # type: ignore[no-untyped-def]
        """As in ParameterClient; pulls of rows that are under way come first."""
        if parameter.row_pulls:
            self.settle(parameter)
        super().pull(parameter, *arguments, **named)

    def push_rows(self, parameter: Parameter, gradient: RowSparse) -> None:
        """Push an array of the parameter's shape and dtype, which may be changed as soon as this returns.

        The parameter is cut by rows. gradient: on the host, its rows rising. Waits where `push` does.
        """
        with self.lock:
            if parameter.awaiting or parameter.staged or self._failure:
                self._make_way(parameter)
            if parameter.pushed + 1 - parameter.seen > parameter.rounds_ahead:
                self.pull_rows(parameter, _NO_ROWS, gradient.values[:0])
                self.settle(parameter)
            parameter.idle = False
            parameter.pushed += 1
            self.counters.rounds = max(self.counters.rounds, parameter.pushed)
            self.counters.bytes_out += gradient.values.nbytes
            for share, low, high in rows_by_share(parameter, gradient.indices):
                rows = gradient.indices[low:high] - share.offset // parameter.row_length
                sparse = parameter.stype == "row_sparse"
                self.send_rows(share, parameter.pushed, rows, gradient.values[low:high], sparse)

    def send_rows(self, share: Share, number: int, rows: np.ndarray, values: np.ndarray, sparse: bool) -> None:
        """Send rows of one share, numbered as the server does, as those of a round; 0: initial values."""
        for start, stop in _pieces(len(rows), math.prod(values.shape[1:]) * values.itemsize):
            message = m.PushRows(share.segment, share.head, number, start, len(rows), sparse)
            self.send(share.server, message, _payload(rows[start:stop], values[start:stop]))

    def pull_rows(self, parameter: Parameter, rows: np.ndarray, out: np.ndarray) -> None:
        """Ask for rows; `settle` returns when they are in `out`.

        rows: (n,) int64, rising. out: (n, ...) in the parameter's dtype.
        """
        with self.lock:
            self.check()
            if parameter.staged or (parameter.awaiting and not parameter.row_pulls):
                self._make_way(parameter)
            parameter.idle = False
            target = out.reshape(len(rows), -1) if len(rows) else out.reshape(0, parameter.row_length)
            for share, low, high in rows_by_share(parameter, rows):
                numbers = rows[low:high] - share.offset // parameter.row_length
                segment = self.lanes[share.server].segments[share.segment]
                for start, stop in _pieces(high - low, parameter.row_length * parameter.dtype.itemsize):
                    pull = RowPull(parameter, share, numbers[start:stop], target[low + start : low + stop])
                    parameter.awaiting += 1
                    parameter.row_pulls += 1
                    self._ask_rows(pull, segment.values is not None)

    def _ask_rows(self, pull: RowPull, mapped: bool) -> None:
        fields = (pull.share.segment, pull.share.head, pull.parameter.pushed, mapped)
        place = self._request(pull.share.server, m.PullRows, fields, pull.rows.view(np.uint8))
        self._callbacks[place] = partial(self._take_rows, pull)

    def _take_rows(self, pull: RowPull, incoming: Incoming) -> None:
        message, parameter = incoming.message, pull.parameter
        if isinstance(message, m.Refused):
            self._failure = f"Server {incoming.server} refused the rows of {parameter.describe()}: {message.reason}"
            return
        if message.mapped:
            values = self._mapped_table(pull)
            if values is None:  # the server is another process now, whose memory is not mapped yet
                self._ask_rows(pull, False)
                return
            np.take(values, pull.rows, axis=0, out=pull.out, mode="clip")  # the mode "raise" would copy once more
        elif len(pull.rows) and incoming.payload is not None:
            pull.out[...] = incoming.payload.view(parameter.dtype).reshape(pull.out.shape)
        self.counters.bytes_in += pull.out.nbytes
        parameter.reached = min(parameter.reached, message.round)
        parameter.awaiting -= 1
        parameter.row_pulls -= 1
        if not parameter.awaiting:
            parameter.catch_up()

    def _mapped_table(self, pull: RowPull) -> np.ndarray | None:
        segment = self.lanes[pull.share.server].segments[pull.share.segment]
        if segment.values is None:
            return None
        low = segment.run(pull.share.head, 1)[0].position
        return segment.values[low : low + pull.share.elements].reshape(-1, pull.parameter.row_length)


def rows_by_share(parameter: Parameter, rows: np.ndarray) -> Iterator[tuple[Share, int, int]]:
    """Each share of a parameter with the range of these rows, which are rising, that it holds; maybe none."""
    edges = [(share.offset, share.offset + share.elements) for share in parameter.shares]
    cuts = np.searchsorted(rows, np.array(edges, _ID).reshape(-1) // parameter.row_length).tolist()
    for number, share in enumerate(parameter.shares):
        yield share, cuts[2 * number], cuts[2 * number + 1]


def _pieces(count: int, row_bytes: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of the rows that one message carries; one piece at least."""
    step = max(1, ROWS_BYTES // (row_bytes + _ID.itemsize))
    for start in range(0, max(count, 1), step):
        yield start, min(start + step, count)


def _payload(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Numbers of rows, then their values, as bytes."""
    flat = values.reshape(-1)
    edge = rows.size * _ID.itemsize
    payload = np.empty(edge + flat.nbytes, np.uint8)
    payload[:edge].view(_ID)[:] = rows
    payload[edge:].view(flat.dtype)[:] = flat
    return payload
