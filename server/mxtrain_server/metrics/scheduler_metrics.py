"""`SchedulerMetrics`: the job as its scheduler knows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mxtrain_protos import scheduler_pb2 as pb

PHASES = ("forming", "gathering", "running", "ending", "ended", "aborted")
_STATES = {
    pb.NODE_STATE_ACTIVE: "active",
    pb.NODE_STATE_FINISHED: "finished",
    pb.NODE_STATE_DEAD: "dead",
    pb.NODE_STATE_LOST: "lost",
}
_ROLES = {pb.ROLE_SERVER: "server", pb.ROLE_WORKER: "worker"}
_OF_NODE = ("role", "rank")


class SchedulerMetrics:
    """A collector of prometheus_client. ask: gives the status of the job, from any thread."""

    def __init__(self, ask: Callable[[], pb.StatusReply]) -> None:
        self._ask = ask

    def collect(self) -> Iterator[Any]:
        """All metrics as they are now."""
        reply = self._ask()
        yield from _of_job(reply)
        nodes = [(_labels(node), node, report) for node, report in zip(reply.nodes, reply.reports, strict=True)]
        yield from _gauges_of_nodes(nodes)
        yield from _counters_of_nodes(nodes)


def _of_job(reply: pb.StatusReply) -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    without = sum(not shard.backup for shard in reply.shards)
    for name, text, value in (
        ("mxtrain_scheduler_uptime_seconds", "Time since the scheduler started.", reply.uptime),
        ("mxtrain_view_epoch", "Number of the cluster's view; each change makes a higher one.", reply.epoch),
        ("mxtrain_barrier_waiting_workers", "Workers that stand in a barrier.", len(reply.barrier_waiting)),
        ("mxtrain_shards", "Shards of the parameters.", len(reply.shards)),
        ("mxtrain_shards_without_copy", "Shards that only one server knows all of.", without),
    ):
        yield GaugeMetricFamily(name, text, value=value)
    text = "Messages that made no sense to the scheduler."
    yield CounterMetricFamily("mxtrain_scheduler_dropped_messages", text, value=reply.dropped_messages)
    phase = GaugeMetricFamily("mxtrain_job_phase", "1 for the phase that the job is in.", labels=("name", "phase"))
    for name in PHASES:
        phase.add_metric((reply.job, name), float(name == reply.phase))
    yield phase
    nodes = GaugeMetricFamily("mxtrain_nodes", "Nodes by role and state.", labels=("role", "state"))
    for role, role_name in _ROLES.items():
        for state, state_name in _STATES.items():
            count = sum(node.role == role and node.state == state for node in reply.nodes)
            nodes.add_metric((role_name, state_name), count)
    yield nodes


_Nodes = list[tuple[tuple[str, str], pb.Node, pb.Report]]


def _gauges_of_nodes(nodes: _Nodes) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily

    up = GaugeMetricFamily("mxtrain_node_up", "1 while the node takes part in the job.", labels=_OF_NODE)
    age = GaugeMetricFamily(
        "mxtrain_node_heartbeat_age_seconds", "Time since the node was last heard of.", labels=_OF_NODE
    )
    late = GaugeMetricFamily(
        "mxtrain_worker_straggler", "1 while other workers wait for this one.", labels=("rank", "host")
    )
    for labels, node, report in nodes:
        up.add_metric(labels, float(node.state == pb.NODE_STATE_ACTIVE))
        age.add_metric(labels, report.silence)
        if node.role == pb.ROLE_WORKER:
            late.add_metric((labels[1], node.host), float(report.straggler))
    yield from (up, age, late)


def _counters_of_nodes(nodes: _Nodes) -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily

    for name, text, field in (
        ("mxtrain_node_rounds", "Rounds of the node's furthest key.", "rounds"),
        ("mxtrain_node_received_bytes", "Bytes of values: a worker's pulls, pushes to a server.", "bytes_in"),
        ("mxtrain_node_sent_bytes", "Bytes of values: a worker's pushes, pulls from a server.", "bytes_out"),
    ):
        family = CounterMetricFamily(name, text, labels=_OF_NODE)
        for labels, _, report in nodes:
            family.add_metric(labels, getattr(report.counters, field))
        yield family
    replaced = CounterMetricFamily(
        "mxtrain_node_replacements", "Processes that took the place of a dead one.", labels=_OF_NODE
    )
    for labels, _, report in nodes:
        replaced.add_metric(labels, report.replaced)
    yield replaced
    for name, text, field in (
        ("mxtrain_worker_samples", "Samples that the worker has trained on.", "samples"),
        ("mxtrain_worker_waiting_seconds", "Time that the worker has waited for servers and barriers.", "waited"),
        (
            "mxtrain_worker_passed_over_rounds",
            "Rounds that were complete before the worker pushed them.",
            "passed_over",
        ),
    ):
        family = CounterMetricFamily(name, text, labels=("rank",))
        for labels, node, report in nodes:
            if node.role == pb.ROLE_WORKER:
                family.add_metric(labels[1:], getattr(report.counters, field))
        yield family


def _labels(node: pb.Node) -> tuple[str, str]:
    return _ROLES.get(node.role, "unknown"), str(node.rank)
