"""The status of a job as a table for people, and as plain values for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict

from mxtrain_protos import scheduler_pb2 as pb

_COLUMNS = (
    *("node", "state", "shards", "host", "pid", "heard"),
    *("rounds", "rounds/s", "bytes/s", "samples/s", "waits", "restarts"),
)
_UNITS = ("B", "KB", "MB", "GB", "TB")


def as_table(reply: pb.StatusReply) -> str:
    """What people read: the job, a line for each node, what is wrong."""
    reports = {report.node: report for report in reply.reports}
    rows = [_row(node, reports.get(node.node, pb.Report()), reply.shards) for node in reply.nodes]
    parts = [_heading(reply), _aligned([_COLUMNS, *rows])] if rows else [_heading(reply), "no node has come yet"]
    parts += _moves(reply)
    parts += [f"in the barrier: {', '.join(reply.barrier_waiting)}"] if reply.barrier_waiting else []
    late = [name_of(node) for node in reply.nodes if reports.get(node.node, pb.Report()).straggler]
    parts += [f"others wait for: {', '.join(late)}"] if late else []
    parts += [f"stopped: {reply.reason}"] if reply.reason else []
    if reply.problems:
        parts += ["last problems:", *(f"  {problem.age:.0f} s ago: {problem.text}" for problem in reply.problems)]
    return "\n".join(parts)


def name_of(node: pb.Node) -> str:
    """Role and rank of a node: `worker 1`."""
    return f"{_short(pb.Role.Name(node.role))} {node.rank}"


def as_values(reply: pb.StatusReply) -> dict[str, Any]:
    """All of a status as plain values: names as in scheduler.proto, each node with its report."""
    reports = {report.node: _plain(report) for report in reply.reports}
    values = _plain(reply)
    values.pop("reports", None)
    for node, message in zip(values["nodes"], reply.nodes, strict=True):
        node["role"] = _short(pb.Role.Name(message.role))
        node["state"] = _short(pb.NodeState.Name(message.state))
        node["report"] = reports.get(node["node"], {})
    return values


def _plain(message: Any) -> dict[str, Any]:
    """A message as a dict; 64-bit numbers, which JSON of protobuf writes as text, as numbers."""
    plain = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return _with_numbers(plain, message)


def _with_numbers(plain: dict[str, Any], message: Any) -> dict[str, Any]:
    for field in message.DESCRIPTOR.fields:
        value = plain.get(field.name)
        if isinstance(value, str) and field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64):
            plain[field.name] = int(value)
        elif isinstance(value, dict):
            _with_numbers(value, getattr(message, field.name))
        elif isinstance(value, list) and field.message_type is not None:
            for one, part in zip(value, getattr(message, field.name), strict=True):
                _with_numbers(one, part)
    return plain


def _heading(reply: pb.StatusReply) -> str:
    return (
        f"job {reply.job}: {reply.phase} for {reply.uptime:.0f} s, view {reply.epoch}, {len(reply.shards)} shard(s), "
        f"{reply.replaced} restart(s), {reply.dropped_messages} message(s) dropped"
    )


def _moves(reply: pb.StatusReply) -> list[str]:
    """A line for each shard that is on its way to another server."""
    names = {node.node: name_of(node) for node in reply.nodes}
    lines = []
    for shard in reply.shards:
        if shard.successor:
            successor = names.get(shard.successor, shard.successor)
            lines.append(f"shard {shard.number}: {names.get(shard.primary, shard.primary)} hands over to {successor}")
        elif shard.learner:
            lines.append(f"shard {shard.number}: {names.get(shard.learner, shard.learner)} learns it")
    return lines


def _shards_of(node: pb.Node, shards: Iterable[pb.Shard]) -> str:
    """How many shards a server leads, and of how many it is the backup: `2 + 1`."""
    if node.role != pb.ROLE_SERVER:
        return "-"
    holders = [(shard.primary == node.node, shard.backup == node.node) for shard in shards]
    leads, backs = (sum(column) for column in zip(*holders, strict=True)) if holders else (0, 0)
    return f"{leads} + {backs}"


def _row(node: pb.Node, report: pb.Report, shards: Iterable[pb.Shard]) -> tuple[str, ...]:
    counters = report.counters
    is_worker = node.role == pb.ROLE_WORKER
    return (
        name_of(node),
        _short(pb.NodeState.Name(node.state)) + (" (late)" if report.straggler else ""),
        _shards_of(node, shards),
        node.host,
        str(node.pid),
        f"{report.silence:.1f} s",
        str(counters.rounds),
        f"{report.rounds_per_second:.1f}",
        bytes_text(report.bytes_per_second),
        f"{report.samples_per_second:.0f}" if counters.samples else "-",
        f"{report.waiting:.0%}" if is_worker else "-",
        str(report.replaced),
    )


def bytes_text(count: float) -> str:
    """A number of bytes with a unit: 1.5 MB."""
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:
        count /= 1000
        unit += 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 else f"{count:.1f} {_UNITS[unit]}"


def _short(name: str) -> str:
    """`ROLE_WORKER` and `NODE_STATE_ACTIVE` as people say it."""
    return name.removeprefix("ROLE_").removeprefix("NODE_STATE_").lower()


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
