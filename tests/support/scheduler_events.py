"""Events for the scheduler's state machine, and what it answers, in short."""

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.actions import PROTOCOL, Send


def register(role: str, node: str, preferred: int = -1, **changes: object) -> pb.Register:
    fields = {
        "protocol": PROTOCOL,
        "job": "job",
        "role": pb.Role.Value(f"ROLE_{role.upper()}"),
        "node": node,
        "preferred_rank": preferred,
        "host": "h",
        "pid": 7,
        "endpoint": "tcp://127.0.0.1:1" if role == "server" else "",
    }
    return pb.Register(**{**fields, **changes})


def sent(actions: list) -> list[tuple[str, str]]:
    return [(action.node, action.message.WhichOneof("body")) for action in actions if isinstance(action, Send)]


def texts(actions: list, field: str) -> list[str]:
    messages = [a.message for a in actions if isinstance(a, Send)]
    return [getattr(m, field).reason for m in messages if m.WhichOneof("body") == field]
