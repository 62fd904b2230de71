"""Servers die at any moment between any two messages; values stay those of the run without a death, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory_cluster import Cluster, settle

from mxtrain.optimizer import create
from mxtrain_kvstore.wire import messages as m

WORKERS, SERVERS, ROUNDS = 2, 3, 4
SHAPES = {"a": (3,), "b": (2, 5), "cut": (1500,), "c": (1,), "d": (4, 4)}
OPTIMIZERS = {
    "sums": None,
    "slab": create("adam", learning_rate=0.1),
    "key": create("lamb", learning_rate=0.1),
}


def gradient(rank: int, number: int, key: str) -> np.ndarray:
    rng = np.random.default_rng([rank, number, *key.encode()])
    return (rng.standard_normal(SHAPES[key]) * 10.0 ** rng.integers(-4, 4)).astype(np.float32)


def start(shared: bool, optimizer: str, replicas: int = 1) -> tuple[Cluster, list]:
    cluster = Cluster(WORKERS, SERVERS, shared, replicas=replicas)
    directories = cluster.directories()
    if OPTIMIZERS[optimizer] is not None:
        cluster.clients[0].ask_all(m.SetOptimizer, 0, OPTIMIZERS[optimizer].to_config())
    for directory in directories:
        directory.add(list(SHAPES), [np.ones(shape, np.float32) for shape in SHAPES.values()])
    return cluster, directories


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


def reference(optimizer: str) -> list[list[bytes]]:
    _, directories = start(False, optimizer, replicas=0)
    return [settle(directories, one_round(directories, number)) for number in range(1, ROUNDS + 1)]


REFERENCES = {name: reference(name) for name in OPTIMIZERS}


def deliver_some(cluster: Cluster, rng: np.random.Generator, most: int) -> None:
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


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("shared", [False, True], ids=["sent", "shared"])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), replace=st.booleans())
def test_servers_die_at_any_moment(shared: bool, optimizer: str, seed: int, replace: bool) -> None:
    rng = np.random.default_rng(seed)
    cluster, directories = start(shared, optimizer)
    cluster.auto = False
    kills = set(rng.choice(np.arange(1, ROUNDS + 1), size=2, replace=False).tolist())
    for number in range(1, ROUNDS + 1):
        outs = one_round(directories, number)
        deliver_some(cluster, rng, int(rng.integers(40)))
        if number in kills:
            kill_one(cluster, rng, replace)
        deliver_some(cluster, rng, int(rng.integers(60)))
        assert settle(directories, outs) == REFERENCES[optimizer][number - 1], (seed, number)
