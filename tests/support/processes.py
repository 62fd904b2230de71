"""Real processes in tests: start one, find all that belong to a test, wait for something with a deadline."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

MARK = "MXTRAIN_TEST_MARK"
Result = TypeVar("Result")

_started: list[subprocess.Popen] = []


def wait_for(what: str, probe: Callable[[], Result], timeout: float = 30.0) -> Result:
    """Call `probe` until it gives something true; `what` is named when that takes more than `timeout` seconds."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        result = probe()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {timeout} s")


def marked(mark: str) -> list[int]:
    """The ids of running processes whose environment holds MARK=mark (zombies have none)."""
    entry = f"{MARK}={mark}".encode()
    return [pid for pid, environ in _environments() if entry in environ.split(b"\0")]


def _environments() -> Iterator[tuple[int, bytes]]:
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                yield int(directory.name), (directory / "environ").read_bytes()
            except OSError:
                continue


def start_python(*words: str, mark: str = "", **popen: object) -> subprocess.Popen:
    """Start this interpreter with text pipes; `mark` is found by `marked`, in all descendants too."""
    env = {**os.environ, MARK: mark, **popen.pop("env", {})}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, "text": True}
    process = subprocess.Popen([sys.executable, *words], env=env, **{**options, **popen})
    _started.append(process)
    return process


def end_started() -> None:
    """Kill what `start_python` has started and still runs, and close its pipes."""
    while _started:
        process = _started.pop()
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def run_python(*words: str, timeout: float = 60.0, **popen: object) -> subprocess.CompletedProcess:
    """Run this interpreter to its end; stdout and stderr are text."""
    process = start_python(*words, **popen)
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        raise AssertionError(f"{words}: still running after {timeout} s\n{stdout}\n{stderr}") from None
    return subprocess.CompletedProcess(words, process.returncode, stdout, stderr)
