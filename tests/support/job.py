"""Whole jobs of real processes: a scheduler, servers and workers that run a given script."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

SERVE = "import sys; from mxtrain_server.main import serve_role; sys.exit(serve_role())"
PROLOGUE = """
import mxtrain as mx
import numpy as np
nd = mx.nd

def pulled(kv, key, shape, dtype="float32"):
    out = nd.zeros(shape, dtype=dtype)
    kv.pull(key, out=out)
    return out.asnumpy()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Node:
    """One process of a job, and what it has written so far."""

    role: str
    rank: int
    process: subprocess.Popen
    lines: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None

    @property
    def name(self) -> str:
        return f"{self.role} {self.rank}"

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def says(self, words: str, timeout: float = 60.0) -> None:
        """Return when the process has written `words`."""
        end = time.monotonic() + timeout
        while words not in self.text:
            assert self.process.poll() is None, f"{self.name} ended without saying {words!r}:\n{self.text}"
            assert time.monotonic() < end, f"{self.name} did not say {words!r} within {timeout} s:\n{self.text}"
            time.sleep(0.01)


class Job:
    """Starts the processes; as a `with` block it leaves none behind."""

    def __init__(self, folder: Path, script: str, workers: int = 2, servers: int = 2, **env: str) -> None:
        self.port = free_port()
        self.script = folder / "worker.py"
        self.script.write_text(PROLOGUE + script)
        self.env = {
            name: value for name, value in os.environ.items() if not name.startswith(("DMLC_", "PS_", "MXTRAIN_"))
        }
        self.env.update(
            DMLC_PS_ROOT_URI="127.0.0.1",
            DMLC_PS_ROOT_PORT=str(self.port),
            DMLC_NUM_WORKER=str(workers),
            DMLC_NUM_SERVER=str(servers),
            OMP_NUM_THREADS="1",
            OPENBLAS_NUM_THREADS="1",
            PYTHONUNBUFFERED="1",
            **env,
        )
        self.counts = {"scheduler": 1, "server": servers, "worker": workers}
        self.nodes: list[Node] = []

    def __enter__(self) -> "Job":
        for role, count in self.counts.items():
            for rank in range(count):
                self.start(role, rank)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for node in self.nodes:
            if node.process.poll() is None:
                node.process.kill()
            node.process.wait()
            node.reader.join(5)
            node.process.stdout.close()

    def end(self, node: Node, timeout: float = 60.0) -> str:
        """Wait until a process that is refused has ended with an error, and take it out; returns what it said."""
        assert node.process.wait(timeout) == 1, node.text
        node.reader.join(5)
        node.process.stdout.close()
        self.nodes.remove(node)
        return node.text

    def start(self, role: str, rank: int, **env: str) -> Node:
        """Start one process."""
        words = [str(self.script)] if role == "worker" else ["-c", SERVE]
        process = subprocess.Popen(
            [sys.executable, *words],
            env={**self.env, "DMLC_ROLE": role, f"DMLC_{role.upper()}_ID": str(rank), **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        node = Node(role, rank, process)
        node.reader = threading.Thread(target=node.lines.extend, args=(process.stdout,), daemon=True)
        node.reader.start()
        self.nodes.append(node)
        return node

    def replace(self, name: str, **env: str) -> Node:
        """Start a process in place of one that has ended, as a launcher would."""
        dead = self[name]
        dead.process.wait(10)
        return self.start(dead.role, dead.rank, **env)

    def __getitem__(self, name: str) -> Node:
        """The newest process of that name."""
        return next(node for node in reversed(self.nodes) if node.name == name)

    def of(self, role: str) -> list[Node]:
        return [node for node in self.nodes if node.role == role]

    def wait(self, timeout: float = 60.0) -> dict[str, int]:
        """The exit codes of all processes, by name, when they have ended by themselves."""
        end = time.monotonic() + timeout
        for node in self.nodes:
            try:
                node.process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise AssertionError(f"{node.name} has not ended within {timeout} s.\n{self.report()}") from None
        for node in self.nodes:
            node.reader.join(5)
        return {node.name: node.process.returncode for node in self.nodes}

    def succeed(self, timeout: float = 60.0) -> None:
        """Wait for the end of a job in which nothing goes wrong."""
        codes = self.wait(timeout)
        assert set(codes.values()) == {0}, f"{codes}\n{self.report()}"

    def report(self) -> str:
        return "\n".join(f"--- {node.name} ({node.process.poll()})\n{node.text}" for node in self.nodes)

    def send(self, name: str, number: int) -> int:
        """Send a signal to a process; returns its process id."""
        node = self[name]
        os.kill(node.process.pid, number)
        return node.process.pid

    def kill(self, name: str) -> int:
        """End a process at once, as a crash would."""
        return self.send(name, signal.SIGKILL)
