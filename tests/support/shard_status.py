"""Where the shards of a running job lie, as its scheduler says."""

import time
from collections import Counter

from mxtrain.base import MXNetError
from mxtrain_kvstore.transport.status_client import ask_status
from mxtrain_protos import scheduler_pb2 as pb


def is_balanced(reply: pb.StatusReply, servers: int) -> bool:
    """Whether so many servers lead and back up equally many shards, and none is on its way."""
    shards = reply.shards
    if not shards or any(shard.learner or shard.successor for shard in shards):
        return False
    leads, backs = Counter(s.primary for s in shards), Counter(s.backup for s in shards if s.backup)
    fewest, most = len(shards) // servers, -(-len(shards) // servers)
    counts = [*leads.values(), *backs.values()]
    return len(leads) == servers and all(fewest <= count <= most for count in counts)


def wait_until_balanced(port: int, servers: int, timeout: float = 60.0) -> float:
    """Wait until servers share the work evenly; returns the seconds that took."""
    start, reply = time.monotonic(), None
    while time.monotonic() - start < timeout:
        try:
            reply = ask_status(f"127.0.0.1:{port}", None, 5.0)
            if is_balanced(reply, servers):
                return time.monotonic() - start
        except MXNetError:
            pass  # there is no scheduler at the moment
        time.sleep(0.02)
    raise AssertionError(f"work is not divided evenly after {timeout} s:\n{reply}")
