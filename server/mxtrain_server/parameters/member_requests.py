"""Who takes part in the rounds of stores: workers that join, leave, die, or are replaced by another process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters.answers import Answer
from mxtrain_server.parameters.store import Store

if TYPE_CHECKING:
    from mxtrain_server.parameters.server_state import ServerState


class MemberRequests:
    """Handlers of the messages of a `ServerState`."""

    def __init__(self, state: ServerState) -> None:
        self._state = state

    def read_reached(self, rank: int, message: m.ReadReached) -> None:
        """How far the store is, for a worker that wants to join."""
        reached = self._state.store(message.store).reached()
        self._state.answers.append(Answer(rank, m.Reached(message.request, reached)))

    def join_store(self, rank: int, message: m.JoinStore) -> None:
        """Take a worker that came later into the rounds that follow."""
        self._state.wake(self._state.store(message.store).join(rank, message.round))
        self._state.done(rank, message)

    def rest(self, rank: int, message: m.Rest) -> None:
        """Go on without a worker until all have come to the barrier in which it stands."""
        store = self._state.stores.get(message.store)
        if store is not None:
            self._state.wake(store.rest(rank, message.barrier))
        self._state.done(rank, message)

    def leave_store(self, rank: int, message: m.LeaveStore) -> None:
        """Go on without a worker in one store."""
        store = self._state.stores.get(message.store)
        if store is not None:
            self._remove(rank, store)
        self._state.done(rank, message)

    def farewell(self, rank: int, message: m.Farewell) -> None:
        """Go on without a worker that says goodbye."""
        self._depart(rank)
        self._state.done(rank, message)

    def change(self, message: m.Membership) -> None:
        """Other processes are the workers now, and the job goes on without some."""
        state = self._state
        before, state.workers = state.workers or {}, dict(message.workers)
        for rank, node in before.items():
            if state.workers.get(rank) != node:
                state.forget_process(rank)
        for rank in message.lost:
            if rank not in state.departed:
                self._depart(rank)

    def _depart(self, rank: int) -> None:
        self._state.departed.add(rank)
        self._state.positions.forget(rank)
        for store in list(self._state.stores.values()):
            self._remove(rank, store)
        self._state.ask_again(without=rank)

    def _remove(self, rank: int, store: Store) -> None:
        self._state.forget_member(rank, store)
        self._state.wake(store.leave(rank))
        if not store.members:
            self._state.free(store)
