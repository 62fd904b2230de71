"""`Reports`: what nodes count of themselves, rates, stragglers and the last problems, for people who ask."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.members import Member, Members

#: Seconds over which rates are taken.
WINDOW = 10.0
#: Counts and problems that are kept; texts of problems are cut to so many characters.
MAX_COUNTS = 32
MAX_PROBLEMS = 20
MAX_TEXT = 1000
#: A worker is a straggler where the others wait at least this share of their time, and it waits less than half as much.
MUCH_WAITING = 0.3


class _Count(NamedTuple):
    time: float
    counters: pb.Counters


class Reports:
    """Counts of nodes over time, and problems. All memory is bounded; `now`: seconds of a clock that never jumps."""

    def __init__(self) -> None:
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
        waiting = {m.node: reports[m.node].waiting for m in members.active(pb.ROLE_WORKER) if self._is_known(m)}
        for node in stragglers(waiting):
            reports[node].straggler = True
        reply.reports.extend(reports.values())
        reply.problems.extend(pb.Problem(age=now - time, text=text) for time, text in self._problems)
        reply.replaced = sum(member.replaced for member in everybody)

    def _is_known(self, member: Member) -> bool:
        return len(self._counts.get(member.node, ())) > 1

    def _report(self, member: Member, now: float) -> pb.Report:
        report = pb.Report(node=member.node, silence=now - member.seen, replaced=member.replaced)
        counts = self._counts.get(member.node)
        if not counts:
            return report
        last = counts[-1]
        report.counters.CopyFrom(last.counters)
        before = next((count for count in counts if last.time - count.time <= WINDOW), last)
        seconds = last.time - before.time
        if member.is_active and seconds > 0:
            new, old = last.counters, before.counters
            report.rounds_per_second = _rate(new.rounds - old.rounds, seconds)
            moved = new.bytes_in + new.bytes_out - old.bytes_in - old.bytes_out
            report.bytes_per_second = _rate(moved, seconds)
            report.samples_per_second = _rate(new.samples - old.samples, seconds)
            report.waiting = min(1.0, _rate(new.waited - old.waited, seconds))
        return report


def _rate(difference: float, seconds: float) -> float:
    """Per second; a node that counts less than before has dropped a shard, or lies."""
    return max(0.0, difference) / seconds


def stragglers(waiting: Mapping[str, float]) -> list[str]:
    """The workers for which the others wait. waiting: node to the share of its time in which it waits."""
    found = []
    for node, share in waiting.items():
        others = [other for name, other in waiting.items() if name != node]
        if others and statistics.median(others) >= max(MUCH_WAITING, 2 * share):
            found.append(node)
    return found
