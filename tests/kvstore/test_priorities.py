"""Priorities: what has the higher one goes first among what waits, whatever else may happen."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory_cluster import Cluster, settle
from replicated_training import SHAPES, WORKERS, deliver_some, gradient, kill_one, references, start

from mxtrain_kvstore.distributed import outgoing
from mxtrain_kvstore.distributed.directory import Directory
from mxtrain_kvstore.wire import messages as m

SHARED = pytest.mark.parametrize("shared", [False, True], ids=["sent", "shared"])
MEGABYTE = 1 << 18  # float32 values
KEYS = 30
ROUNDS, SERVERS = 3, 2


def network(shared: bool, num_workers: int = 1) -> tuple[Cluster, list[Directory]]:
    """One server with 30 keys of a megabyte, which says nothing until `speak` is called."""
    cluster = Cluster(num_workers, 1, shared)
    directories = cluster.directories(bound=1 << 30)
    for directory in directories:
        directory.add(list(range(KEYS)), [np.zeros(MEGABYTE, np.float32)] * KEYS)
    cluster.auto = False
    for directory in directories:
        directory.client.channel.receive = lambda timeout: []
    cluster.sent.clear()
    return cluster, directories


def speak(directories: list[Directory]) -> None:
    for directory in directories:
        del directory.client.channel.receive


def backward(directory: Directory, number: int = 1, prioritized: bool = True) -> list[np.ndarray]:
    """Push and pull all keys, the last first, as backward makes their gradients."""
    outs = [np.zeros(MEGABYTE, np.float32) for _ in range(KEYS)]
    for key in reversed(range(KEYS)):
        parameter = directory.parameters[key]
        priority = -key if prioritized else 0
        directory.client.push(parameter, [np.full(MEGABYTE, number * 100 + key, np.float32)], priority)
        directory.client.pull(parameter, [outs[key]], priority=priority)
    return outs


def pushed(cluster: Cluster) -> list[int]:
    """The blocks, which are the keys, in the order in which their pushes were sent."""
    runs = [run for _, _, message in cluster.sent if type(message) is m.Push for run in message.runs]
    return [block for _, first, count, _ in runs for block in range(first, first + count)]


@SHARED
def test_the_first_layers_overtake_what_waits(shared: bool) -> None:
    cluster, (directory,) = network(shared)
    outs = backward(directory)
    early = pushed(cluster)
    assert 0 not in early
    assert sorted(early) == list(range(KEYS - len(early), KEYS))  # what is on its way cannot be overtaken
    assert len(early) * (1 << 20) >= outgoing.WINDOW_BYTES
    speak([directory])
    directory.client.settle(directory.parameters[0])
    assert outs[0][0] == 100
    late = pushed(cluster)[len(early) :]
    assert late[0] == 0
    for key in range(KEYS):
        directory.client.settle(directory.parameters[key])
    late = pushed(cluster)[len(early) :]
    slices = 1 if not shared else 2  # those of a slice travel in the order of the most important
    assert all(abs(key - place) <= slices for place, key in enumerate(late)), late
    assert [out[-1] for out in outs] == [100 + key for key in range(KEYS)]


@SHARED
def test_without_priorities_nothing_is_overtaken(shared: bool) -> None:
    cluster, (directory,) = network(shared)
    outs = backward(directory, prioritized=False)
    speak([directory])
    for key in range(KEYS):
        directory.client.settle(directory.parameters[key])
    order = pushed(cluster)
    assert all(abs(key - (KEYS - 1 - place)) <= 2 for place, key in enumerate(order)), order
    assert [out[-1] for out in outs] == [100 + key for key in range(KEYS)]


@SHARED
def test_a_pull_follows_its_push(shared: bool) -> None:
    cluster, (directory,) = network(shared)
    backward(directory)
    speak([directory])
    directory.client.settle(directory.parameters[KEYS // 2])
    done: set[int] = set()
    for _, _, message in cluster.sent:
        blocks = {b for _, first, count, _ in getattr(message, "runs", []) for b in range(first, first + count)}
        if type(message) is m.Push:
            done |= blocks
        elif type(message) is m.Pull:
            assert blocks <= done


@SHARED
def test_a_request_comes_after_all_that_waits(shared: bool) -> None:
    cluster, (directory,) = network(shared)
    outs = backward(directory)
    speak([directory])
    directory.client.fence()
    last = max(place for place, (_, _, message) in enumerate(cluster.sent) if type(message) is m.Sync)
    assert all(type(message) is not m.Push for _, _, message in cluster.sent[last:])
    assert sorted(pushed(cluster)) == list(range(KEYS))
    for key in range(KEYS):
        directory.client.settle(directory.parameters[key])
    assert [out[0] for out in outs] == [100 + key for key in range(KEYS)]


@SHARED
def test_rounds_of_one_key_stay_in_order(shared: bool) -> None:
    """Also where the second push of a key that waits is more important than the first."""
    _, (directory,) = network(shared)
    for key in range(KEYS):
        directory.client.push(directory.parameters[key], [np.ones(MEGABYTE, np.float32)], -key)
    directory.client.push(directory.parameters[KEYS - 1], [np.full(MEGABYTE, 2, np.float32)], 5)
    out = np.zeros(MEGABYTE, np.float32)
    directory.client.pull(directory.parameters[KEYS - 1], [out], priority=10)
    speak([directory])
    directory.client.settle(directory.parameters[KEYS - 1])
    assert set(out.tolist()) == {2.0}


@SHARED
def test_workers_of_opposite_orders_do_not_wait_for_each_other(shared: bool) -> None:
    _, directories = network(shared, num_workers=2)
    outs = []
    for directory, sign in zip(directories, (1, -1), strict=True):
        arrays = [np.zeros(MEGABYTE, np.float32) for _ in range(KEYS)]
        for key in range(KEYS):
            directory.client.push(directory.parameters[key], [np.ones(MEGABYTE, np.float32)], sign * key)
            directory.client.pull(directory.parameters[key], [arrays[key]], priority=sign * key)
        outs.append(arrays)
    speak(directories)
    for _ in range(3 * KEYS):  # what their flushers do
        for directory in directories:
            directory.client.flush_unless_busy()
    for directory, arrays in zip(directories, outs, strict=True):
        for key in range(KEYS):
            directory.client.settle(directory.parameters[key])
            assert arrays[key][0] == 2


def test_nothing_is_asked_where_nothing_waits() -> None:
    cluster, (directory,) = network(False)
    speak([directory])
    cluster.auto = True
    for number in range(3):
        for key in range(4):
            parameter = directory.parameters[key]
            directory.client.push(parameter, [np.full(MEGABYTE, number, np.float32)], -key)
            directory.client.pull(parameter, [np.zeros(MEGABYTE, np.float32)], priority=-key)
            directory.client.settle(parameter)
    assert {type(message).__name__ for _, _, message in cluster.sent} == {"Push", "Pull"}


def test_small_keys_of_one_message_are_in_the_order_of_their_priorities() -> None:
    cluster = Cluster(1, 1)
    (directory,) = cluster.directories()
    directory.add(list(range(50)), [np.zeros(4, np.float32)] * 50)
    cluster.sent.clear()
    for key in reversed(range(50)):
        directory.client.push(directory.parameters[key], [np.ones(4, np.float32)], -key)
        directory.client.pull(directory.parameters[key], [np.zeros(4, np.float32)], priority=-key)
    directory.client.flush()
    assert [(type(message).__name__, message.runs) for _, _, message in cluster.sent] == [
        ("Push", [[0, 0, 50, 1]]),
        ("Pull", [[0, 0, 50, 1]]),
    ]


SUMS = references(ROUNDS, SERVERS)["slab"]


@SHARED
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), window=st.sampled_from([1, 40, 400, 4000]), replicas=st.integers(0, 1))
def test_values_do_not_depend_on_priorities(shared: bool, seed: int, window: int, replicas: int) -> None:
    """Nearly everything waits, priorities are drawn, messages arrive at any time, and servers die."""
    rng = np.random.default_rng(seed)
    with patch.object(outgoing, "WINDOW_BYTES", window):
        cluster = Cluster(WORKERS, SERVERS, shared, replicas=replicas)
        directories = start(cluster, "slab")
        cluster.auto = False
        for number in range(1, ROUNDS + 1):
            outs = [one_round(directory, number, rng) for directory in directories]
            deliver_some(cluster, rng, int(rng.integers(40)))
            if replicas and number == 2:
                kill_one(cluster, rng, replace=True)
            for _ in range(20):
                for directory in directories:
                    directory.client.flush_unless_busy()
            assert settle(directories, outs) == SUMS[number - 1], (seed, number)


def one_round(directory: Directory, number: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    client = directory.client
    outs = {key: np.full(shape, np.nan, np.float32) for key, shape in SHAPES.items()}
    for key in rng.permutation(list(SHAPES)).tolist():
        priority = int(rng.integers(-3, 3))
        client.push(directory.parameters[key], [gradient(client.rank, number, key)], priority)
        client.pull(directory.parameters[key], [outs[key]], priority=int(rng.integers(-3, 3)))
        if rng.integers(2):
            client.flush_unless_busy()
    return outs
