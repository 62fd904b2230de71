"""A training of workers and servers in memory whose values show what was lost, or done twice, or in another order."""

import numpy as np
from in_memory_cluster import Cluster, settle

from mxtrain.optimizer import create
from mxtrain_kvstore.wire import messages as m

WORKERS = 2
SHAPES = {"a": (3,), "b": (2, 5), "cut": (1500,), "c": (1,), "d": (4, 4)}
OPTIMIZERS = {
    "sums": None,
    "slab": create("adam", learning_rate=0.1),
    "key": create("lamb", learning_rate=0.1),
}


def gradient(rank: int, number: int, key: str) -> np.ndarray:
    rng = np.random.default_rng([rank, number, *key.encode()])
    return (rng.standard_normal(SHAPES[key]) * 10.0 ** rng.integers(-4, 4)).astype(np.float32)


def start(cluster: Cluster, optimizer: str) -> list:
    """The directories of the workers, with all keys."""
    directories = cluster.directories()
    if OPTIMIZERS[optimizer] is not None:
        cluster.clients[0].ask_all(m.SetOptimizer, 0, OPTIMIZERS[optimizer].to_config())
    for directory in directories:
        directory.add(list(SHAPES), [np.ones(shape, np.float32) for shape in SHAPES.values()])
    return directories


def one_round(directories: list, number: int) -> list[dict[str, np.ndarray]]:
    """Push and pull all keys on all workers; nothing is delivered yet."""
    outs = []
    for directory in directories:
        arrays = {key: np.full(shape, np.nan, np.float32) for key, shape in SHAPES.items()}
        for key, out in arrays.items():
            directory.client.push(directory.parameters[key], [gradient(directory.client.rank, number, key)])
            directory.client.pull(directory.parameters[key], [out])
        directory.client.flush()
        outs.append(arrays)
    return outs


def references(rounds: int, num_servers: int) -> dict[str, list[list[bytes]]]:
    """What `settle` gives after each round in which nothing goes wrong, by optimizer; LAMB sees parts of cut arrays."""
    found = {}
    for optimizer in OPTIMIZERS:
        directories = start(Cluster(WORKERS, num_servers), optimizer)
        found[optimizer] = [settle(directories, one_round(directories, number)) for number in range(1, rounds + 1)]
    return found


def deliver_some(cluster: Cluster, rng: np.random.Generator, most: int) -> None:
    """Let a few messages arrive, on any ways."""
    for _ in range(most):
        waiting = cluster.waiting()
        if not waiting:
            return
        cluster.deliver(*waiting[rng.integers(len(waiting))])


def kill_one(cluster: Cluster, rng: np.random.Generator, replace: bool) -> None:
    """Kill a server that others can stand in for; hear of it some messages later."""
    safe = [
        name for name in cluster.nodes if all(shard.backup for shard in cluster.shards.all if shard.primary == name)
    ]
    if not safe:
        return
    cluster.kill(safe[rng.integers(len(safe))])
    deliver_some(cluster, rng, int(rng.integers(20)))
    if replace:
        cluster.add_server(f"server{cluster.epoch + 100}")
    cluster.shards.teach(list(cluster.nodes))
    cluster.change_view()
