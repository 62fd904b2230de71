"""`Reports`: what nodes count of themselves, rates, stragglers and the last problems, for people who ask."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.members import Member, Members
from mxtrain_server.scheduler.stragglers import Announcements, Progress, stragglers

#: Seconds over which rates are taken.
WINDOW = 10.0
#: Counts and problems that are kept; texts of problems are cut to so many characters.
MAX_COUNTS = 32
MAX_PROBLEMS = 20
MAX_TEXT = 1000
#: Seconds in which it shows that everybody waits for somebody who is silent.
SHORT_WINDOW = 4.0
#: Seconds between looks at who is late.
LOOK = 1.0


class _Count(NamedTuple):
    time: float
    counters: pb.Counters


class Reports:
    """Counts of nodes over time, and problems. All memory is bounded; `now`: seconds of a clock that never jumps.

    interval: seconds between heartbeats.
    """

    def __init__(self, interval: float = 2.0) -> None:
        self._interval = interval
        self._announcements = Announcements()
        self._looked = 0.0
        self._counts: dict[str, deque[_Count]] = {}
        self._problems: deque[tuple[float, str]] = deque(maxlen=MAX_PROBLEMS)

    def take(self, member: Member, counters: pb.Counters, now: float) -> None:
        """What a node says of itself."""
        counts = self._counts.setdefault(member.node, deque(maxlen=MAX_COUNTS))
        # with short intervals between heartbeats the window still has to fit into what is kept
        if len(counts) < 2 or now - counts[-2].time >= WINDOW / (MAX_COUNTS - 2):
            counts.append(_Count(now, counters))
        else:
            counts[-1] = _Count(now, counters)

    def add_problem(self, text: str, now: float) -> None:
        """Something was not as it should be."""
        self._problems.append((now, text[:MAX_TEXT]))

    def fill(self, reply: pb.StatusReply, members: Members, now: float) -> None:
        """Add to a status what is known here."""
        everybody = members.everybody()
        present = {member.node for member in everybody}
        self._counts = {node: counts for node, counts in self._counts.items() if node in present}
        reports = {member.node: self._report(member, now) for member in everybody}
        for node in self._late(members, now):
            reports[node].straggler = True
        reply.reports.extend(reports.values())
        reply.problems.extend(pb.Problem(age=now - time, text=text) for time, text in self._problems)
        reply.replaced = sum(member.replaced for member in everybody)

    def look(self, members: Members, now: float) -> list[str]:
        """What people should hear now of workers that are late."""
        if now - self._looked < LOOK:
            return []
        self._looked = now
        late = self._late(members, now)
        names = {member.node: member.name for member in members.everybody()}
        return [f"{names[node]} is late: {late[node]}" for node in self._announcements.news(late, now)]

    def _late(self, members: Members, now: float) -> dict[str, str]:
        known = [member for member in members.active(pb.ROLE_WORKER) if self._is_known(member)]
        return stragglers({member.node: self._progress(member, now) for member in known}, self._interval)

    def _progress(self, member: Member, now: float) -> Progress:
        counts = self._counts[member.node]
        last, before = counts[-1], _before(counts, WINDOW)
        new, old = last.counters, before.counters
        return Progress(
            waiting=_waiting(last, before),
            lately=_waiting(last, _before(counts, SHORT_WINDOW)),
            silence=now - member.seen,
            rounds=max(0, new.rounds - old.rounds),
            passed=max(0, new.passed_over - old.passed_over),
        )

    def _is_known(self, member: Member) -> bool:
        return len(self._counts.get(member.node, ())) > 1

    def _report(self, member: Member, now: float) -> pb.Report:
        report = pb.Report(node=member.node, silence=now - member.seen, replaced=member.replaced)
        counts = self._counts.get(member.node)
        if not counts:
            return report
        last, before = counts[-1], _before(counts, WINDOW)
        report.counters.CopyFrom(last.counters)
        seconds = last.time - before.time
        if member.is_active and seconds > 0:
            new, old = last.counters, before.counters
            report.rounds_per_second = _rate(new.rounds - old.rounds, seconds)
            moved = new.bytes_in + new.bytes_out - old.bytes_in - old.bytes_out
            report.bytes_per_second = _rate(moved, seconds)
            report.samples_per_second = _rate(new.samples - old.samples, seconds)
            report.waiting = _waiting(last, before)
        return report


def _before(counts: deque[_Count], window: float) -> _Count:
    """The first of the counts that are not older than the last one by more than so many seconds."""
    return next(count for count in counts if counts[-1].time - count.time <= window)


def _waiting(last: _Count, before: _Count) -> float:
    """The share of the time between two counts in which the node has waited."""
    seconds = last.time - before.time
    return min(1.0, _rate(last.counters.waited - before.counters.waited, seconds)) if seconds > 0 else 0.0


def _rate(difference: float, seconds: float) -> float:
    """Per second; a node that counts less than before has dropped a shard, or lies."""
    return max(0.0, difference) / seconds
