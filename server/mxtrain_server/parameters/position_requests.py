"""What servers keep of where workers are in their training, for processes that may have to take their places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters.answers import Answer
from mxtrain_server.parameters.positions import Position

if TYPE_CHECKING:
    from mxtrain_server.parameters.server_state import ServerState


class PositionRequests:
    """Handlers of the messages of a `ServerState`."""

    def __init__(self, state: ServerState) -> None:
        self._state = state

    def save_position(self, rank: int, message: m.SavePosition, payload: np.ndarray | None) -> None:
        """Keep where a worker is in its training, and which rounds it has pushed by then."""
        store = self._state.store(message.store)
        rounds = {segment.number: segment.pushed_by(rank).copy() for segment in store.segments}
        data = b"" if payload is None else payload.tobytes()
        self._state.positions.save((rank, message.store, message.slot), Position(message.step, data, rounds))

    def read_position(self, rank: int, message: m.ReadPosition) -> None:
        """What the process in whose place this one is has saved."""
        found = self._state.positions.find((rank, message.store, message.slot))
        if found is None:
            self._state.answers.append(Answer(rank, m.PositionIs(message.request, 0, False)))
        else:
            data = np.frombuffer(found.data, np.uint8)
            self._state.answers.append(Answer(rank, m.PositionIs(message.request, found.step, True), data))

    def read_rounds(self, rank: int, message: m.ReadRounds) -> None:
        """Which rounds of a segment's blocks the worker had pushed when it saved the position of a step."""
        segment = self._state.segment(message.segment)
        found = self._state.positions.find((rank, segment.store, message.slot))
        rounds = segment.pushed_by(rank)
        if found is not None and found.step == message.step and segment.number in found.rounds:
            saved = found.rounds[segment.number]
            rounds = np.concatenate([saved, rounds[saved.size :]])
        self._state.answers.append(Answer(rank, m.Rounds(message.request, rounds.tolist())))
