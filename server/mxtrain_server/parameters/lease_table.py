"""`LeaseTable`: which samples of an epoch are whose; each is handed out once, and again where its worker is lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import Any, NamedTuple

from mxtrain_kvstore.wire.lease_messages import BACK, LEASE, OVER, WAIT
from mxtrain_server.parameters.errors import RequestError

#: Most leases of one epoch.
MAX_LEASES = 1 << 18

#: Positions in the order of an epoch: from, to (without it).
Piece = tuple[int, int]


class Granted(NamedTuple):
    """What a worker gets that asks for a lease; see `lease_messages`."""

    outcome: str
    start: int = 0
    stop: int = 0


@dataclass
class Held:
    """A lease in a worker's hand: its number for that worker in this epoch, and how many of its samples are done."""

    number: int
    start: int
    stop: int
    done: int = 0


class Form(NamedTuple):
    """What all workers must agree on; see OpenLeases."""

    samples: int
    size: int
    in_turn: bool
    order: str


class LeaseTable:
    """One data set, epoch after epoch; nothing but the order of calls decides what happens.

    members: ranks that share the samples. In turn: an epoch's leases are dealt to them like cards, so that who gets
    which does not depend on time; what comes back from others goes to whoever asks first. Else all leases go to whoever
    asks first. An epoch is over when all samples are done and every member has run out of leases.
    keeps_history: new processes may take the place of dead workers, and ask again for the leases that these have had.
    """

    def __init__(self, form: Form, epoch: int, members: Iterable[int], keeps_history: bool) -> None:
        if not 0 < form.samples <= form.size * MAX_LEASES:
            raise RequestError(
                f"Expected: 1 to {MAX_LEASES} leases an epoch. Received: {form.samples} samples, {form.size} a lease."
            )
        self.form = form
        self.members = set(members)
        self.keeps_history = keeps_history
        self.history: dict[int, dict[int, list[Granted]]] = {}
        self.epoch = epoch
        self._begin()

    def _begin(self) -> None:
        """Cut the samples of an epoch into leases."""
        samples, size = self.form.samples, self.form.size
        self.common: deque[Piece] = deque((low, min(low + size, samples)) for low in range(0, samples, size))
        self.queues: dict[int, deque[Piece]] = {}
        self.held: dict[int, Held] = {}
        self.taken: dict[int, int] = {}
        self.told: set[int] = set()  # who has heard that there is no lease, and may have paused
        self.waiting: set[int] = set()  # who says that it waits
        self.quitters: set[int] = set()
        if self.form.in_turn:
            self._deal(self.common)
            self.common = deque()

    def _deal(self, pieces: Iterable[Piece]) -> None:
        """Give pieces to the members in turn; who is first changes from epoch to epoch, for the last turn is short."""
        players = sorted(self.members - self.quitters)
        self.queues = {rank: deque() for rank in players}
        for turn, piece in enumerate(sorted(pieces), self.epoch):
            queue = self.queues[players[turn % len(players)]] if players else self.common
            queue.append(piece)

    # ---------------------------------------------------------------- members

    def join(self, rank: int) -> None:
        """One more worker: it shares what nobody has in hand yet."""
        if rank not in self.members:
            self.members.add(rank)
            self._deal_again()

    def leave(self, rank: int) -> None:
        """Go on without a worker: others get what it has not done."""
        if rank in self.members:
            self.members.discard(rank)
            for ranks in (self.told, self.waiting, self.quitters):
                ranks.discard(rank)
            self.history.pop(rank, None)
            self._give_back(rank)
            self._deal_again()
            self._end_if_done()

    def _deal_again(self) -> None:
        if self.form.in_turn:
            self._deal([piece for queue in self.queues.values() for piece in queue])

    def _give_back(self, rank: int) -> None:
        held = self.held.pop(rank, None)
        if held is not None and held.start + held.done < held.stop:
            self.common.appendleft((held.start + held.done, held.stop))

    # ---------------------------------------------------------------- leases

    def take(self, rank: int, epoch: int, number: int) -> Granted:
        """Lease `number` of a worker in an epoch; the one before it is done. Raises RequestError out of turn."""
        self._require(rank)
        if epoch < self.epoch or number < self.taken.get(rank, 0):
            return self._again(rank, epoch, number)
        self._require_turn(rank, epoch, number)
        self.held.pop(rank, None)
        piece = self._next_piece(rank)
        if piece is None:
            self.told.add(rank)
            return Granted(WAIT)
        granted = Granted(BACK if rank in self.told else LEASE, *piece)
        self.told.discard(rank)
        self.waiting.discard(rank)
        self.held[rank] = Held(number, *piece)
        self.taken[rank] = number + 1
        if self.keeps_history:
            self.history.setdefault(rank, {}).setdefault(epoch, []).append(granted)
        return granted

    def _next_piece(self, rank: int) -> Piece | None:
        if rank in self.quitters:
            return None
        queue = self.queues.get(rank) or self.common
        return queue.popleft() if queue else None

    def _again(self, rank: int, epoch: int, number: int) -> Granted:
        """What a process gets that does again what the one before it has done."""
        had = self.history.get(rank, {}).get(epoch, [])
        if number < len(had):
            return had[number]
        if epoch < self.epoch:
            return Granted(OVER)
        raise RequestError(f"Lease {number} of epoch {epoch} of worker {rank} was handed out before, and is not kept.")

    def _require(self, rank: int) -> None:
        if rank not in self.members:
            raise RequestError(f"Expected: a worker that takes part in the leases. Received: worker {rank}.")

    def _require_turn(self, rank: int, epoch: int, number: int) -> None:
        if (epoch, number) != (self.epoch, self.taken.get(rank, 0)):
            raise RequestError(
                f"Worker {rank}: expected lease {self.taken.get(rank, 0)} of epoch {self.epoch}. Received: lease "
                f"{number} of epoch {epoch}. Do all workers begin with the same epoch?"
            )

    def report(self, rank: int, epoch: int, number: int, done: int) -> None:
        """So many samples of a worker's lease are done. What was known before stays."""
        held = self.held.get(rank)
        if epoch == self.epoch and held is not None and held.number == number:
            held.done = min(max(held.done, done), held.stop - held.start)

    def run_out(self, rank: int, epoch: int, number: int, quits: bool) -> None:
        """A worker waits for what comes back from others, or the end of the epoch; one that quits, for that only."""
        self._require(rank)
        if epoch < self.epoch or number < self.taken.get(rank, 0):
            return  # a process does again what the one before it has done
        self._require_turn(rank, epoch, number)
        if quits:
            self._quit(rank)
        elif rank in self.held:
            raise RequestError(f"Expected: a worker without a lease. Received: worker {rank}, which has one.")
        self.waiting.add(rank)
        self._end_if_done()

    def _quit(self, rank: int) -> None:
        self.quitters.add(rank)
        self._give_back(rank)
        self.common.extend(self.queues.pop(rank, ()))

    def _end_if_done(self) -> None:
        """Begin the next epoch when all have run out; what nobody wants any more is left."""
        left = bool(self.common) or any(self.queues.values())
        if self.members and self.waiting == self.members and (not left or self.quitters == self.members):
            self.epoch += 1
            self._begin()

    def may_go_on(self, rank: int, epoch: int) -> bool:
        """Whether a worker that waits would hear something new."""
        if epoch < self.epoch or rank not in self.waiting:
            return True
        return rank not in self.quitters and bool(self.common or self.queues.get(rank))

    def explain(self) -> str:
        """Who has leases that are not done, for people."""
        parts = [
            f"worker {rank} ({held.done} of {held.stop - held.start} samples done)"
            for rank, held in sorted(self.held.items())
        ]
        parts += [f"worker {rank} (no lease in hand)" for rank in sorted(self.members - self.waiting - set(self.held))]
        left = sum(stop - start for queue in (self.common, *self.queues.values()) for start, stop in queue)
        return f"epoch {self.epoch} waits for {', '.join(parts) or 'nobody'}; {left} samples are in no hand"

    # ---------------------------------------------------------------- copies

    def dump(self) -> dict[str, Any]:
        """All that is known, as plain values."""
        return {
            "form": list(self.form),
            "epoch": self.epoch,
            "members": sorted(self.members),
            "keeps_history": self.keeps_history,
            "common": list(self.common),
            "queues": [[rank, list(queue)] for rank, queue in self.queues.items()],
            "held": [[rank, *astuple(held)] for rank, held in self.held.items()],
            "taken": list(self.taken.items()),
            "told": sorted(self.told),
            "waiting": sorted(self.waiting),
            "quitters": sorted(self.quitters),
            "history": [[rank, list(epochs.items())] for rank, epochs in self.history.items()],
        }

    @staticmethod
    def load(tree: Mapping[str, Any]) -> LeaseTable:
        """What `dump` gave."""
        table = LeaseTable(Form(*tree["form"]), tree["epoch"], tree["members"], tree["keeps_history"])
        table.common = _pieces(tree["common"])
        table.queues = {rank: _pieces(queue) for rank, queue in tree["queues"]}
        table.held = {rank: Held(*fields) for rank, *fields in tree["held"]}
        table.taken = dict(tree["taken"])
        table.told, table.waiting, table.quitters = (set(tree[name]) for name in ("told", "waiting", "quitters"))
        table.history = {
            rank: {epoch: [Granted(*granted) for granted in had] for epoch, had in epochs}
            for rank, epochs in tree["history"]
        }
        return table


def _pieces(pairs: Iterable[Iterable[int]]) -> deque[Piece]:
    return deque((low, high) for low, high in pairs)
