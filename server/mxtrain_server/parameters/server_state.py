"""`ServerState`: what a parameter server knows, and its answer to every message; no sockets, threads or clocks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np

from mxtrain import optimizer as optimizers
from mxtrain.base import MXNetError
from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters.answers import Answer, frames_of
from mxtrain_server.parameters.errors import RequestError
from mxtrain_server.parameters.intervals import runs_where
from mxtrain_server.parameters.key_updates import KeyUpdates
from mxtrain_server.parameters.memory import Memory
from mxtrain_server.parameters.mirrors import Mirrors
from mxtrain_server.parameters.parked import Parked, Wanted
from mxtrain_server.parameters.positions import Position, Positions
from mxtrain_server.parameters.row_requests import RowRequests
from mxtrain_server.parameters.segment import Segment
from mxtrain_server.parameters.slab_updates import SlabUpdates
from mxtrain_server.parameters.store import CompletedRun, Store
from mxtrain_server.parameters.updates import Updates

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
        self._lookups: list[tuple[int, m.Lookup]] = []
        self._handlers: dict[type[Any], Callable[..., None]] = _handlers(self)

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
            store = self.stores[message.store] = Store(message.store, message.mode, members, self.keeps_previous)
        if store.mode != message.mode:
            raise RequestError(
                f"Expected: KVStore number {message.store} to be dist_{store.mode} on every worker. "
                f"Received: dist_{message.mode} from worker {rank}."
            )
        self._done(rank, message)

    def create(self, rank: int, message: m.Create) -> None:
        """Make keys."""
        store = self._store(message.store)
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
        for segment, first, stop, _, values in self._payload_runs(message.runs, payload):
            low, high = segment.bounds(first, stop)
            known = segment.labels[first].key in self._store(segment.store).directory
            if not known and not segment.completed[first:stop].any():
                segment.values[low:high] = values

    def publish(self, rank: int, message: m.Publish) -> None:
        """Enter keys in the directory, and answer who asked for them."""
        directory = self._store(message.store).directory
        for entry in message.entries:
            directory.setdefault(entry[0], entry)
        self._done(rank, message)
        self._ask_again()

    def _ask_again(self, without: int = -1) -> None:
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
        directory = self._store(message.store).directory
        if all(key in directory for key in message.keys):
            entries = [directory[key] for key in message.keys]
            self.answers.append(Answer(rank, m.Directory(message.request, entries)))
        elif 0 in self.departed or 0 not in self._store(message.store).members:
            missing = [key for key in message.keys if key not in directory]
            raise RequestError(f"Worker 0 has left without initializing key(s) {missing[:3]}.")
        else:
            self._lookups.append((rank, message))

    # ---------------------------------------------------------------- values

    def push(self, rank: int, message: m.Push, payload: np.ndarray | None) -> None:
        """Take a worker's values, from the payload or from its mirror."""
        runs = self._mirror_runs(rank, message.runs) if message.mapped else self._payload_runs(message.runs, payload)
        for segment, first, stop, number, values in runs:
            store = self._store(segment.store)
            self.bytes_in += values.nbytes
            try:
                self._wake(store.push(rank, segment, first, stop - first, number, values))
            except RequestError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever an optimizer raises; all workers wait for this round
                self._break(store, f"Keys {segment.names(first, stop)[:3]}: the update failed: {error!r:.500}")

    def pull(self, rank: int, message: m.Pull) -> None:
        """Answer the runs whose round is complete, keep the others."""
        for number, first, blocks, wanted_round in message.runs:
            segment = self._segment(number)
            segment.bounds(first, first + blocks)
            wanted = Wanted(rank, first, first + blocks, wanted_round, message.mapped)
            if self._store(segment.store).mode == "async":
                self._send_values(segment, wanted)
                continue
            for ready in self.parked[number].add(segment, wanted):
                self._send_values(segment, ready)

    def push_rows(self, rank: int, message: m.PushRows, payload: np.ndarray | None) -> None:
        """Take rows of a key."""
        try:
            self._wake(self.rows.push(rank, message, payload))
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

    def _wake(self, completed: list[CompletedRun]) -> None:
        self.rows.wake(completed)
        for run in completed:
            for wanted in self.parked[run.segment.number].wake(run.segment, run.first, run.stop):
                self._send_values(run.segment, wanted)

    def _send_values(self, segment: Segment, wanted: Wanted) -> None:
        store = self._store(segment.store)
        low, high = segment.bounds(wanted.first, wanted.stop)
        self.bytes_out += (high - low) * segment.dtype.itemsize
        lasting = store.mode == "sync" and wanted.rank in store.members  # rounds do not wait for who is no member
        if segment.previous is not None and bool((segment.completed[wanted.first : wanted.stop] > wanted.number).any()):
            self._send_old_values(segment, wanted)
        elif wanted.mapped and lasting:
            run = [segment.number, wanted.first, wanted.stop - wanted.first, wanted.number]
            self.answers.append(Answer(wanted.rank, m.Pulled([run], True)))
        else:
            self._send_from(segment, wanted, segment.values, lasting)

    def _send_old_values(self, segment: Segment, wanted: Wanted) -> None:
        """A process in the place of a dead worker asks for the values that the dead one had: one round back at most."""
        behind = segment.completed[wanted.first : wanted.stop] == wanted.number + 1
        for old, source in ((True, segment.previous), (False, segment.values)):
            for first, stop in runs_where(behind == old, wanted.first):
                self._send_from(segment, wanted._replace(first=first, stop=stop), source, True)

    def _send_from(self, segment: Segment, wanted: Wanted, values: Any, lasting: bool) -> None:
        for first, stop in frames_of(segment, wanted.first, wanted.stop):
            low, high = segment.bounds(first, stop)
            pulled = m.Pulled([[segment.number, first, stop - first, wanted.number]], False)
            self.answers.append(Answer(wanted.rank, pulled, values[low:high], lasting))

    def explain(self, rank: int, message: m.Explain) -> None:
        """Say which workers the runs wait for."""
        missing: set[int] = set()
        names: list[Hashable] = []
        for number, first, blocks, wanted_round in message.runs:
            segment = self._segment(number)
            segment.bounds(first, first + blocks)
            store = self._store(segment.store)
            absent = store.missing(segment, first, first + blocks, wanted_round) if store.mode == "sync" else []
            if absent:
                missing.update(absent)
                names += segment.names(first, first + blocks)
        keys = ", ".join(repr(name) for name in list(dict.fromkeys(names))[:3])
        workers = ", ".join(str(rank) for rank in sorted(missing))
        text = f"server {self.rank} waits for the push of key(s) {keys} by worker(s) {workers}" if missing else ""
        self.answers.append(Answer(rank, m.Explained(message.request, text)))

    # ---------------------------------------------------------------- optimizer

    def set_optimizer(self, rank: int, message: m.SetOptimizer) -> None:
        """Make the optimizer that a description names."""
        self._store(message.store).updates = make_updates(message.description)
        self._done(rank, message)

    def command(self, rank: int, message: m.Command) -> None:
        """Hand a command to the controller."""
        if self.controller is None:
            raise RequestError(
                f"Command {message.head}: this server has no controller. Pass one to mxtrain_server.main.serve_role."
            )
        self.controller(message.head, message.body)
        self._done(rank, message)

    def get_progress(self, rank: int, message: m.GetProgress) -> None:
        """The optimizer's counts."""
        progress = self._store(message.store).updates.progress()
        self.answers.append(Answer(rank, m.Progress(message.request, progress)))

    def set_progress(self, rank: int, message: m.SetProgress) -> None:
        """Overwrite the optimizer's counts."""
        self._store(message.store).updates.set_progress(message.progress)
        self._done(rank, message)

    def read_state(self, rank: int, message: m.ReadState) -> None:
        """Elements of one state array of a key."""
        segment = self._segment_with_key(message.segment, message.head)
        values = self._store(segment.store).updates.state(segment, message.head, message.part)
        if values is None:
            self.answers.append(Answer(rank, m.StateValues(message.request, "", 0, False)))
            return
        found = m.StateValues(message.request, values.dtype.name, values.size, True)
        part = values[message.start : message.start + message.length]
        self.answers.append(Answer(rank, found, part, lasting=False))

    def write_state(self, rank: int, message: m.WriteState, payload: np.ndarray | None) -> None:
        """Overwrite elements of one state array of a key."""
        segment = self._segment_with_key(message.segment, message.head)
        array = self._store(segment.store).updates.make_state(segment, message.head, message.part)
        given = np.empty(0, np.uint8) if payload is None else payload
        room = array[message.start : message.start + given.size // array.itemsize]
        if room.nbytes != given.nbytes:
            raise RequestError(
                f"Key {segment.labels[message.head].key!r}: expected a state of {array.size} {array.dtype.name} "
                f"values. Received: {given.nbytes} bytes from element {message.start} on."
            )
        room[:] = given.view(array.dtype)
        self._done(rank, message)

    def _segment_with_key(self, number: int, head: int) -> Segment:
        segment = self._segment(number)
        segment.bounds(head, head + 1)
        if segment.labels[head].head != head:
            raise RequestError(f"Segment {number}: expected the first block of a key. Received: block {head}.")
        return segment

    # ---------------------------------------------------------------- positions

    def save_position(self, rank: int, message: m.SavePosition, payload: np.ndarray | None) -> None:
        """Keep where a worker is in its training, and which rounds it has pushed by then."""
        store = self._store(message.store)
        rounds = {segment.number: segment.pushed_by(rank).copy() for segment in store.segments}
        data = b"" if payload is None else payload.tobytes()
        self.positions.save((rank, message.store, message.slot), Position(message.step, data, rounds))

    def read_position(self, rank: int, message: m.ReadPosition) -> None:
        """What the process in whose place this one is has saved."""
        found = self.positions.find((rank, message.store, message.slot))
        if found is None:
            self.answers.append(Answer(rank, m.PositionIs(message.request, 0, False)))
        else:
            data = np.frombuffer(found.data, np.uint8)
            self.answers.append(Answer(rank, m.PositionIs(message.request, found.step, True), data))

    def read_rounds(self, rank: int, message: m.ReadRounds) -> None:
        """Which rounds of a segment's blocks the worker had pushed when it saved the position of a step."""
        segment = self._segment(message.segment)
        found = self.positions.find((rank, segment.store, message.slot))
        rounds = segment.pushed_by(rank)
        if found is not None and found.step == message.step and segment.number in found.rounds:
            saved = found.rounds[segment.number]
            rounds = np.concatenate([saved, rounds[saved.size :]])
        self.answers.append(Answer(rank, m.Rounds(message.request, rounds.tolist())))

    # ---------------------------------------------------------------- members

    def read_reached(self, rank: int, message: m.ReadReached) -> None:
        """How far the store is, for a worker that wants to join."""
        self.answers.append(Answer(rank, m.Reached(message.request, self._store(message.store).reached())))

    def join_store(self, rank: int, message: m.JoinStore) -> None:
        """Take a worker that came later into the rounds that follow."""
        self._wake(self._store(message.store).join(rank, message.round))
        self._done(rank, message)

    def leave_store(self, rank: int, message: m.LeaveStore) -> None:
        """Go on without a worker in one store."""
        store = self.stores.get(message.store)
        if store is not None:
            self._remove(rank, store)
        self._done(rank, message)

    def farewell(self, rank: int, message: m.Farewell) -> None:
        """Go on without a worker that says goodbye."""
        self._depart(rank)
        self._done(rank, message)

    def change_members(self, message: m.Membership) -> list[Answer]:
        """Other processes are the workers now, and the job goes on without some."""
        before, self.workers = self.workers or {}, dict(message.workers)
        for rank, node in before.items():
            if self.workers.get(rank) != node:
                self._forget_process(rank)
        for rank in message.lost:
            if rank not in self.departed:
                self._depart(rank)
        answers, self.answers = self.answers, []
        return answers

    def _forget_process(self, rank: int) -> None:
        """A worker's process is gone: whoever takes its place asks again, from memory of its own."""
        self.mirrors.forget(rank)
        self.rows.forget(rank)
        for parked in self.parked:
            parked.drop(rank)
        self._lookups = [question for question in self._lookups if question[0] != rank]

    def _depart(self, rank: int) -> None:
        self.departed.add(rank)
        self.positions.forget(rank)
        for store in list(self.stores.values()):
            self._remove(rank, store)
        self._ask_again(without=rank)

    def _remove(self, rank: int, store: Store) -> None:
        for segment in store.segments:
            self.parked[segment.number].drop(rank)
            self.mirrors.forget(rank, segment)
            self.rows.forget(rank, segment)
        self._wake(store.leave(rank))
        if not store.members:
            self._free(store)

    def _free(self, store: Store) -> None:
        """Give back the memory of a store that everybody has left."""
        del self.stores[store.number]
        for segment in store.segments:
            self.segments[segment.number] = None
            self.parked[segment.number] = Parked()
            self.rows.drop(segment)
            if segment.file is not None:
                self.memory.release(segment.file)

    def sync(self, rank: int, message: m.Sync) -> None:
        """Everything before it has been taken, since messages are taken in order."""
        self._done(rank, message)

    # ---------------------------------------------------------------- shared memory

    def map_segment(self, rank: int, message: m.MapSegment) -> None:
        """Tell how to map a segment's memory."""
        segment = self._segment(message.segment)
        if segment.file is None:
            raise RequestError("This server shares no memory. Ask for the values themselves.")
        self.answers.append(Answer(rank, m.Mapped(message.request, segment.file)))

    def mirror(self, rank: int, message: m.Mirror) -> None:
        """Map the memory from which a worker pushes."""
        problem = self.mirrors.open(rank, self._segment(message.segment), message.file)
        if problem:
            raise RequestError(problem)
        self._done(rank, message)

    def with_values(self, rank: int, push: m.Push) -> tuple[m.Push, np.ndarray | None]:
        """A push from a mirror, with the values themselves for those who cannot see it; a wrong one stays as it is."""
        try:
            runs = self._mirror_runs(rank, push.runs)
        except RequestError:
            return push, None
        return m.Push(push.runs, False), np.concatenate([values.view(np.uint8) for *_, values in runs])

    # ---------------------------------------------------------------- parts of the above

    def _done(self, rank: int, message: Any) -> None:
        self.answers.append(Answer(rank, m.Done(message.request)))

    def _store(self, number: int) -> Store:
        store = self.stores.get(number)
        if store is None:
            raise RequestError(f"Expected: a KVStore that was opened. Received: number {number}.")
        return store

    def _segment(self, number: int) -> Segment:
        segment = self.segments[number] if number < len(self.segments) else None
        if segment is None:
            raise RequestError(f"Expected: a segment of an open KVStore. Received: number {number}.")
        return segment

    def _payload_runs(
        self, runs: list[m.Run], payload: np.ndarray | None
    ) -> list[tuple[Segment, int, int, int, np.ndarray]]:
        """(segment, first, stop, round, values) of each run. Raises RequestError unless the payload fits exactly."""
        given = 0 if payload is None else payload.nbytes
        found = []
        position = 0
        for number, first, blocks, round_number in runs:
            segment = self._segment(number)
            low, high = segment.bounds(first, first + blocks)
            end = position + (high - low) * segment.dtype.itemsize
            if payload is None or end > given:
                break
            found.append((segment, first, first + blocks, round_number, payload[position:end].view(segment.dtype)))
            position = end
        if len(found) < len(runs) or position != given:
            raise RequestError(f"Expected: a payload as long as its {len(runs)} run(s). Received: {given} bytes.")
        return found

    def _mirror_runs(self, rank: int, runs: list[m.Run]) -> list[tuple[Segment, int, int, int, np.ndarray]]:
        found = []
        for number, first, blocks, round_number in runs:
            segment = self._segment(number)
            low, high = segment.bounds(first, first + blocks)
            mirror = self.mirrors.of(rank, number)
            if mirror is None:
                raise RequestError(f"Worker {rank} has no mirror of segment {number}. Send the values themselves.")
            found.append((segment, first, first + blocks, round_number, mirror[low:high]))
        return found

    def _break(self, store: Store, reason: str) -> None:
        """Tell all members that a store can be used no more."""
        for rank in sorted(store.members):
            self.answers.append(Answer(rank, m.Refused(0, reason)))


def make_updates(description: dict[str, Any]) -> Updates:
    """Updates by the optimizer that a description names. Raises MXNetError for one that is not known here."""
    optimizer = optimizers.from_config(description)
    return SlabUpdates(optimizer) if SlabUpdates.supports(optimizer) else KeyUpdates(optimizer)


def _handlers(state: ServerState) -> dict[type[Any], Callable[..., None]]:
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
        m.SetOptimizer: state.set_optimizer,
        m.Command: state.command,
        m.GetProgress: state.get_progress,
        m.SetProgress: state.set_progress,
        m.ReadState: state.read_state,
        m.WriteState: state.write_state,
        m.LeaveStore: state.leave_store,
        m.Farewell: state.farewell,
        m.Sync: state.sync,
        m.MapSegment: state.map_segment,
        m.Mirror: state.mirror,
        m.SavePosition: state.save_position,
        m.ReadPosition: state.read_position,
        m.ReadRounds: state.read_rounds,
        m.ReadReached: state.read_reached,
        m.JoinStore: state.join_store,
    }
