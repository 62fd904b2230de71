"""Merges the traces of a job's processes into one that Perfetto and chrome://tracing show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from mxtrain_deploy.job import LaunchError

Event = dict[str, Any]


def merge(folder: str, output: str) -> int:
    """Write all traces of a folder into one file; returns the exit code.

    Raises:
        LaunchError: there is no trace, or the output cannot be written.
    """
    paths = sorted(Path(folder).glob("*.trace"))
    if not paths:
        raise LaunchError(f"Expected: a folder in which a job with MXTRAIN_TRACE wrote traces. Received: {folder!r}.")
    events = merged([list(read_events(path)) for path in paths])
    try:
        with open(output, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events, "displayTimeUnit": "ms"}, file)
    except OSError as error:
        raise LaunchError(f"Cannot write {output!r}: {error.strerror}.") from error
    click.echo(f"{len(events)} events of {len(paths)} processes are in {output}; open it at https://ui.perfetto.dev")
    return 0


def read_events(path: Path) -> Iterator[Event]:
    """The events of one process, one a line; what a killed process has not written whole is left out."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                event = json.loads(line.strip().rstrip(","))
            except ValueError:
                continue  # the bracket at the start, or a line that was cut
            if isinstance(event, dict) and "ph" in event:
                yield event


def merged(processes: list[list[Event]]) -> list[Event]:
    """All events by the scheduler's clock, from the first one on; each process has a number of its own."""
    everything: list[Event] = []
    for number, events in enumerate(processes, 1):  # process ids of several hosts may be equal
        ahead = sum(event["args"]["seconds"] for event in events if event["name"] == "clock_offset") * 1e6
        for event in events:
            if event["name"] == "clock_offset":
                continue
            moved = {"ts": event["ts"] + ahead} if "ts" in event else {}
            everything.append({**event, "pid": number, **moved})
    first = min((event["ts"] for event in everything if "ts" in event), default=0.0)
    for event in everything:
        if "ts" in event:
            event["ts"] = round(event["ts"] - first, 3)
    return sorted(everything, key=lambda event: event.get("ts", -1.0))
