"""`LeaseRequests`: what workers ask of the tables of leases, and their pauses in rounds while they wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters.answers import Answer
from mxtrain_server.parameters.errors import RequestError
from mxtrain_server.parameters.lease_table import Form, LeaseTable

if TYPE_CHECKING:
    from mxtrain_server.parameters.server_state import ServerState

#: Most tables of one store.
MAX_TABLES = 16

Place = tuple[int, str]


class LeaseRequests:
    """The tables of a `ServerState`, by number of the store and name, and the questions that wait."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self.tables: dict[Place, LeaseTable] = {}
        self._waiting: dict[tuple[int, Place], m.AwaitLease] = {}

    def handlers(self) -> dict[type[Any], Callable[..., None]]:
        """The methods that carry out messages."""
        return {
            m.OpenLeases: self.open,
            m.TakeLease: self.take,
            m.ReportLease: self.report,
            m.RunOut: self.run_out,
            m.AwaitLease: self.wait,
            m.CloseLeases: self.close,
            m.ExplainLeases: self.explain,
            m.Pause: self.pause,
            m.Resume: self.resume,
            m.Return: self.come_back,
        }

    # ---------------------------------------------------------------- leases

    def open(self, rank: int, message: m.OpenLeases) -> None:
        """The first worker makes the table, for all that are in the job; one that came later takes part from now on."""
        store = self._state.store(message.store)
        form = Form(message.samples, message.size, message.in_turn, message.order)
        place = (message.store, message.table)
        table = self.tables.get(place)
        if table is None:
            if sum(number == message.store for number, _ in self.tables) == MAX_TABLES:
                raise RequestError(f"Expected: at most {MAX_TABLES} tables of leases. Received: {message.table!r}.")
            members = set(self._state.workers or {}) - self._state.departed
            table = LeaseTable(form, message.epoch, members or {rank}, store.keeps_previous)
            self.tables[place] = table
        if table.form != form:
            raise RequestError(
                f"Leases {message.table!r}: expected {table.form} on every worker. Received: {form} from worker {rank}."
            )
        table.join(rank)
        self._state.answers.append(Answer(rank, m.LeasesOpened(message.request, table.epoch)))
        self._ask_again()

    def take(self, rank: int, message: m.TakeLease) -> None:
        """Hand out a lease."""
        granted = self._table(message).take(rank, message.epoch, message.number)
        self._state.answers.append(Answer(rank, m.Leased(message.request, *granted)))

    def report(self, rank: int, message: m.ReportLease) -> None:
        """Samples are done."""
        self._table(message).report(rank, message.epoch, message.number, message.done)

    def run_out(self, rank: int, message: m.RunOut) -> None:
        """A worker will wait."""
        self._table(message).run_out(rank, message.epoch, message.number, message.quits)
        self._state.done(rank, message)
        self._ask_again()

    def wait(self, rank: int, message: m.AwaitLease) -> None:
        """Answer when there is news."""
        if self._table(message).may_go_on(rank, message.epoch):
            self._state.done(rank, message)
        else:
            self._waiting[rank, (message.store, message.table)] = message

    def close(self, rank: int, message: m.CloseLeases) -> None:
        """Go on without a worker."""
        self._table(message).leave(rank)
        self._state.done(rank, message)
        self._ask_again()

    def explain(self, rank: int, message: m.ExplainLeases) -> None:
        """Say who has leases."""
        self._state.answers.append(Answer(rank, m.Explained(message.request, self._table(message).explain()[:8000])))

    def _table(self, message: Any) -> LeaseTable:
        table = self.tables.get((message.store, message.table))
        if table is None:
            raise RequestError(f"Expected: leases that were opened. Received: {message.table!r}.")
        return table

    def _ask_again(self) -> None:
        """Look again at the questions that wait."""
        for (rank, place), message in list(self._waiting.items()):
            if self.tables[place].may_go_on(rank, message.epoch):
                del self._waiting[rank, place]
                self._state.done(rank, message)

    # ---------------------------------------------------------------- rounds

    def pause(self, rank: int, message: m.Pause) -> None:
        """Let rounds go on without a worker."""
        store = self._state.store(message.store)
        self._state.wake(store.pause(rank, message.table, (message.epoch, message.number)))
        self._state.done(rank, message)

    def resume(self, rank: int, message: m.Resume) -> None:
        """Let rounds wait for all workers again."""
        self._state.wake(self._state.store(message.store).resume(message.table, message.epoch))
        self._state.done(rank, message)

    def come_back(self, rank: int, message: m.Return) -> None:
        """Let rounds wait for a worker again."""
        store = self._state.store(message.store)
        place = (message.epoch, message.number)
        self._state.wake(store.come_back(rank, message.table, place, message.round))
        self._state.done(rank, message)

    # ---------------------------------------------------------------- members

    def leave(self, rank: int, store: int) -> None:
        """A worker has left a store: others get what it has not done."""
        for place, table in self.tables.items():
            if place[0] == store:
                table.leave(rank)
                self._waiting.pop((rank, place), None)
        self._ask_again()

    def forget(self, rank: int) -> None:
        """A worker's process is gone; whoever takes its place asks again."""
        self._waiting = {place: message for place, message in self._waiting.items() if place[0] != rank}

    def drop(self, store: int) -> None:
        """A store that everybody has left is gone."""
        self.tables = {place: table for place, table in self.tables.items() if place[0] != store}
        self._waiting = {place: message for place, message in self._waiting.items() if place[1][0] != store}

    # ---------------------------------------------------------------- copies

    def dump(self) -> list[Any]:
        """All tables as plain values. Questions that wait are left out: workers ask again."""
        return [[*place, table.dump()] for place, table in self.tables.items()]

    def load(self, tree: list[list[Any]]) -> None:
        """Continue from what `dump` gave."""
        self.tables = {(store, name): LeaseTable.load(part) for store, name, part in tree}
