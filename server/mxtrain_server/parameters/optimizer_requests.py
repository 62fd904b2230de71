"""What workers ask of the optimizer on a server: to set it, and to read and write what it remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mxtrain import optimizer as optimizers
from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters.answers import Answer
from mxtrain_server.parameters.errors import RequestError
from mxtrain_server.parameters.key_updates import KeyUpdates
from mxtrain_server.parameters.optimizer_changes import OptimizerChanges
from mxtrain_server.parameters.segment import Segment
from mxtrain_server.parameters.slab_updates import SlabUpdates
from mxtrain_server.parameters.updates import Updates

if TYPE_CHECKING:
    from mxtrain_server.parameters.server_state import ServerState


def make_updates(description: dict[str, Any], shard: int = 0) -> Updates:
    """Updates by the optimizer that a description names. Raises MXNetError for one that is not known here.

    description: as `Optimizer.to_config` gives it, and "seed", for the random numbers that the optimizer draws.
    """
    optimizer = optimizers.from_config(description)
    if SlabUpdates.supports(optimizer):
        return SlabUpdates(optimizer)
    seed = description.get("seed", 0)
    if not isinstance(seed, int):
        raise RequestError(f"Expected: an integer as the seed of an optimizer. Received: {seed!r:.100}.")
    return KeyUpdates(optimizer, seed, shard)


class OptimizerRequests:
    """Handlers of the messages of a `ServerState`."""

    def __init__(self, state: ServerState) -> None:
        self._state = state

    def set_optimizer(self, rank: int, message: m.SetOptimizer) -> None:
        """Make the optimizer that a description names."""
        store = self._state.store(message.store)
        store.updates, store.changes = make_updates(message.description, self._state.rank), OptimizerChanges()
        self._state.done(rank, message)

    def change_optimizer(self, rank: int, message: m.ChangeOptimizer) -> None:
        """Go on with other hyper-parameters: at once where rounds are not shared, else from its next rounds on."""
        store = self._state.store(message.store)
        if store.mode == "async":
            store.updates.set_hyper_parameters(message.values)
        else:
            store.changes.add(rank, message.values, store.segments, store.updates)

    def get_progress(self, rank: int, message: m.GetProgress) -> None:
        """The optimizer's counts."""
        progress = self._state.store(message.store).updates.progress()
        self._state.answers.append(Answer(rank, m.Progress(message.request, progress)))

    def set_progress(self, rank: int, message: m.SetProgress) -> None:
        """Overwrite the optimizer's counts."""
        self._state.store(message.store).updates.set_progress(message.progress)
        self._state.done(rank, message)

    def read_state(self, rank: int, message: m.ReadState) -> None:
        """Elements of one state array of a key."""
        segment = self._with_key(message.segment, message.head)
        values = self._state.store(segment.store).updates.state(segment, message.head, message.part)
        if values is None:
            self._state.answers.append(Answer(rank, m.StateValues(message.request, "", 0, False)))
            return
        found = m.StateValues(message.request, values.dtype.name, values.size, True)
        part = values[message.start : message.start + message.length]
        self._state.answers.append(Answer(rank, found, part, lasting=False))

    def write_state(self, rank: int, message: m.WriteState, payload: np.ndarray | None) -> None:
        """Overwrite elements of one state array of a key."""
        segment = self._with_key(message.segment, message.head)
        array = self._state.store(segment.store).updates.make_state(segment, message.head, message.part)
        given = np.empty(0, np.uint8) if payload is None else payload
        room = array[message.start : message.start + given.size // array.itemsize]
        if room.nbytes != given.nbytes:
            raise RequestError(
                f"Key {segment.labels[message.head].key!r}: expected a state of {array.size} {array.dtype.name} "
                f"values. Received: {given.nbytes} bytes from element {message.start} on."
            )
        segment.make_room(*segment.key_blocks(message.head))
        room[:] = given.view(array.dtype)
        self._state.done(rank, message)

    def _with_key(self, number: int, head: int) -> Segment:
        segment = self._state.segment(number)
        segment.bounds(head, head + 1)
        if segment.labels[head].head != head:
            raise RequestError(f"Segment {number}: expected the first block of a key. Received: block {head}.")
        return segment
