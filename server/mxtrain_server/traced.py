"""What the traces of scheduler and servers show, and the profiler's commands to servers."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

from mxtrain.base import MXNetError
from mxtrain_kvstore import tracing
from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.tracing import PROFILER, Traced
from mxtrain_server.parameters.server_state import ServerState
from mxtrain_server.parameters.store import Store
from mxtrain_server.replication.replica import Replica
from mxtrain_server.scheduler.job import Job
from mxtrain_server.scheduler.scheduler_state import SchedulerState

Controller = Callable[[int, str], None]


def _kind(state: ServerState, rank: int, message: Any, payload: Any) -> str:
    return f"{type(message).__name__.lower()} of worker {rank}"


SERVER = (
    Traced(ServerState, "receive", _kind),
    Traced(Store, "_apply", "update"),
    Traced(Replica, "_dump", "snapshot"),
)
SCHEDULER = (
    Traced(SchedulerState, "register", "register"),
    Traced(SchedulerState, "enter_barrier", "barrier"),
    Traced(SchedulerState, "finish", "finish"),
    Traced(SchedulerState, "disconnected", "disconnected"),
    Traced(Job, "announce_view", "view"),
)


class ServerProfiler:
    """Carries out the profiler's commands on a server; all others go to `controller`.

    The body of a command is JSON: {"command": "config", "folder": ...},
    {"command": "state", "state": "run" or "stop"}, {"command": "pause"}, {"command": "resume"}, {"command": "dump"}.
    """

    def __init__(self, controller: Controller | None) -> None:
        self.rank = 0
        self.clock_offset = 0.0
        self._controller = controller
        self._folder = "."

    def begin(self, settings: ClusterSettings, rank: int, clock_offset: float) -> None:
        """The server has its rank; trace from now on where MXTRAIN_TRACE says so. clock_offset: see Tracer."""
        self.rank, self.clock_offset = rank, clock_offset
        if settings.trace:
            tracing.begin(settings.trace, "server", rank, SERVER, clock_offset)

    def __call__(self, head: int, body: str) -> None:
        """A command of a worker. Raises MXNetError for one that nobody understands."""
        if head == PROFILER:
            self._profile(_parsed(body))
        elif self._controller is None:
            raise MXNetError(
                f"Command {head}: this server has no controller. Pass one to mxtrain_server.main.serve_role."
            )
        else:
            self._controller(head, body)

    def _profile(self, wish: dict[str, Any]) -> None:
        command = wish.get("command")
        tracer = tracing.current()
        if command == "config":
            self._folder = str(wish.get("folder") or ".")
        elif command == "state" and wish.get("state") == "run":
            tracing.begin(self._folder, "server", self.rank, SERVER, self.clock_offset)
        elif (command == "state" and wish.get("state") == "stop") or command == "pause":
            if tracer is not None:
                tracer.active = False
                tracer.flush()
        elif command == "resume":
            if tracer is not None:
                tracer.active = True
        elif command == "dump":
            if tracer is not None:
                tracer.flush()
        else:
            raise MXNetError(
                f"Server {self.rank} on {socket.gethostname()}: expected a command of the profiler: config, state "
                f"(run or stop), pause, resume or dump. Received: {wish!r:.200}."
            )


def _parsed(body: str) -> dict[str, Any]:
    try:
        wish = json.loads(body)
    except ValueError as error:
        raise MXNetError(f"Expected: a command of the profiler as JSON. Received: {body!r:.200}.") from error
    if not isinstance(wish, dict):
        raise MXNetError(f"Expected: a command of the profiler as a JSON object. Received: {body!r:.200}.")
    return wish
