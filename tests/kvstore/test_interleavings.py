"""Rounds of several workers whose messages reach the servers in any order: always the values of the reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory_cluster import Cluster

from mxtrain_kvstore.wire import messages as m

WORKERS, SERVERS, ROUNDS = 3, 2, 3
SHAPES = {"a": (3,), "b": (2, 5), "cut": (1500,), "c": (1,), "d": (4, 4)}


def gradient(rank: int, number: int, key: str) -> np.ndarray:
    rng = np.random.default_rng([rank, number, *key.encode()])
    return (rng.standard_normal(SHAPES[key]) * 10.0 ** rng.integers(-4, 4)).astype(np.float32)


def expected(number: int, key: str, ranks: range) -> bytes:
    total = gradient(0, number, key) + gradient(1, number, key) if len(ranks) > 1 else gradient(0, number, key)
    for rank in ranks[2:]:
        total = total + gradient(rank, number, key)
    return total.tobytes()


@pytest.mark.parametrize("shared", [False, True], ids=["sent", "shared"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_order_of_delivery(shared: bool, data: st.DataObject) -> None:
    cluster = Cluster(WORKERS, SERVERS, shared)
    directories = cluster.directories()
    for directory in directories:
        directory.add(list(SHAPES), [np.zeros(shape, np.float32) for shape in SHAPES.values()])
    cluster.auto = False
    last = data.draw(st.lists(st.integers(1, ROUNDS), min_size=WORKERS, max_size=WORKERS), "rounds of each worker")
    last[0] = ROUNDS
    last.sort(reverse=True)
    for number in range(1, ROUNDS + 1):
        here = [directory for directory, rounds in zip(directories, last, strict=True) if rounds >= number]
        outs = [one_round(directory, number, data) for directory in here]
        deliver_in_any_order(cluster, data)
        for directory, arrays in zip(here, outs, strict=True):
            for key, out in arrays.items():
                directory.client.settle(directory.parameters[key])
                assert out.tobytes() == expected(number, key, range(len(here))), (number, key)
        for directory, rounds in zip(directories, last, strict=True):
            if rounds == number:
                directory.client._request(0, m.Farewell, (), None)
                directory.client._request(1, m.Farewell, (), None)


def one_round(directory, number: int, data: st.DataObject) -> dict[str, np.ndarray]:
    """Push and pull all keys in any order; batches end anywhere."""
    outs = {}
    for key in data.draw(st.permutations(list(SHAPES)), "order of keys"):
        parameter = directory.parameters[key]
        directory.client.push(parameter, [gradient(directory.client.rank, number, key)])
        outs[key] = np.full(SHAPES[key], np.nan, np.float32)
        directory.client.pull(parameter, [outs[key]])
        if data.draw(st.booleans(), "flush"):
            directory.client.flush()
    directory.client.flush()
    return outs


def deliver_in_any_order(cluster: Cluster, data: st.DataObject) -> None:
    """Messages of one worker to one server stay in order, all others come as they like."""
    while waiting := cluster.waiting():
        cluster.deliver(*data.draw(st.sampled_from(waiting), "next"))
