"""What every measuring script shares: timing in blocks, and results as lines of JSON on standard output."""

import json
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

BLOCK_SECONDS = 0.25


def report(case: str, value: float, unit: str, higher_is_better: bool = True) -> None:
    """Print one result for the runner."""
    print(json.dumps({"case": case, "value": value, "unit": unit, "higher_is_better": higher_is_better}), flush=True)


def report_peak_memory(case: str) -> None:
    """Report the most memory that this process has had so far."""
    mebibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report(f"{case}: peak memory", mebibytes, "MiB", higher_is_better=False)


def processor_seconds(pid: int) -> float:
    """What the threads of a process have used, user and system; Linux counts in nanoseconds."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def calls_per_second(call: Callable[[], object], finish: Callable[[], object], seconds: float) -> float:
    """The median rate over blocks of calls. finish: waits until everything that was asked for has been computed."""
    for _ in range(5):
        call()
    finish()
    count = _calls_per_block(call, finish)
    rates = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(rates) < 3:
        rates.append(count / _block_seconds(call, finish, count))
    return statistics.median(rates)


def _calls_per_block(call: Callable[[], object], finish: Callable[[], object]) -> int:
    count = 1
    while (taken := _block_seconds(call, finish, count)) < BLOCK_SECONDS / 4:
        count *= 4
    return max(1, round(count * BLOCK_SECONDS / taken))


def _block_seconds(call: Callable[[], object], finish: Callable[[], object], count: int) -> float:
    begin = time.perf_counter()
    for _ in range(count):
        call()
    finish()
    return time.perf_counter() - begin
