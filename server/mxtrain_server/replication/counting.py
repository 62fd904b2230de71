"""`count`: how far a server is and how much it holds, over all of its shards."""

from mxtrain_kvstore.counters import NodeCounters
from mxtrain_server.replication.server_node import ServerNode


def count(node: ServerNode, counters: NodeCounters) -> None:
    """Bring the counters up to date. Values that come in for copies of other servers' shards count, too."""
    replicas = list(node.replicas.values())
    states = [replica.state for replica in replicas]
    segments = [segment for state in states for segment in state.segments if segment is not None]
    own = [replica.state for replica in replicas if replica.role == "primary"]
    counters.rounds = max((int(s.completed.max()) for s in segments if s.completed.size), default=0)
    counters.bytes_in = sum(state.bytes_in for state in states)
    counters.bytes_out = sum(state.bytes_out for state in states)
    counters.passed_over = sum(store.late for state in own for store in state.stores.values())
    counters.keys = sum(len(store.heads) for state in own for store in state.stores.values())
    counters.parameter_bytes = sum(
        segment.starts[-1] * segment.dtype.itemsize
        for state in own
        for segment in state.segments
        if segment is not None
    )
