"""What a server reads in the scheduler's view."""

from __future__ import annotations

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.replication.server_node import ServerView, ShardPlace


def server_view(view: pb.View) -> ServerView:
    """A view as servers go by it. A dead worker that may be replaced still counts; one that is lost does not."""
    workers = [node for node in view.nodes if node.role == pb.ROLE_WORKER]
    return ServerView(
        epoch=view.epoch,
        shards={s.number: ShardPlace(s.primary, s.backup, s.learner, s.successor) for s in view.shards},
        workers={node.rank: node.node for node in workers if node.state != pb.NODE_STATE_LOST},
        servers=frozenset(node.node for node in view.nodes if node.role == pb.ROLE_SERVER),
        lost=frozenset(node.rank for node in workers if node.state == pb.NODE_STATE_LOST),
    )


def endpoints_of(view: pb.View) -> dict[str, str]:
    """Where the servers that are there are reached, by name."""
    active = (node for node in view.nodes if node.role == pb.ROLE_SERVER and node.state == pb.NODE_STATE_ACTIVE)
    return {node.node: node.endpoint for node in active}
