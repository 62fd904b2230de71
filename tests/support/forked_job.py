"""Jobs of real processes that start in milliseconds: nodes are forked from a process that has loaded everything.

The process that forks must have one thread only, and must not have used gRPC or ZeroMQ. What a node writes goes to a
file; each line begins with the time (seconds since 1970).
"""

import atexit
import ctypes
import json
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from job import free_port

from mxtrain_server.main import GIVEN_UP, serve_role

#: Modules that nodes use; loaded before the first fork.
LOADED = (
    "mxtrain.optimizer",
    "mxtrain_kvstore.distributed.kvstore",
    "mxtrain_server.transport.parameter_service",
    "mxtrain_server.transport.scheduler_service",
    "mxtrain_server.parameters.slab_updates",
)
#: Of Linux's prctl: the signal that a process gets when its parent dies.
_PR_SET_PDEATHSIG = 1


@dataclass
class ForkedNode:
    """One process. code: how it has ended (minus the signal's number), None: it runs."""

    name: str
    life: int
    pid: int
    log: Path
    code: int | None = None

    @property
    def role(self) -> str:
        return self.name.split()[0]

    @property
    def lines(self) -> list[tuple[float, str]]:
        """(time, text) of all lines that begin with a time."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            moment, _, text = line.partition(" ")
            try:
                found.append((float(moment), text))
            except ValueError:
                continue
        return found


class ForkedJob:
    """A job in `folder`. train: called in every worker with its rank; env: settings. As a block it leaves nobody."""

    def __init__(
        self,
        folder: Path,
        train: Callable[[int], None],
        workers: int = 2,
        servers: int = 2,
        prepare: Callable[[str], None] = lambda name: None,
        **env: str,
    ) -> None:
        for module in LOADED:
            __import__(module)
        self.folder = folder
        self._train = train
        self._prepare = prepare
        self.env = {
            "DMLC_PS_ROOT_URI": "127.0.0.1",
            "DMLC_PS_ROOT_PORT": str(free_port()),
            "DMLC_NUM_WORKER": str(workers),
            "DMLC_NUM_SERVER": str(servers),
            "PS_VERBOSE": "1",
            **env,
        }
        self.names = ["scheduler 0", *[f"server {i}" for i in range(servers)], *[f"worker {i}" for i in range(workers)]]
        self.nodes: list[ForkedNode] = []

    def __enter__(self) -> "ForkedJob":
        for name in self.names:
            self.start(name)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for node in self.nodes:
            if node.code is None:
                os.kill(node.pid, signal.SIGKILL)
                os.waitpid(node.pid, 0)

    def start(self, name: str) -> ForkedNode:
        """Fork one process."""
        life = sum(node.name == name for node in self.nodes) + 1
        log = self.folder / f"{name.replace(' ', '')}-{life}.log"
        log.touch()
        pid = os.fork()
        if pid == 0:
            self._be(name, log)
        node = ForkedNode(name, life, pid, log)
        self.nodes.append(node)
        written = self.folder / "pids.new"
        written.write_text(json.dumps({node.name: node.pid for node in self.nodes}))
        written.replace(self.folder / "pids")
        return node

    def _be(self, name: str, log: Path) -> None:
        """The life of a child; does not return."""
        code = 1
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        try:
            descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
            for number in (1, 2):
                os.dup2(descriptor, number)
            logging.basicConfig(stream=sys.stderr, format="%(created).3f %(message)s", force=True)
            role, rank = name.split()
            os.environ.update(self.env, DMLC_ROLE=role, **{f"DMLC_{role.upper()}_ID": rank})
            self._prepare(name)
            code = self._work(role, int(rank))
        except BaseException:
            sys.excepthook(*sys.exc_info())
            traceback.print_exc()
        finally:
            atexit._run_exitfuncs()
            sys.stdout.flush()
            os._exit(code)

    def _work(self, role: str, rank: int) -> int:
        if role != "worker":
            return serve_role()
        logging.getLogger("mxtrain").setLevel(logging.INFO)
        self._train(rank)
        return 0

    # ---------------------------------------------------------------- watching

    def newest(self, name: str) -> ForkedNode:
        return next(node for node in reversed(self.nodes) if node.name == name)

    def poll(self) -> list[ForkedNode]:
        """The processes that have ended since the last call."""
        ended = []
        for node in self.nodes:
            if node.code is not None:
                continue
            pid, status = os.waitpid(node.pid, os.WNOHANG)
            if pid:
                node.code = os.waitstatus_to_exitcode(status)
                ended.append(node)
        return ended

    def run(
        self, limit: float, replace: Callable[[ForkedNode], bool], every: Callable[[], None] = lambda: None
    ) -> bool:
        """Wait for the end of all processes. replace: whether a killed one is started again. False: it hangs."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            for node in self.poll():
                failed = any(other.code not in (None, 0, GIVEN_UP, -signal.SIGKILL) for other in self.nodes)
                if node.code in (-signal.SIGKILL, GIVEN_UP) and not failed and replace(node):
                    self.start(node.name)
            if all(node.code is not None for node in self.nodes):
                return True
            every()
            time.sleep(0.02)
        return False
