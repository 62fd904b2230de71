"""The far end of the ssh launcher: runs one task and ends it when the connection to the launcher ends.

`python -m mxtrain_deploy.remote` reads a first line of JSON on its standard input, {"argv": [...], "env": {...},
"directory": "..."}, then lines that each hold the number of a signal for the task. The end of the input ends the task.
"""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from types import FrameType

from mxtrain_deploy.environment import search_path
from mxtrain_deploy.parent_death import die_with_parent

GRACE = 2.0  # seconds between SIGTERM and SIGKILL after the connection has ended
_COMMAND_NOT_FOUND = 127


def start(order: dict) -> subprocess.Popen:
    """Start the task in a session of its own, so that its group is all that it started.

    Raises:
        OSError: the directory or the command does not exist.
    """
    return subprocess.Popen(
        order["argv"],
        env={**os.environ, "PATH": search_path(), **order["env"]},
        cwd=os.path.expanduser(order["directory"]) or None,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent(),  # noqa: PLW1509  this process has one thread
    )


def signal_group(task: subprocess.Popen, signum: int) -> None:
    """Send a signal to the task and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(task.pid, signum)


def has_ended(task: subprocess.Popen) -> bool:
    """Whether the task has ended; it is not reaped, so that the number of its group stays its own."""
    return os.waitid(os.P_PID, task.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def follow(task: subprocess.Popen, wakeup: socket.socket) -> None:
    """Pass signals on to the task until it ends; after the end of the input, end it."""
    end: float | None = None
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        selector.register(wakeup, selectors.EVENT_READ)
        while not has_ended(task):
            ready = selector.select(None if end is None else max(0.0, end - time.monotonic()))
            if any(key.fileobj == 0 for key, _ in ready):
                data = os.read(0, 4096)
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    signal_group(task, int(line))
                if not data:
                    selector.unregister(0)
                    signal_group(task, signal.SIGTERM)
                    end = time.monotonic() + GRACE
            if end is not None and time.monotonic() >= end:
                signal_group(task, signal.SIGKILL)
            with suppress(BlockingIOError):
                wakeup.recv(4096)


def read_line() -> bytes:
    """The first line of the input, byte by byte: what follows belongs to `follow`."""
    line = b""
    while not line.endswith(b"\n"):
        data = os.read(0, 1)
        if not data:
            return line
        line += data
    return line


def main() -> int:
    """Run the task that the input names; return its exit code, or 128 plus the signal that killed it."""
    first = read_line()
    if not first.endswith(b"\n"):
        return 1  # the launcher ended before it had said what to run
    receiver, sender = socket.socketpair()
    for end in (receiver, sender):
        end.setblocking(False)
    signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _wake)
    try:
        task = start(json.loads(first))
    except OSError as error:
        sys.stderr.write(f"cannot run {error.filename!r}: {error.strerror}\n")
        return _COMMAND_NOT_FOUND
    follow(task, receiver)
    signal_group(task, signal.SIGKILL)
    returncode = task.wait()
    return returncode if returncode >= 0 else 128 - returncode


def _wake(signum: int, frame: FrameType | None) -> None:
    """The end of the task only has to wake the loop."""


if __name__ == "__main__":
    sys.exit(main())
