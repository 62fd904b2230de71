"""Workers against server states, without sockets: values, batches, sharing, errors."""

import numpy as np
import pytest
from in_memory_cluster import Cluster

from mxtrain.base import ArgumentError, MXNetError
from mxtrain.dtypes import as_dtype
from mxtrain_kvstore.distributed.directory import BLOCK_BYTES
from mxtrain_kvstore.distributed.parameter import MAX_ROUNDS_AHEAD
from mxtrain_kvstore.wire import messages as m

SHARED = pytest.mark.parametrize("shared", [False, True], ids=["sent", "shared"])
SHAPES = {"small": (3, 4), "other": (5,), "cut": (40, 50), "blocks": (BLOCK_BYTES // 4 + 7,), 9: (2, 2)}


def pull(client, parameter) -> np.ndarray:
    out = np.zeros(parameter.shape, parameter.dtype)
    client.pull(parameter, [out])
    client.settle(parameter)
    return out


def started(cluster: Cluster, mode: str = "sync", dtype: str = "float32"):
    directories = cluster.directories(mode)
    values = [(np.arange(np.prod(shape)) % 1000).reshape(shape).astype(dtype) for shape in SHAPES.values()]
    for directory in directories:
        directory.add(list(SHAPES), values)
    return directories


@SHARED
@pytest.mark.parametrize("dtype", ["float32", "float16", "int64"])
def test_everybody_sees_the_initial_values(shared: bool, dtype: str) -> None:
    cluster = Cluster(2, 3, shared)
    for directory in started(cluster, dtype=dtype):
        for key, parameter in directory.parameters.items():
            size = int(np.prod(SHAPES[key]))
            assert pull(directory.client, parameter).reshape(-1).tolist() == (np.arange(size) % 1000).tolist()


@SHARED
def test_rounds_give_the_sum_to_all(shared: bool) -> None:
    cluster = Cluster(2, 2, shared)
    directories = started(cluster)
    for number in range(1, 4):
        for key in SHAPES:
            for directory in directories:
                parameter = directory.parameters[key]
                values = np.full(parameter.shape, number * (directory.client.rank + 1), np.float32)
                directory.client.push(parameter, [values, values])
                values[:] = -1  # a pushed array is the caller's again
        for directory in directories:
            directory.client.flush()
        for directory in directories:
            for key in SHAPES:
                out = pull(directory.client, directory.parameters[key])
                assert set(out.reshape(-1).tolist()) == {6.0 * number}


@SHARED
def test_small_keys_travel_together(shared: bool) -> None:
    cluster = Cluster(1, 1, shared)
    (directory,) = cluster.directories()
    keys = [f"k{number}" for number in range(1000)]
    directory.add(keys, [np.zeros(256, np.float32)] * 1000)
    outs = [np.zeros(256, np.float32) for _ in keys]
    cluster.sent.clear()
    for key, out in zip(keys, outs, strict=True):
        parameter = directory.parameters[key]
        directory.client.push(parameter, [np.full(256, int(key[1:]), np.float32)])
        directory.client.pull(parameter, [out])
    directory.client.settle(directory.parameters[keys[0]])
    assert [type(message).__name__ for _, _, message in cluster.sent] == ["Push", "Pull"]
    for key in keys:
        directory.client.settle(directory.parameters[key])
    assert [float(out[-1]) for out in outs] == list(range(1000))


@SHARED
def test_a_pull_gives_the_round_of_its_place_in_the_program(shared: bool) -> None:
    """A pull between two pushes brings the first round, though both pushes may be on their way before anybody waits."""
    cluster = Cluster(2, 1, shared)
    a, b = started(cluster)
    out = np.zeros(SHAPES["small"], np.float32)
    first = np.full(SHAPES["small"], 1, np.float32)
    b.client.push(b.parameters["small"], [first])
    b.client.flush()
    a.client.push(a.parameters["small"], [first])
    a.client.pull(a.parameters["small"], [out])
    a.client.push(a.parameters["small"], [first * 10])
    assert set(out.reshape(-1).tolist()) == {2.0}
    b.client.push(b.parameters["small"], [first * 10])
    b.client.flush()
    assert set(pull(a.client, a.parameters["small"]).reshape(-1).tolist()) == {20.0}


@SHARED
def test_pushes_without_pulls(shared: bool) -> None:
    cluster = Cluster(1, 2, shared)
    (directory,) = started(cluster)
    for number in range(100):
        for key, shape in SHAPES.items():
            directory.client.push(directory.parameters[key], [np.full(shape, number, np.float32)])
    for key in SHAPES:
        assert set(pull(directory.client, directory.parameters[key]).reshape(-1).tolist()) == {99.0}


def test_a_worker_is_held_back_when_far_ahead() -> None:
    cluster = Cluster(2, 1)
    a, b = started(cluster)
    a.client.wait_timeout = 0.3
    value = np.ones(SHAPES["small"], np.float32)
    for _ in range(MAX_ROUNDS_AHEAD):
        a.client.push(a.parameters["small"], [value])
    with pytest.raises(MXNetError, match=r"server 0 waits for the push of key\(s\) 'small' by worker\(s\) 1"):
        a.client.push(a.parameters["small"], [value])
    for _ in range(MAX_ROUNDS_AHEAD):
        b.client.push(b.parameters["small"], [value])
    assert pull(b.client, b.parameters["small"]).max() == 2


def test_two_pulls_at_once_are_one() -> None:
    cluster = Cluster(1, 1)
    (directory,) = started(cluster)
    parameter = directory.parameters["small"]
    outs = [np.zeros(SHAPES["small"], np.float32) for _ in range(3)]
    finished = []
    cluster.sent.clear()
    directory.client.pull(parameter, outs[:1], lambda: finished.append(1))
    directory.client.pull(parameter, outs[1:], lambda: finished.append(2))
    directory.client.settle(parameter)
    assert len(cluster.sent) == 1
    assert finished == [1, 2]
    assert all(out[2, 3] == 11 for out in outs)


def test_another_form_is_refused_at_the_worker_that_has_it() -> None:
    cluster = Cluster(2, 2)
    a, b = cluster.directories()
    a.add(["x"], [np.zeros((2, 3), np.float32)])
    for value in (np.zeros((3, 2), np.float32), np.zeros((2, 3), np.float16)):
        with pytest.raises(ArgumentError, match=r"key 'x' \(shape \(2, 3\), float32\), as worker 0 .* on worker 1"):
            b.add(["x"], [value])
    b.add(["x"], [np.zeros((2, 3), np.float32)])
    assert pull(b.client, b.parameters["x"]).sum() == 0


def test_a_worker_waits_for_worker_0() -> None:
    cluster = Cluster(2, 1)
    _, b = cluster.directories()
    b.client.wait_timeout = 0.3
    with pytest.raises(MXNetError, match=r"Worker 1 waited 0 s .* for the answer of server\(s\) \[0\] to Lookup"):
        b.add(["x"], [np.zeros(2, np.float32)])


@SHARED
def test_rounds_go_on_without_a_worker_that_left(shared: bool) -> None:
    cluster = Cluster(3, 2, shared)
    directories = started(cluster)
    for number in range(1, 5):
        here = directories if number < 3 else directories[:2]
        for directory in here:
            for key, shape in SHAPES.items():
                directory.client.push(directory.parameters[key], [np.full(shape, number, np.float32)])
            directory.client.flush()
        for directory in here:
            for key in SHAPES:
                out = pull(directory.client, directory.parameters[key])
                assert set(out.reshape(-1).tolist()) == {float(number * len(here))}
        if number == 2:
            directories[2].client.ask_all(m.Farewell)


def test_stores_are_apart() -> None:
    cluster = Cluster(1, 1)
    (first,) = cluster.directories(store=0)
    (second,) = cluster.directories(store=1)
    first.add(["x"], [np.zeros(2, np.float32)])
    second.add(["x"], [np.ones(2, np.float32)])
    assert pull(first.client, first.parameters["x"]).tolist() == [0, 0]
    assert pull(second.client, second.parameters["x"]).tolist() == [1, 1]


def test_kinds_of_a_store_must_agree() -> None:
    cluster = Cluster(2, 1)
    cluster.clients[0].ask_all(m.OpenStore, 0, "sync")
    with pytest.raises(MXNetError, match=r"dist_sync on every worker\. Received: dist_async from worker 1"):
        cluster.clients[1].ask_all(m.OpenStore, 0, "async")


def test_keys_are_published_when_their_values_lie_on_all_servers() -> None:
    cluster = Cluster(1, 3)
    (directory,) = cluster.directories()
    cluster.sent.clear()
    directory.add(["cut"], [np.ones(3000, np.float32)])
    kinds = [(server, type(message).__name__) for _, server, message in cluster.sent]
    published = kinds.index((0, "Publish"))
    for server in range(3):
        assert kinds.index((server, "Write")) < kinds.index((server, "Sync")) < published


@SHARED
def test_a_store_that_everybody_has_left_is_freed(shared: bool) -> None:
    cluster = Cluster(2, 1, shared)
    directories = started(cluster)
    server = cluster.servers[0]
    out = np.zeros(SHAPES["small"], np.float32)
    directories[0].client.pull(directories[0].parameters["small"], [out])
    directories[0].client.leave(0)
    assert out[1, 1] == 5
    assert server.segments[0] is not None
    assert 0 in server.stores
    directories[1].client.abandoned.append(0)
    directories[1].client.flush()
    cluster.deliver_all()
    assert server.stores == {}
    assert server.segments == [None]
    assert not directories[1].client.lanes[0].segments
    (again, _) = cluster.directories(store=1)
    again.add(["x"], [np.ones(3, np.float32)])
    assert pull(again.client, again.parameters["x"]).tolist() == [1, 1, 1]
    assert directories[1].client._replies == {}


def test_keys_that_worker_0_will_never_initialize() -> None:
    cluster = Cluster(2, 1)
    a, b = cluster.directories()
    a.client.ask_all(m.Farewell)
    with pytest.raises(MXNetError, match=r"Worker 0 has left without initializing key\(s\) \['x'\]"):
        b.add(["x"], [np.zeros(2, np.float32)])


def test_an_early_question_is_answered_when_worker_0_leaves() -> None:
    cluster = Cluster(2, 1)
    a, b = cluster.directories()
    place = b.client._request(0, m.Lookup, (0, ["x"]), None)
    cluster.deliver_all()
    a.client.ask_all(m.Farewell)
    b.client._wait(lambda: place in b.client._replies, lambda: "the answer")
    assert "Worker 0 has left" in b.client._replies[place].message.reason


@SHARED
@pytest.mark.parametrize("dtype", ["bfloat16", "float64", "int8"])
def test_other_element_types(shared: bool, dtype: str) -> None:
    cluster = Cluster(2, 2, shared)
    directories = cluster.directories()
    for directory in directories:
        directory.add(["x", "y"], [np.ones(5, as_dtype(dtype)), np.ones((50, 50), as_dtype(dtype))])
        for parameter in directory.parameters.values():
            directory.client.push(parameter, [np.full(parameter.shape, 3, as_dtype(dtype))])
        directory.client.flush()
    for directory in directories:
        for parameter in directory.parameters.values():
            assert set(pull(directory.client, parameter).astype(float).reshape(-1)) == {6.0}
