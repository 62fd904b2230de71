"""Simulated jobs of any size under faults: how many seeds hold, and how many messages a round takes.

    python benchmarks/simulate.py --seeds 0:2000                                  # many small jobs
    python benchmarks/simulate.py --workers 1000 --servers 50 --rounds 2 --seeds 0:1
    python benchmarks/simulate.py --seeds 71:72                                   # a seed that has failed, once more

Small jobs are of 1 to 5 workers and 2 to 5 servers, and of all kinds: deaths, partitions, without replicas, killed
while others recover, servers that join. A failure prints the seed and what happened; the exit code is 1.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from simulation import Plan, check

KINDS = {
    "deaths": Plan(),
    "partitions": Plan(deaths=0, cuts=5, rounds=100),
    "deaths and partitions": Plan(deaths=3, cuts=3, rounds=100),
    "killed while others recover": Plan(reckless=True, deaths=8, death_spacing=1.0),
    "without replicas": Plan(spared=("server",), breaks=0.0, doubles=0.05),
    "servers join": Plan(joins=2, deaths=3, cuts=2, rounds=100),
    "servers join, killed while others recover": Plan(joins=2, reckless=True, deaths=8, death_spacing=1.0),
    "servers join without replicas": Plan(joins=2, spared=("server",), breaks=0.0, doubles=0.05),
}


def small(seed: int) -> tuple[str, dict]:
    """The kind and the size of a small job: everything follows from the seed."""
    kind = list(KINDS)[seed % len(KINDS)]
    size = seed // len(KINDS)
    replicas = 0 if "without replicas" in kind else 1
    return kind, {"workers": 1 + size % 5, "servers": 2 + size // 5 % 4, "replicas": replicas, "plan": KINDS[kind]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0:100", help="FIRST:LAST, the last one left out")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no more jobs after so many")
    parser.add_argument("--workers", type=int, help="one size for all jobs")
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--deaths", type=int, default=2)
    parser.add_argument("--cuts", type=int, default=0)
    parser.add_argument("--joins", type=int, default=0, help="servers that join while the job runs")
    given = parser.parse_args()
    first, last = (int(word) for word in given.seeds.split(":"))
    count: Counter[str] = Counter()
    bad = []
    start = time.monotonic()
    for seed in range(first, last):
        if time.monotonic() - start > given.seconds:
            break
        kind, how = small(seed)
        if given.workers:
            plan = Plan(rounds=given.rounds, deaths=given.deaths, cuts=given.cuts, limit=5000.0, joins=given.joins)
            kind, how = "large", {"workers": given.workers, "servers": given.servers, "plan": plan}
        try:
            job = check(seed, **how)
        except AssertionError as error:
            bad.append(seed)
            print(f"{kind}: {error}", flush=True)
            continue
        count.update({kind: 1, "killed": len(job.killed), "cut off": len(job.cut), "given up": len(job.given_up)})
        count.update({"broken": job.broken, "doubled": job.doubled, "events": job.events, "stopped": bool(job.stopped)})
        count.update({"joined": len(job.joined), "handed over": job.moves})
    print(f"{time.monotonic() - start:.0f} s: {dict(count)}; failed: {bad or 'none'}")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
