"""`HostProbe`: asks the probe of one host, with a deadline for every answer."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

#: Seconds for the first answer: an interpreter starts, perhaps on another machine.
START_TIMEOUT = 30.0
TIMEOUT = 10.0
_MAX_COMPLAINT = 300


class ProbeError(Exception):
    """The probe of a host did not answer; the text says why."""


class HostProbe:
    """One host. name: for people; address: where others reach it. command: runs the probe there."""

    def __init__(self, name: str, address: str, command: Sequence[str]) -> None:
        self.name = name
        self.address = address
        self.facts: dict[str, Any] = {}
        self.problem = ""
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._complaints: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,  # so that all that it starts ends with it
            )
        except OSError as error:
            self.problem = f"cannot run {command[0]!r}: {error.strerror}"
            return
        for target in (self._read_answers, self._read_complaints):
            self._readers.append(threading.Thread(target=target, args=(self._process,), daemon=True))
            self._readers[-1].start()

    def _read_answers(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            self._answers.put(line)
        self._answers.put("")

    def _read_complaints(self, process: subprocess.Popen[str]) -> None:
        for line in process.stderr or ():
            self._complaints = [*self._complaints[-5:], line.strip()]

    def start(self, nonce: str, timeout: float = START_TIMEOUT) -> None:
        """Learn the facts of the host; `problem` says why not, where they cannot be had."""
        if self.problem:
            return
        try:
            self.facts = self.ask("facts", timeout, nonce=nonce)
        except ProbeError as error:
            self.problem = str(error)

    def ask(self, request: str, timeout: float = TIMEOUT, **fields: Any) -> dict[str, Any]:
        """The answer to a request. Raises ProbeError where there is none within `timeout` seconds."""
        process = self._process
        if process is None or process.stdin is None:
            raise ProbeError(self.problem)
        try:
            process.stdin.write(json.dumps({"request": request, **fields}) + "\n")
            process.stdin.flush()
            line = self._answers.get(timeout=timeout)
        except queue.Empty:
            raise ProbeError(f"no answer to {request!r} within {timeout:g} s") from None
        except OSError:
            line = ""
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError as error:
            self._readers[1].join(timeout=1)
            said = " ".join(self._complaints)[-_MAX_COMPLAINT:] or line.strip()[:_MAX_COMPLAINT]
            raise ProbeError(f"the probe ended: {said or 'it said nothing'}") from error
        return answer

    def close(self) -> None:
        """End the probe, which ends by itself when nobody asks any more, but not always soon."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            try:
                process.stdin.close()
            except BrokenPipeError:
                process.stdin = None  # it has ended already
        try:
            process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for reader in self._readers:
            reader.join(timeout=1)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
