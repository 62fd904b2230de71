"""A process that outlives the launcher by a moment: it ends the job's process groups when the launcher is gone.

The launcher holds the other end of its standard input and names the groups there, one line each: `+PGID` when a
group starts, `-PGID` when it has ended. The end of the input means that the launcher is gone, however it died.
It is run as a plain file by `python -I -S`, so that it starts fast; it imports only the standard library.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE = 2.0  # seconds between SIGTERM and SIGKILL


def read_groups(lines: Iterable[str]) -> set[int]:
    """Follow the launcher's lines until their end; return the process groups that then still run."""
    groups: set[int] = set()
    for line in lines:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    return groups


def signal_groups(groups: set[int], signum: int) -> set[int]:
    """Send a signal to each process group; return those that still exist."""
    alive = set()
    for group in groups:
        try:
            os.killpg(group, signum)
        except (ProcessLookupError, PermissionError):
            continue
        alive.add(group)
    return alive


def end_groups(groups: set[int]) -> None:
    """End the process groups: SIGTERM first, SIGKILL for what is left after `GRACE` seconds."""
    groups = signal_groups(groups, signal.SIGTERM)
    end = time.monotonic() + GRACE
    while groups and time.monotonic() < end:
        time.sleep(0.05)
        groups = signal_groups(groups, 0)
    signal_groups(groups, signal.SIGKILL)


def main() -> None:
    """Wait for the launcher's end."""
    # A Ctrl-C or a kill of the launcher's group is the launcher's business; this process ends after it.
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    end_groups(read_groups(sys.stdin))


if __name__ == "__main__":
    main()
