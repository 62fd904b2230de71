"""Hosts of a job are cut off the network, or the network is bad: a table. Each process is on a host of its own.

    python tests/faults/network_table.py                     # every case
    python tests/faults/network_table.py --only "server 1"   # those whose name holds these words

The hosts are network namespaces, joined by a switch of our own (tests/support/hosts.py); values travel over TCP with a
cluster key, encrypted. Who is cut off is sent nothing any more and told nothing, as when a cable is pulled. A job has 2
workers, 2 servers with one replica, and a scheduler.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from fault_table import digests, train, undisturbed
from forked_job import ForkedJob, ForkedNode
from hosts import Hosts, why_not

HOSTS = ("scheduler 0", "server 0", "server 1", "worker 0", "worker 1", "spare")
STEPS = 60
FOR_GOOD = 0.0
#: (PS_HEARTBEAT_INTERVAL, PS_HEARTBEAT_TIMEOUT): long ones, and short ones.
LONG, SHORT = (2, 20), (1, 5)


@dataclass(frozen=True)
class Cut:
    """One case. who: is cut off, "" where nobody is. seconds: for how long. spare: another host takes its place."""

    who: str
    seconds: float = FOR_GOOD
    beats: tuple[int, int] = SHORT
    spare: bool = False
    lost: float = 0.0
    delay: float = 0.0

    @property
    def name(self) -> str:
        if not self.who:
            return f"{self.lost:.0%} of packets lost, {1000 * self.delay:.0f} ms delay"
        length = f"{self.seconds:g} s" if self.seconds else "for good"
        return (
            f"{self.who} cut off {length}{', another in its place' if self.spare else ''}, dead after {self.beats[1]} s"
        )

    @property
    def must_stop(self) -> bool:
        return self.who == "scheduler 0" and not self.seconds

    @property
    def is_short_of_one(self) -> bool:
        """Whether the job goes on with one worker less, so that weights differ."""
        return self.who.startswith("worker") and not self.seconds and not self.spare


CASES = [
    *(Cut(who, 10.0, beats) for beats in (LONG, SHORT) for who in ("worker 1", "server 1", "scheduler 0")),
    *(Cut(who, FOR_GOOD, beats) for beats in (LONG, SHORT) for who in ("worker 1", "server 1", "scheduler 0")),
    Cut("worker 1", spare=True),
    Cut("worker 0", spare=True),
    Cut("server 0", spare=True),
    Cut("", lost=0.05, delay=0.05),
    Cut("", lost=0.01),
    Cut("", delay=0.2),
]


class CutJob:
    """Runs one case. moment: when the cut began (seconds since 1970)."""

    def __init__(self, case: Cut, hosts: Hosts, folder: Path) -> None:
        self.case = case
        self.hosts = hosts
        self.moment = 0.0
        self._ends_at = float("inf")
        self._lives: dict[str, int] = {}
        interval, timeout = case.beats
        self.job = ForkedJob(
            folder,
            lambda rank: train(folder, None, rank, "dist_sync", STEPS, 0.05),
            prepare=self._enter_host,
            DMLC_PS_ROOT_URI=hosts.address("scheduler 0"),
            MXTRAIN_CLUSTER_KEY="a key for this test, " + os.urandom(16).hex(),
            MXTRAIN_KVSTORE_TRANSPORT="tcp",
            MXTRAIN_REPLICAS="1",
            MXTRAIN_REPLACE_TIMEOUT="5" if case.is_short_of_one else "60",
            MXTRAIN_SCHEDULER_TIMEOUT="10",
            PS_HEARTBEAT_INTERVAL=str(interval),
            PS_HEARTBEAT_TIMEOUT=str(timeout),
            MXNET_KVSTORE_BIGARRAY_BOUND="200",
        )

    def _enter_host(self, name: str) -> None:
        is_new = self.job.newest(name).life if any(node.name == name for node in self.job.nodes) else 0
        self.hosts.enter("spare" if is_new and self.case.spare else name)

    def run(self, limit: float) -> bool:
        """To the end of all processes; False where it hangs."""
        self.hosts.set([], self.case.lost, self.case.delay)
        with self.job as job:
            return job.run(limit, lambda node: True, self._look)

    def _look(self) -> None:
        now, worker = time.time(), self.job.newest("worker 0")
        if self.case.who and not self.moment and any(text.startswith("step 8 ") for _, text in worker.lines):
            self.hosts.set([self.case.who])
            self.moment = now
            self._ends_at = now + self.case.seconds if self.case.seconds else float("inf")
        elif now > self._ends_at:
            self.hosts.set()
            self._ends_at = float("inf")
        elif self.case.spare and self.moment and len(self._nodes(self.case.who)) == 1 and self.detected() is not None:
            self.job.start(self.case.who)

    def _nodes(self, name: str) -> list[ForkedNode]:
        return [node for node in self.job.nodes if node.name == name]

    def detected(self) -> float | None:
        """Seconds until another process said that somebody cannot be reached."""
        if not self.case.who:
            return None
        victim = self._nodes(self.case.who)[0]
        signs = ("cannot be reached", "seems to be cut off", f"pid {victim.pid}) is dead", f"pid {victim.pid}) is gone")
        others = [node for node in self.job.nodes if node is not victim]
        seen = [t for node in others for t, text in node.lines if any(sign in text for sign in signs)]
        late = [t for t in seen if t > self.moment]
        return min(late) - self.moment if late else None

    def standstill(self) -> float:
        """The longest time in which a worker that goes on has finished no step, from the cut on."""
        longest = 0.0
        for name in ("worker 0", "worker 1"):
            if name == self.case.who and not self.case.seconds:
                continue
            lines = [line for node in self._nodes(name) for line in node.lines]
            times = [t for t, text in lines if text.startswith("step ") and t > self.moment]
            start = self.moment or (times[0] if times else 0.0)
            longest = max([longest, *(b - a for a, b in zip([start, *times], times, strict=False))])
        return longest


def run_case(case: Cut, expected: str) -> tuple[list[str], bool]:
    """The cells of a row, and whether they are as they should be."""
    folder = Path(tempfile.mkdtemp(prefix="mxtrain-network-"))
    with Hosts(*HOSTS) as hosts:
        cut = CutJob(case, hosts, folder)
        ended = cut.run(180.0)
    newest = [cut.job.newest(name) for name in cut.job.names]
    workers = [node for node in newest if node.role == "worker"]
    good = [node for node in workers if node.code == 0]
    detect, bits = cut.detected(), ""
    if not ended:
        outcome = "HANGS"
    elif case.must_stop:
        named = all("scheduler" in node.log.read_text().splitlines()[-1] for node in workers)
        outcome = "stops, named" if named and not good else "stops"
    elif case.is_short_of_one:
        lost = next(node for node in workers if node.name == case.who)
        told = "The scheduler" in lost.log.read_text().splitlines()[-1]
        outcome = "goes on without it" if len(good) == 1 and told else "STOPS"
    else:
        outcome = "goes on" if len(good) == 2 else "STOPS"
        bits = "equal" if digests(cut.job) == {expected} else "DIFFERENT"
    wanted = "stops, named" if case.must_stop else "goes on without it" if case.is_short_of_one else "goes on"
    fine = outcome == wanted and bits in ("", "equal")
    took = "" if case.must_stop else f"{cut.standstill():.1f}"
    cells = [case.name, outcome, "" if detect is None else f"{detect:.1f}", took, bits]
    if fine:
        shutil.rmtree(folder)
    else:
        cells.append(f"logs in {folder}")
    return cells, fine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="cases whose name holds these words")
    given = parser.parse_args()
    if why_not():
        print(f"skipped: {why_not()}")
        return 77
    expected, bad = undisturbed(STEPS), 0
    print("| what | outcome | detected after (s) | longest standstill (s) | bits |\n|---|---|---|---|---|", flush=True)
    for case in CASES:
        if given.only in case.name:
            cells, fine = run_case(case, expected)
            print("| " + " | ".join(cells) + " |", flush=True)
            bad += not fine
    return bad


if __name__ == "__main__":
    sys.exit(main())
