"""`serve_role`: be the scheduler or a parameter server of a job until it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from mxtrain.base import ArgumentError, MXNetError
from mxtrain_kvstore import tracing
from mxtrain_kvstore.network import moved_to
from mxtrain_kvstore.settings import ClusterSettings, read_settings
from mxtrain_server.freed_memory import keep_freed_memory
from mxtrain_server.metrics.exporter import start_exporter
from mxtrain_server.metrics.server_metrics import ServerMetrics
from mxtrain_server.parameters.server_state import ServerState
from mxtrain_server.replication.server_node import ServerNode
from mxtrain_server.replication.server_view import endpoints_of, server_view
from mxtrain_server.scheduler.actions import SchedulerRules
from mxtrain_server.scheduler.scheduler_state import SchedulerState
from mxtrain_server.stop_signals import LONGER, NUMBERS, StopSignals
from mxtrain_server.traced import SCHEDULER, ServerProfiler

if TYPE_CHECKING:
    from mxtrain_kvstore.transport.scheduler_client import SchedulerClient
    from mxtrain_server.transport.parameter_service import ParameterService

_log = logging.getLogger("mxtrain")

Controller = Callable[[int, str], None]
#: Seconds between looks at whether the job has ended.
_POLL = 0.2
#: Exit code of a server that hung until it was given up: another may be started (sysexits.h: a temporary failure).
GIVEN_UP = 75


def serve_role(role: str | None = None, controller: Controller | None = None) -> int:
    """Be a node of the job that the environment describes until the job ends; returns the exit code.

    role: "scheduler" or "server"; DMLC_ROLE by default. controller: called with (head, body) for every command that a
    worker sends to servers. 0: the job ended in order; 1: it failed, for a reason in the log; 75: it
    goes on without this node; 130: interrupted.
    """
    settings = read_settings({**os.environ, **({"MXTRAIN_ROLE": role} if role else {})})
    _set_up_log(settings)
    try:
        settings.require_place()
        if settings.role == "scheduler":
            return run_scheduler(settings)
        if settings.role == "server":
            return run_server(settings, controller)
        raise ArgumentError(f"Expected: role scheduler or server. Received: {settings.role}.")
    except MXNetError as error:
        _log.error("%s: %s", settings.role, error)
        return 1
    except KeyboardInterrupt:
        _log.warning("%s: interrupted", settings.role)
        return 130


def run_scheduler(settings: ClusterSettings) -> int:
    """Be the scheduler; returns the exit code."""
    from mxtrain_server.transport.scheduler_service import serve_scheduler

    rules = SchedulerRules(
        job=settings.job,
        num_workers=settings.num_workers or 0,
        num_servers=settings.num_servers or 0,
        heartbeat_interval=settings.heartbeat_interval,
        heartbeat_timeout=settings.heartbeat_timeout,
        join_timeout=settings.join_timeout,
        barrier_timeout=settings.barrier_timeout,
        end_timeout=settings.end_timeout,
        stop_timeout=settings.stop_timeout,
        replicas=settings.replicas,
        replace_timeout=settings.replace_timeout,
        scheduler_timeout=settings.scheduler_timeout,
        min_workers=settings.min_workers,
        max_workers=settings.max_workers,
        max_servers=settings.max_servers,
        host=socket.gethostname(),
        pid=os.getpid(),
    )

    if settings.trace:
        tracing.begin(settings.trace, "scheduler", 0, SCHEDULER)

    async def run() -> int:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        state = SchedulerState(rules, time.monotonic())
        signals = StopSignals(settings.stop_timeout + LONGER, lambda: state.phase in ("running", "ending"))

        def take(told: Callable[[], None]) -> None:
            signals.take()
            told()
            loop.call_later(signals.seconds_left or 0.0, stop.set)

        def listen(told: Callable[[], None]) -> None:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # only the main thread has signals
                for number in NUMBERS:
                    loop.add_signal_handler(number, take, told)

        return await serve_scheduler(state, settings, stop, listen)

    return asyncio.run(run())


def run_server(settings: ClusterSettings, controller: Controller | None = None) -> int:
    """Be a parameter server; returns the exit code."""
    from mxtrain_kvstore.transport.scheduler_client import SchedulerClient
    from mxtrain_server.transport.parameter_service import ParameterService
    from mxtrain_server.transport.segment_memory import segment_memory

    keep_freed_memory()
    name = secrets.token_hex(8)
    service = ParameterService(settings, name)
    client = SchedulerClient(settings, name, service.endpoint)
    client.on_change = service.wake
    service.synced, service.handed_over = client.synced, client.handed_over
    service.counters = client.counters
    profiler = ServerProfiler(controller)
    signals, exporter = StopSignals(settings.stop_timeout + LONGER, partial(_is_worth_while, client)), None
    with signals.listening():
        try:
            rank = client.register()
            profiler.begin(settings, rank, client.clock_offset)
            exporter = start_exporter(ServerMetrics(client.counters, rank), settings, f"server {rank}", rank + 1)
            _log.info("server %d (pid %d) listens on %s", rank, os.getpid(), service.endpoint)
            memory = segment_memory(settings)
            keeps = settings.replace_timeout > 0
            node = ServerNode(
                name, settings.job, lambda shard: ServerState(shard, settings.job, memory, profiler, keeps)
            )
            client.wait_for_view()
            service.serve(node, partial(_look_around, client, service, node, signals), _POLL)
            return _end_server(client, rank, interrupted=signals.is_due())
        finally:
            if exporter is not None:
                exporter.close()
            client.close()
            service.close()


def _look_around(client: SchedulerClient, service: ParameterService, node: ServerNode, signals: StopSignals) -> bool:
    """Follow the newest view; whether the server's time is over."""
    view = client.view
    if view is not None and view.epoch > node.view.epoch:
        service.set_servers(endpoints_of(view))
        service.carry_out(node.set_view(server_view(view)))
    address = moved_to(service.endpoint, client.settings)
    if address is not None:
        client.give_up(f"The address of this server has changed to {address}: a new process has to take its place.")
    return client.job_has_ended or client.failure is not None or signals.is_due()


def _is_worth_while(client: SchedulerClient) -> bool:
    """This server is told to end: let a job stop in order that cannot do without it; whether to serve on."""
    view = client.view
    if view is not None and not view.replicas:
        client.stopping.ask("it got a signal")
    return view is not None


def _end_server(client: SchedulerClient, rank: int, interrupted: bool) -> int:
    """Say goodbye, or why the job has failed."""
    if client.job_has_ended:
        client.finish()
        return 0
    if interrupted:
        if client.view is None or not client.view.replicas:
            client.fail("interrupted")  # else others know its parameters, and go on
        _log.warning("server %d: interrupted", rank)
        return 130
    _log.error("server %d: %s", rank, client.failure)
    return GIVEN_UP if client.given_up else 1


def _set_up_log(settings: ClusterSettings) -> None:
    """Log to stderr, unless the program has set up logging itself."""
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(settings.verbose, 2)]
    if not logging.getLogger().handlers:
        logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    _log.setLevel(level)
