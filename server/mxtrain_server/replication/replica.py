"""`Replica`: one shard on this server, as its primary or as a copy; an event goes in, actions come out.

The primary numbers every change of the shard, hands it to its followers, carries it out itself, and holds back what it
has to say to workers until the followers have carried it out, too. Changes have the same effect everywhere because a
`ServerState` depends on nothing but the order of its changes. So a follower that becomes the primary knows everything
that any worker has been told.

A primary that is to hand over takes no more commands. When its followers know all that it knows, it says so; the next
view makes its successor the primary, and nobody is behind or ahead. Workers then send there what they sent meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mxtrain.base import MXNetError
from mxtrain_kvstore.wire import messages as m
from mxtrain_kvstore.wire.codec import WireError
from mxtrain_server.parameters import snapshot
from mxtrain_server.parameters.answers import Answer
from mxtrain_server.parameters.server_state import ServerState
from mxtrain_server.replication.actions import Acknowledged, Action, Drop, Forward, HandedOver, Reply, Synced
from mxtrain_server.replication.plain_bytes import from_bytes, to_bytes
from mxtrain_server.replication.session import Session
from mxtrain_server.replication.snapshot_parts import Assembly, snapshot_parts

#: Number of the last change of a copy that knows nothing, or cannot know whether its primary knows the same.
UNKNOWN = -1
_NOT_ASKED = -2


@dataclass
class Follower:
    """Another server with a copy.

    acked: its last change. mapped: by then it read the mirrors of all workers. synced: it counts, and is waited for.
    """

    acked: int
    mapped: bool
    synced: bool


class Held(NamedTuple):
    """An answer that followers must know the cause of first."""

    change: int
    node: str
    taken: int
    answer: Answer


class Replica:
    """One shard. state: without knowledge at first. role: "primary" or "copy"; index: number of its last change.

    leader: the primary of a copy. successor: to whom a primary shall hand over; "": to nobody.
    """

    def __init__(self, shard: int, state: ServerState) -> None:
        self.shard = shard
        self.state = state
        self.role = "copy"
        self.index = 0
        self.epoch = 0
        self.leader = self.successor = ""
        self.sessions: dict[str, Session] = {}
        self.followers: dict[str, Follower] = {}
        self.workers: dict[int, str] = {}
        self._mirrored = 0
        self._assembly: Assembly | None = None
        self._asked = _NOT_ASKED
        self._probed = -1
        self._reported = -1
        self._held: deque[Held] = deque()
        self._actions: list[Action] = []

    # ---------------------------------------------------------------- roles

    def lead(self, epoch: int, copies: Mapping[str, bool], successor: str = "") -> list[Action]:
        """Be the primary. copies: servers that hold or shall hold a copy; True: it knows all that this one knows.

        successor: the copy that shall be the primary.
        """
        stood_still = self.stands_still
        self.role, self.epoch, self.leader, self._assembly = "primary", epoch, "", None
        self.successor = successor
        for node in [node for node in self.followers if node not in copies]:
            del self.followers[node]
        for node, complete in copies.items():
            if node not in self.followers:
                self._add_follower(node, complete)
            elif self.followers[node].synced and not complete:
                self._actions.append(Synced(self.shard, node))  # the scheduler may not have heard it
        self._release()
        if self.stands_still:
            self._hand_over()
        elif stood_still:
            self._go_on()
        return self._take()

    def follow(self, epoch: int, leader: str, complete: bool) -> None:
        """Be a copy of the primary `leader`. complete: it knows nothing that is not known here.

        Else a snapshot comes; until then nothing counts: the primary before may have told this copy more than the new
        one, whose changes then have the same numbers.
        """
        if not complete and leader != self.leader:
            self.index, self._asked, self._assembly = UNKNOWN, _NOT_ASKED, None
        self.role, self.epoch, self.leader, self.successor = "copy", epoch, leader, ""
        self.followers.clear()
        self._held.clear()

    def close(self) -> None:
        """Hold this shard no more."""
        _release_memory(self.state)

    # ---------------------------------------------------------------- handing over

    @property
    def stands_still(self) -> bool:
        """Whether this is a primary that hands over: then it knows nothing that its successor will not know."""
        follower = self.followers.get(self.successor)
        return follower is not None and follower.synced

    def _hand_over(self) -> None:
        """Say that the successor can go on, once for every view, as soon as all followers know all."""
        if self._reported != self.epoch and self._everybody_knows(self.index):
            self._reported = self.epoch
            self._actions.append(HandedOver(self.shard, self.successor, self.epoch))

    def _go_on(self) -> None:
        """The successor has died: workers send again what came meanwhile."""
        for node, session in self.sessions.items():
            self._tell_behind(node, session)

    def set_members(self, workers: Mapping[int, str], lost: Iterable[int]) -> list[Action]:
        """As the primary: other processes are the workers now, and the job goes on without the ranks in `lost`."""
        gone = sorted(rank for rank in lost if rank not in self.state.departed)
        if self.stands_still:
            return []  # the successor will do it
        if dict(workers) != self.workers or gone:
            self._change("", 0, 0, m.Membership([[rank, node] for rank, node in sorted(workers.items())], gone), None)
        return self._take()

    def _add_follower(self, node: str, complete: bool) -> None:
        """Let a server know what there is, and from then on every change."""
        mapped = complete and self.index == 0
        self.followers[node] = Follower(self.index if complete else UNKNOWN, mapped, synced=complete)
        if not complete:
            self._send_snapshot(node)

    def _send_snapshot(self, node: str) -> None:
        for header, payload in snapshot_parts(self.shard, self.epoch, self.index, to_bytes(self._dump())):
            self._actions.append(Forward(node, header, None, payload))

    # ---------------------------------------------------------------- workers

    def greet(self, hello: m.Hello) -> list[Action]:
        """A worker of the view has connected."""
        session = self.sessions.setdefault(hello.node, Session(hello.rank))
        session.told = False
        welcome = m.Welcome(self.shard, session.applied, self.state.mirrors.maps(hello.rank))
        self._hold(hello.node, Answer(hello.rank, welcome))
        return self._take()

    def receive(self, node: str, number: int, message: Any, payload: np.ndarray | None) -> list[Action]:
        """A worker's message. number: see `mxtrain_kvstore.wire.messages`."""
        session = self.sessions.get(node)
        if session is None:
            return [Drop(f"a {type(message).__name__} of a worker that has not been welcomed")]
        if self.stands_still:
            return []  # the worker will send it to the successor
        if type(message) in m.COMMANDS and number <= session.applied:
            self._answer_again(node, session, message)
        elif not session.is_next(number, message):
            self._tell_behind(node, session)
        elif type(message) in m.COMMANDS:
            session.told = False
            self._change(node, session.rank, number, message, payload)
        else:
            self._hold_all(self.state.receive(session.rank, message, payload))
        return self._take()

    def _answer_again(self, node: str, session: Session, message: Any) -> None:
        """A command that has been carried out has no effect any more."""
        self.state.duplicates += 1
        answer = session.answers.get(getattr(message, "request", 0))
        if answer is not None:
            self._hold(node, Answer(session.rank, answer))

    def _tell_behind(self, node: str, session: Session) -> None:
        if not session.told:
            session.told = True
            self._hold(node, Answer(session.rank, m.Behind(session.applied)))

    # ---------------------------------------------------------------- changes

    def _change(self, node: str, rank: int, number: int, message: Any, payload: np.ndarray | None) -> None:
        """As the primary: number a change, pass it on, and carry it out."""
        self.index += 1
        if type(message) is m.Mirror:
            self._mirrored = self.index
        if self.followers:
            entry = m.Entry(self.shard, self.epoch, self.index, node, rank, number)
            for name, follower in self.followers.items():
                self._actions.append(Forward(name, entry, *self._self_contained(follower, rank, message, payload)))
        self._hold_all(self._apply(node, rank, number, message, payload))

    def _self_contained(
        self, follower: Follower, rank: int, message: Any, payload: np.ndarray | None
    ) -> tuple[Any, np.ndarray | None]:
        """A command for a follower that may not see the worker's memory, or only when the worker has gone on."""
        sees = follower.synced and follower.mapped and follower.acked >= self._mirrored
        if type(message) is m.Push and message.mapped and not sees:
            return self.state.with_values(rank, message)
        return message, payload

    def _apply(self, node: str, rank: int, number: int, message: Any, payload: np.ndarray | None) -> list[Answer]:
        if type(message) is m.Membership:
            self.workers = dict(message.workers)
            names = set(self.workers.values())
            self.sessions = {name: session for name, session in self.sessions.items() if name in names}
            return self.state.change_members(message)
        session = self.sessions.setdefault(node, Session(rank))
        session.applied = number
        answers = self.state.receive(rank, message, payload)
        for answer in answers:
            if answer.rank == rank:
                session.keep(message, answer.message)
        return answers

    # ---------------------------------------------------------------- followers

    def acknowledged(self, node: str, message: m.Acknowledge) -> list[Action]:
        """As the primary: a follower has carried out changes."""
        follower = self.followers.get(node)
        if follower is None or self.role != "primary":
            return []
        follower.acked, follower.mapped = max(follower.acked, message.change), message.mapped
        if not follower.synced:
            follower.synced = True
            self._actions.append(Synced(self.shard, node))
        self._release()
        if self.stands_still:
            self._hand_over()
        return self._take()

    def enter(self, entry: m.Entry, message: Any, payload: np.ndarray | None) -> list[Action]:
        """As a copy: carry out a change. The caller acknowledges, when it has carried out all that has come."""
        if self.role != "copy" or entry.change <= self.index:
            return [Drop(f"change {entry.change} of shard {self.shard}, which is at {self.index} ({self.role})")]
        if entry.change > self.index + 1:
            return []  # the caller asks for what is missing
        self.index = entry.change
        self._apply(entry.node, entry.rank, entry.number, message, payload)
        return []

    def acknowledge(self, node: str) -> Acknowledged:
        """What the primary at `node` hears of this copy."""
        return Acknowledged(node, m.Acknowledge(self.shard, self.epoch, self.index, self.state.mirrors.maps_all))

    def missing(self, node: str, change: int) -> list[Action]:
        """As a copy, which should be at a change: ask the primary at `node` for what is missing, once."""
        if self.role != "copy" or change <= self.index or self._asked == self.index or self._assembly is not None:
            return []
        self._asked = self.index
        return [Acknowledged(node, m.Behindhand(self.shard, self.epoch, max(self.index, 0)))]

    def forget_question(self) -> None:
        """What was asked for has not come: it may be asked for again."""
        self._asked, self._assembly = _NOT_ASKED, None

    def assemble(self, part: m.SnapshotPart, payload: np.ndarray) -> bool:
        """As a copy: take a part of a snapshot; whether it was the last one, and the snapshot is in force."""
        if self.role != "copy":
            return False
        if part.offset == 0:
            self._assembly = Assembly(part.change, part.total)
        if self._assembly is None or not self._assembly.add(part, payload):
            return False
        data, self._assembly = self._assembly.data, None
        self._load(from_bytes(data))
        self.index, self._asked = part.change, _NOT_ASKED
        return True

    def teach_again(self, node: str) -> list[Action]:
        """As the primary: changes were lost on the way to a follower. Until it has caught up, answers wait for it."""
        if self.role == "primary" and node in self.followers:
            self._send_snapshot(node)
        return self._take()

    def probe(self) -> list[Action]:
        """As the primary, now and then: what waits since the last time may wait for what was lost on the way.

        A probe comes after all that was sent before: what of a snapshot has not come by then never will.
        """
        for session in self.sessions.values():
            session.told = False
        waiting = self._held[0].change if self._held else self.index if self.stands_still else -1
        late = waiting >= 0 and waiting == self._probed
        for node, follower in self.followers.items():
            if follower.acked < self.index and (late or not follower.synced):
                self._actions.append(Forward(node, m.Probe(self.shard, self.epoch, self.index)))
        self._probed = waiting
        return self._take()

    def _dump(self) -> dict[str, Any]:
        return {
            "workers": sorted(self.workers.items()),
            "sessions": [[node, session.dump()] for node, session in self.sessions.items()],
            "state": snapshot.dump(self.state),
        }

    def _load(self, tree: Any) -> None:
        """Know what `_dump` gave. Raises WireError for another tree, and then nothing has changed."""
        state = self.state.fresh()
        try:
            workers = dict(tree["workers"])
            sessions = {node: Session.load(part) for node, part in tree["sessions"]}
            snapshot.load(state, tree["state"])
        except (MXNetError, ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
            raise WireError(
                f"Expected: what shard {self.shard} knows. Received: another tree ({error!r:.99})."
            ) from error
        _release_memory(self.state)
        self.workers, self.sessions, self.state = workers, sessions, state

    # ---------------------------------------------------------------- answers

    def _hold_all(self, answers: Iterable[Answer]) -> None:
        for answer in answers:
            node = self.workers.get(answer.rank)
            if node is not None:
                self._hold(node, answer)

    def _hold(self, node: str, answer: Answer) -> None:
        """Answer at once, or when the followers know all that the answer may depend on."""
        session = self.sessions.get(node)
        taken = 0 if session is None else session.applied
        if self._everybody_knows(self.index):
            self._actions.append(Reply(node, self.shard, taken, *answer[1:]))
            return
        if answer.payload is not None and not answer.lasting:
            answer = answer._replace(payload=np.array(answer.payload))
        self._held.append(Held(self.index, node, taken, answer))

    def _everybody_knows(self, index: int) -> bool:
        return all(follower.acked >= index for follower in self.followers.values() if follower.synced)

    def _release(self) -> None:
        while self._held and self._everybody_knows(self._held[0].change):
            held = self._held.popleft()
            self._actions.append(Reply(held.node, self.shard, held.taken, *held.answer[1:]))

    def _take(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions


def _release_memory(state: ServerState) -> None:
    """Nobody shall map what a state held any more; who has mapped it keeps it."""
    for segment in state.segments:
        if segment is not None and segment.file is not None:
            state.memory.release(segment.file)
