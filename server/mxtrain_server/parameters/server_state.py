"""`ServerState`: what a parameter server knows, and its answer to every message; no sockets, threads or clocks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from mxtrain.base import MXNetError
from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters.answers import Answer, frames_of
from mxtrain_server.parameters.errors import RequestError
from mxtrain_server.parameters.intervals import equal_runs, runs_where
from mxtrain_server.parameters.lease_requests import LeaseRequests
from mxtrain_server.parameters.member_requests import MemberRequests
from mxtrain_server.parameters.memory import Memory
from mxtrain_server.parameters.mirrors import Mirrors
from mxtrain_server.parameters.optimizer_requests import OptimizerRequests
from mxtrain_server.parameters.parked import Parked, Wanted
from mxtrain_server.parameters.payloads import Place, pull_codec, read_values
from mxtrain_server.parameters.position_requests import PositionRequests
from mxtrain_server.parameters.positions import Positions
from mxtrain_server.parameters.row_requests import RowRequests
from mxtrain_server.parameters.segment import Segment
from mxtrain_server.parameters.store import CompletedRun, Store

_log = logging.getLogger("mxtrain.server")


class ServerState:
    """All stores of a job on one server.

    workers: rank of every worker to the name of its node; None until the scheduler's view is known. controller: called
    with (head, body) for every command of a worker. keeps_previous: new processes may take the place of dead workers.
    """

    def __init__(
        self,
        rank: int,
        job: str,
        memory: Memory,
        controller: Callable[[int, str], None] | None = None,
        keeps_previous: bool = False,
    ) -> None:
        self.rank = rank
        self.job = job
        self.memory = memory
        self.controller = controller
        self.keeps_previous = keeps_previous
        self.positions = Positions()
        self.stores: dict[int, Store] = {}
        self.segments: list[Segment | None] = []
        self.workers: Mapping[int, str] | None = None
        self.departed: set[int] = set()
        self.answers: list[Answer] = []
        self.duplicates = self.bytes_in = self.bytes_out = 0
        self.parked: list[Parked] = []
        self.mirrors = Mirrors(memory)
        self.rows = RowRequests(self)
        self.leases = LeaseRequests(self)
        self._lookups: list[tuple[int, m.Lookup]] = []
        self._members = MemberRequests(self)
        self._handlers: dict[type[Any], Callable[..., None]] = _handlers(self, self._members)

    def fresh(self) -> ServerState:
        """A state like this one at its beginning."""
        return ServerState(self.rank, self.job, self.memory, self.controller, self.keeps_previous)

    def set_workers(self, workers: Mapping[int, str]) -> None:
        """The workers of the job, from the scheduler's first view."""
        self.workers = dict(workers)

    def receive(self, rank: int, message: Any, payload: np.ndarray | None) -> list[Answer]:
        """Carry out a worker's message; the answers go to any of the workers. payload: raw bytes, uint8."""
        handler = self._handlers.get(type(message))
        try:
            if handler is None:
                raise RequestError(f"A worker does not send {type(message).__name__}.")
            if type(message) in (m.Push, m.Write, m.WriteState, m.SavePosition, m.PushRows, m.PullRows):
                handler(rank, message, payload)
            else:
                handler(rank, message)
        except MXNetError as error:
            self._refuse(rank, message, str(error))
        except Exception as error:  # noqa: BLE001 - a fault of ours; nothing that a worker sends may end the server
            _log.exception("server %d: %s of worker %d failed", self.rank, type(message).__name__, rank)
            self._refuse(rank, message, f"{type(message).__name__} failed on server {self.rank}: {error!r}")
        answers, self.answers = self.answers, []
        return answers

    def _refuse(self, rank: int, message: Any, reason: str) -> None:
        self.answers.append(Answer(rank, m.Refused(getattr(message, "request", 0), reason[:8000])))

    # ---------------------------------------------------------------- stores and keys

    def open_store(self, rank: int, message: m.OpenStore) -> None:
        """The first worker makes the store; the others must want the same kind."""
        store = self.stores.get(message.store)
        if store is None:
            members = set(self.workers or {}) - self.departed
            staleness = None if message.staleness == m.UNBOUNDED else message.staleness
            store = Store(message.store, message.mode, members, self.keeps_previous, staleness, message.backups)
            self.stores[message.store] = store
        if store.mode != message.mode:
            raise RequestError(
                f"Expected: KVStore number {message.store} to be dist_{store.mode} on every worker. "
                f"Received: dist_{message.mode} from worker {rank}."
            )
        wanted = message.staleness if store.mode == "async" else m.UNBOUNDED
        if wanted != (m.UNBOUNDED if store.staleness is None else store.staleness):
            raise RequestError(
                f"Expected: MXTRAIN_STALENESS={store.staleness} on every worker. Received: {wanted} from worker {rank}."
            )
        if store.mode == "sync" and store.quorum.backups != message.backups:
            raise RequestError(
                f"Expected: MXTRAIN_BACKUP_WORKERS={store.quorum.backups} on every worker. "
                f"Received: {message.backups} from worker {rank}."
            )
        self.done(rank, message)

    def create(self, rank: int, message: m.Create) -> None:
        """Make keys."""
        store = self.store(message.store)
        places = []
        for entry in message.entries:
            segment, head = store.create(entry, self.memory, len(self.segments))
            if segment.number == len(self.segments):
                self.segments.append(segment)
                self.parked.append(Parked())
            places.append([segment.number, head, segment.starts[head]])
        self.answers.append(Answer(rank, m.Created(message.request, places)))

    def write(self, rank: int, message: m.Write, payload: np.ndarray | None) -> None:
        """Take initial values; those of keys that were pushed or published before stay as they are."""
        for (segment, first, stop, _), values in self._payload_runs(message.runs, payload, m.NO_CODEC):
            low, high = segment.bounds(first, stop)
            known = segment.labels[first].key in self.store(segment.store).directory
            if not known and not segment.completed[first:stop].any():
                segment.make_room(first, stop)
                segment.values[low:high] = values

    def publish(self, rank: int, message: m.Publish) -> None:
        """Enter keys in the directory, and answer who asked for them."""
        directory = self.store(message.store).directory
        for entry in message.entries:
            directory.setdefault(entry[0], entry)
        self.done(rank, message)
        self.ask_again()

    def ask_again(self, without: int = -1) -> None:
        """Look again at the questions that could not be answered; those of one worker are dropped."""
        waiting, self._lookups = self._lookups, []
        for asker, question in waiting:
            if asker == without:
                continue
            try:
                self.lookup(asker, question)
            except RequestError as error:
                self._refuse(asker, question, str(error))

    def lookup(self, rank: int, message: m.Lookup) -> None:
        """Answer when all keys are in the directory."""
        directory = self.store(message.store).directory
        if all(key in directory for key in message.keys):
            entries = [directory[key] for key in message.keys]
            self.answers.append(Answer(rank, m.Directory(message.request, entries)))
        elif 0 in self.departed or 0 not in self.store(message.store).members:
            missing = [key for key in message.keys if key not in directory]
            raise RequestError(f"Worker 0 has left without initializing key(s) {missing[:3]}.")
        else:
            self._lookups.append((rank, message))

    # ---------------------------------------------------------------- values

    def push(self, rank: int, message: m.Push, payload: np.ndarray | None) -> None:
        """Take a worker's values, from the payload or from its mirror."""
        if message.mapped:
            runs = self._mirror_runs(rank, message.runs)
        else:
            runs = self._payload_runs(message.runs, payload, message.codec)
        for (segment, first, stop, number), values in runs:
            store = self.store(segment.store)
            self.bytes_in += values.nbytes
            try:
                self.wake(store.push(rank, segment, first, stop - first, number, values))
            except RequestError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever an optimizer raises; all workers wait for this round
                self._break(store, f"Keys {segment.names(first, stop)[:3]}: the update failed: {error!r:.500}")

    def pull(self, rank: int, message: m.Pull) -> None:
        """Answer the runs whose round is complete, keep the others."""
        for number, first, blocks, wanted_round in message.runs:
            segment = self.segment(number)
            segment.bounds(first, first + blocks)
            codec = pull_codec(segment, first, first + blocks, message.codec)
            wanted = Wanted(rank, first, first + blocks, wanted_round, message.mapped, codec)
            if not self.store(segment.store).waits:
                self._send_values(segment, wanted)
            elif rank not in segment.shifts:
                self._park(segment, wanted)
            else:
                shifts = segment.shifts[rank][first : first + blocks]
                for low, high in equal_runs(shifts, first):
                    shift = int(shifts[low - first])
                    self._park(segment, wanted._replace(first=low, stop=high, number=wanted_round + shift, shift=shift))

    def _park(self, segment: Segment, wanted: Wanted) -> None:
        for ready in self.parked[segment.number].add(segment, wanted):
            self._send_values(segment, ready)

    def push_rows(self, rank: int, message: m.PushRows, payload: np.ndarray | None) -> None:
        """Take rows of a key."""
        try:
            self.wake(self.rows.push(rank, message, payload))
        except RequestError:
            raise
        except Exception as error:  # noqa: BLE001 - as in `push`
            segment, store = self.find_segment(message.segment)
            names = segment.names(message.head, message.head + 1)
            self._break(store, f"Keys {names}: the update failed: {error!r:.500}")

    def find_segment(self, number: int) -> tuple[Segment, Store]:
        """A segment with its store. Raises RequestError where there is none."""
        segment = self.segments[number] if number < len(self.segments) else None
        if segment is None:
            raise RequestError(f"Expected: a segment of an open KVStore. Received: number {number}.")
        return segment, self.stores[segment.store]

    def wake(self, completed: list[CompletedRun]) -> None:
        """Answer the pulls that waited for what is complete now."""
        self.rows.wake(completed)
        for run in completed:
            for wanted in self.parked[run.segment.number].wake(run.segment, run.first, run.stop):
                self._send_values(run.segment, wanted)

    def _send_values(self, segment: Segment, wanted: Wanted) -> None:
        store = self.store(segment.store)
        low, high = segment.bounds(wanted.first, wanted.stop)
        self.bytes_out += (high - low) * segment.dtype.itemsize
        lasting = store.stays(wanted.rank, segment, wanted.first, wanted.stop, wanted.number)
        if store.quorum.backups:
            for first, stop in equal_runs(segment.completed[wanted.first : wanted.stop], wanted.first):
                newest = wanted._replace(first=first, stop=stop, number=int(segment.completed[first]))
                self._send_from(segment, newest, segment.values, lasting)
        elif segment.previous is not None and bool(
            (segment.completed[wanted.first : wanted.stop] > wanted.number).any()
        ):
            self._send_old_values(segment, wanted)
        elif wanted.mapped and lasting:
            run = [segment.number, wanted.first, wanted.stop - wanted.first, wanted.number - wanted.shift]
            self.answers.append(Answer(wanted.rank, m.Pulled([run], True)))
        else:
            self._send_from(segment, wanted, segment.values, lasting)

    def _send_old_values(self, segment: Segment, wanted: Wanted) -> None:
        """A process in the place of a dead worker asks for the values that the dead one had: one round back at most."""
        behind = segment.completed[wanted.first : wanted.stop] == wanted.number + 1
        for old, source in ((True, segment.previous), (False, segment.values)):
            for first, stop in runs_where(behind == old, wanted.first):
                self._send_from(segment, wanted._replace(first=first, stop=stop), source, False)

    def _send_from(self, segment: Segment, wanted: Wanted, values: Any, lasting: bool) -> None:
        for first, stop in frames_of(segment, wanted.first, wanted.stop):
            low, high = segment.bounds(first, stop)
            runs = [[segment.number, first, stop - first, wanted.number - wanted.shift]]
            if wanted.codec is None:
                answer = Answer(wanted.rank, m.Pulled(runs, False), values[low:high], lasting)
            else:
                pulled = m.Pulled(runs, False, wanted.codec.form)
                answer = Answer(wanted.rank, pulled, wanted.codec.encode(values[low:high]))
            self.answers.append(answer)

    def explain(self, rank: int, message: m.Explain) -> None:
        """Say which workers the runs wait for."""
        missing: set[int] = set()
        names: list[Hashable] = []
        for number, first, blocks, wanted_round in message.runs:
            segment = self.segment(number)
            segment.bounds(first, first + blocks)
            store = self.store(segment.store)
            absent = store.missing(rank, segment, first, first + blocks, wanted_round)
            if absent:
                missing.update(absent)
                names += segment.names(first, first + blocks)
        keys = ", ".join(repr(name) for name in list(dict.fromkeys(names))[:3])
        workers = ", ".join(str(rank) for rank in sorted(missing))
        text = f"server {self.rank} waits for the push of key(s) {keys} by worker(s) {workers}" if missing else ""
        self.answers.append(Answer(rank, m.Explained(message.request, text)))

    def command(self, rank: int, message: m.Command) -> None:
        """Hand a command to the controller."""
        if self.controller is None:
            raise RequestError(
                f"Command {message.head}: this server has no controller. Pass one to mxtrain_server.main.serve_role."
            )
        self.controller(message.head, message.body)
        self.done(rank, message)

    def sync(self, rank: int, message: m.Sync) -> None:
        """Everything before it has been taken, since messages are taken in order.

        The worker may come to a barrier now, where it reads no memory: what it waits for will be sent to it.
        """
        for parked in self.parked:
            parked.unmap(rank)
        self.rows.unmap(rank)
        self.done(rank, message)

    # ---------------------------------------------------------------- members

    def change_members(self, message: m.Membership) -> list[Answer]:
        """Other processes are the workers now, and the job goes on without some."""
        self._members.change(message)
        answers, self.answers = self.answers, []
        return answers

    def forget_process(self, rank: int) -> None:
        """A worker's process is gone: whoever takes its place asks again, from memory of its own."""
        self.mirrors.forget(rank)
        self.rows.forget(rank)
        self.leases.forget(rank)
        for parked in self.parked:
            parked.drop(rank)
        self._lookups = [question for question in self._lookups if question[0] != rank]

    def forget_member(self, rank: int, store: Store) -> None:
        """A worker takes no part in a store any more: nothing of it waits there."""
        for segment in store.segments:
            self.parked[segment.number].drop(rank)
            self.mirrors.forget(rank, segment)
            self.rows.forget(rank, segment)
        self.leases.leave(rank, store.number)

    def free(self, store: Store) -> None:
        """Give back the memory of a store that everybody has left."""
        del self.stores[store.number]
        self.leases.drop(store.number)
        for segment in store.segments:
            self.segments[segment.number] = None
            self.parked[segment.number] = Parked()
            self.rows.drop(segment)
            if segment.file is not None:
                self.memory.release(segment.file)

    # ---------------------------------------------------------------- shared memory

    def map_segment(self, rank: int, message: m.MapSegment) -> None:
        """Tell how to map a segment's memory."""
        segment = self.segment(message.segment)
        if segment.file is None:
            raise RequestError("This server shares no memory. Ask for the values themselves.")
        self.answers.append(Answer(rank, m.Mapped(message.request, segment.file)))

    def mirror(self, rank: int, message: m.Mirror) -> None:
        """Map the memory from which a worker pushes."""
        problem = self.mirrors.open(rank, self.segment(message.segment), message.file)
        if problem:
            raise RequestError(problem)
        self.done(rank, message)

    def with_values(self, rank: int, push: m.Push) -> tuple[m.Push, np.ndarray | None]:
        """A push from a mirror, with the values themselves for those who cannot see it; a wrong one stays as it is."""
        try:
            runs = self._mirror_runs(rank, push.runs)
        except RequestError:
            return push, None
        return m.Push(push.runs, False), np.concatenate([values.view(np.uint8) for _, values in runs])

    # ---------------------------------------------------------------- parts of the above

    def done(self, rank: int, message: Any) -> None:
        """Answer that a request has been carried out."""
        self.answers.append(Answer(rank, m.Done(message.request)))

    def store(self, number: int) -> Store:
        """An open store. Raises RequestError for any other number."""
        store = self.stores.get(number)
        if store is None:
            raise RequestError(f"Expected: a KVStore that was opened. Received: number {number}.")
        return store

    def segment(self, number: int) -> Segment:
        """A segment of an open store. Raises RequestError for any other number."""
        segment = self.segments[number] if number < len(self.segments) else None
        if segment is None:
            raise RequestError(f"Expected: a segment of an open KVStore. Received: number {number}.")
        return segment

    def _places(self, runs: list[m.Run]) -> list[Place]:
        return [
            Place(self.segment(number), first, first + blocks, wanted_round)
            for number, first, blocks, wanted_round in runs
        ]

    def _payload_runs(
        self, runs: list[m.Run], payload: np.ndarray | None, codec: Sequence[Any]
    ) -> list[tuple[Place, np.ndarray]]:
        """Each run with its values. Raises RequestError unless the payload fits exactly."""
        places = self._places(runs)
        return list(zip(places, read_values(places, payload, codec), strict=True))

    def _mirror_runs(self, rank: int, runs: list[m.Run]) -> list[tuple[Place, np.ndarray]]:
        found = []
        for place in self._places(runs):
            low, high = place.segment.bounds(place.first, place.stop)
            mirror = self.mirrors.of(rank, place.segment.number)
            if mirror is None:
                raise RequestError(
                    f"Worker {rank} has no mirror of segment {place.segment.number}. Send the values themselves."
                )
            found.append((place, mirror[low:high]))
        return found

    def _break(self, store: Store, reason: str) -> None:
        """Tell all members that a store can be used no more."""
        for rank in sorted(store.members):
            self.answers.append(Answer(rank, m.Refused(0, reason)))


def _handlers(state: ServerState, members: MemberRequests) -> dict[type[Any], Callable[..., None]]:
    optimizer, positions = OptimizerRequests(state), PositionRequests(state)
    return {
        m.OpenStore: state.open_store,
        m.Create: state.create,
        m.Write: state.write,
        m.Publish: state.publish,
        m.Lookup: state.lookup,
        m.Push: state.push,
        m.Pull: state.pull,
        m.PushRows: state.push_rows,
        m.PullRows: state.rows.pull,
        m.Explain: state.explain,
        m.SetOptimizer: optimizer.set_optimizer,
        m.ChangeOptimizer: optimizer.change_optimizer,
        m.Command: state.command,
        m.GetProgress: optimizer.get_progress,
        m.SetProgress: optimizer.set_progress,
        m.ReadState: optimizer.read_state,
        m.WriteState: optimizer.write_state,
        m.LeaveStore: members.leave_store,
        m.Rest: members.rest,
        m.Farewell: members.farewell,
        m.Sync: state.sync,
        m.MapSegment: state.map_segment,
        m.Mirror: state.mirror,
        m.SavePosition: positions.save_position,
        m.ReadPosition: positions.read_position,
        m.ReadRounds: positions.read_rounds,
        m.ReadReached: members.read_reached,
        m.JoinStore: members.join_store,
        **state.leases.handlers(),
    }
