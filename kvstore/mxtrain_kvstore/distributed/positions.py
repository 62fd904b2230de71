"""Where this worker is in its training, kept by the servers for a process that may have to take its place."""

from __future__ import annotations

import logging
import struct
from typing import NamedTuple

import numpy as np

from mxtrain.base import MXNetError
from mxtrain_kvstore.distributed.client import ParameterClient
from mxtrain_kvstore.wire import messages as m

_log = logging.getLogger(__name__)

_BARRIERS = struct.Struct(">Q")
#: The slot in which worker 0 counts what it has done for all: optimizers set, states loaded.
PREPARED = 15
#: How often a worker tries to join; the round is further ahead each time.
_JOIN_ATTEMPTS = 12


class SavedPosition(NamedTuple):
    """What was saved before step number `step`; barriers: how many the worker had been in by then."""

    slot: int
    step: int
    data: bytes
    barriers: int


def save(client: ParameterClient, store: int, position: SavedPosition) -> None:
    """Let every server keep a position. Comes before pushes that follow, and after those before it."""
    message = m.SavePosition(store, position.slot, position.step)
    payload = np.frombuffer(_BARRIERS.pack(position.barriers) + position.data, np.uint8)
    with client.lock:
        client.flush()
        for server in range(client.channel.num_servers):
            client.send(server, message, payload)


def read(client: ParameterClient, store: int, slot: int) -> SavedPosition | None:
    """The newest position that any server has: it was sent when all had taken everything before it."""
    newest: SavedPosition | None = None
    for reply in client.ask_all(m.ReadPosition, store, slot):
        found = reply.message
        if found.found and (newest is None or found.step > newest.step):
            data = reply.payload.tobytes() if reply.payload is not None else b""
            newest = SavedPosition(slot, found.step, data[_BARRIERS.size :], _BARRIERS.unpack_from(data)[0])
    return newest


def join(client: ParameterClient, store: int) -> None:
    """Take part in the rounds of a store that others have been in before, from one round of all keys on.

    Raises MXNetError where the others are always faster.
    """
    ahead = 1
    for _ in range(_JOIN_ATTEMPTS):
        number = ahead + max(reply.message.round for reply in client.ask_all(m.ReadReached, store))
        try:
            client.ask_all(m.JoinStore, store, number)
        except MXNetError as error:
            client.check()
            _log.info("worker %d could not join at round %d: %s", client.rank, number, error)
            ahead *= 2
            continue
        for lane in client.lanes:
            for segment in lane.segments.values():
                for block in segment.known() if segment.store == store else ():
                    block.parameter.pushed = block.parameter.seen = number
        return
    raise MXNetError(f"Worker {client.rank} could not join: {_JOIN_ATTEMPTS} times the others had gone further.")


def restore_rounds(client: ParameterClient, store: int, position: SavedPosition) -> None:
    """Go on with the rounds that had been pushed when a position was saved."""
    for lane in client.lanes:
        for segment in lane.segments.values():
            if segment.store != store:
                continue
            reply = client.ask_one(lane.server, m.ReadRounds, segment.number, position.slot, position.step)
            for block in segment.known():
                block.parameter.pushed = block.parameter.seen = reply.message.rounds[block.index]
