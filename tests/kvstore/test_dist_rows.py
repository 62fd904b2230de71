"""Rows on several servers: any order of messages and any death give the values of the reference, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory_cluster import Cluster, settle

import mxtrain as mx
from mxtrain.base import MXNetError
from mxtrain.ndarray.sparse_array import wrap_value
from mxtrain.ops.sparse.containers import RowSparse
from mxtrain.optimizer import create, get_updater
from mxtrain_kvstore.distributed import rows as rows_module
from mxtrain_kvstore.distributed.sparse import row_sparse_pull
from mxtrain_kvstore.wire import messages as m

WORKERS, SERVERS, ROUNDS = 2, 3, 4
SHAPES = {"small": (5, 2), "cut": (400, 3), "vector": (1300,), "deep": (90, 3, 5)}
OPTIMIZERS = {
    "sums": None,
    "sgd": create("sgd", learning_rate=0.1, momentum=0.9, wd=0.01),
    "adam": create("adam", learning_rate=0.1),
    "adagrad": create("adagrad", learning_rate=0.1),
    "ftrl": create("ftrl", learning_rate=0.1),
    "rmsprop": create("rmsprop", learning_rate=0.1),
    "lamb": create("lamb", learning_rate=0.1),
}


def gradient(rank: int, number: int, key: str) -> RowSparse:
    rng = np.random.default_rng([rank, number, *key.encode()])
    shape = SHAPES[key]
    rows = np.sort(rng.choice(shape[0], size=int(rng.integers(0, min(shape[0], 40))), replace=False))
    values = rng.standard_normal((len(rows), *shape[1:])) * 10.0 ** rng.integers(-3, 3)
    return RowSparse(values.astype(np.float32), rows.astype(np.int64), shape)


def wanted(rank: int, number: int, key: str) -> np.ndarray:
    rng = np.random.default_rng([rank, number, 7, *key.encode()])
    return np.unique(rng.integers(0, SHAPES[key][0], 30))


def start(shared: bool, optimizer: str, replicas: int = 0) -> tuple[Cluster, list]:
    cluster = Cluster(WORKERS, SERVERS, shared, replicas=replicas)
    directories = cluster.directories()
    if OPTIMIZERS[optimizer] is not None:
        cluster.clients[0].ask_all(m.SetOptimizer, 0, OPTIMIZERS[optimizer].to_config())
    for directory in directories:
        directory.add(list(SHAPES), [initial(key) for key in SHAPES])
    return cluster, directories


def initial(key: str) -> RowSparse:
    shape = SHAPES[key]
    return RowSparse(np.ones((shape[0] // 2, *shape[1:]), np.float32), np.arange(shape[0] // 2), shape)


def one_round(directories: list, number: int) -> list[dict[str, np.ndarray]]:
    outs = []
    for directory in directories:
        arrays = {}
        client = directory.client
        for key, shape in SHAPES.items():
            client.push_rows(directory.parameters[key], gradient(client.rank, number, key))
            rows = wanted(client.rank, number, key)
            arrays[key] = np.full((len(rows), *shape[1:]), np.nan, np.float32)
            client.pull_rows(directory.parameters[key], rows, arrays[key])
        outs.append(arrays)
    return outs


def whole(directory, key: str) -> np.ndarray:
    out = np.full(SHAPES[key], np.nan, np.float32)
    directory.client.pull(directory.parameters[key], [out])
    directory.client.settle(directory.parameters[key])
    return out


def reference(optimizer: str) -> tuple[list[list[bytes]], dict[str, np.ndarray]]:
    _, directories = start(False, optimizer)
    found = [settle(directories, one_round(directories, number)) for number in range(1, ROUNDS + 1)]
    return found, {key: whole(directories[0], key) for key in SHAPES}


REFERENCES = {name: reference(name) for name in OPTIMIZERS}


@pytest.mark.parametrize("optimizer", [name for name in OPTIMIZERS if name not in ("sums", "lamb")])
def test_servers_update_as_a_store_of_one_process_does(optimizer: str) -> None:
    updater = get_updater(OPTIMIZERS[optimizer])
    for key in SHAPES:
        weight = wrap_value(initial(key).copy(), mx.cpu())
        for number in range(1, ROUNDS + 1):
            grads = [wrap_value(gradient(rank, number, key), mx.cpu()) for rank in range(WORKERS)]
            updater(key, grads[0] + grads[1], weight)
        np.testing.assert_array_equal(weight.asnumpy(), REFERENCES[optimizer][1][key])


def test_a_large_table_is_cut_between_rows() -> None:
    _, directories = start(False, "sums")
    parameter = directories[0].parameters["cut"]
    assert [(share.offset, share.elements) for share in parameter.shares] == [(0, 399), (399, 399), (798, 402)]


@pytest.mark.parametrize("optimizer", ["sums", "sgd", "lamb"])
@pytest.mark.parametrize("shared", [False, True], ids=["sent", "shared"])
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_order_of_delivery(shared: bool, optimizer: str, data: st.DataObject) -> None:
    cluster, directories = start(shared, optimizer)
    cluster.auto = False
    for number in range(1, ROUNDS + 1):
        outs = one_round(directories, number)
        for _ in range(data.draw(st.integers(0, 40), "messages")):
            if waiting := cluster.waiting():
                cluster.deliver(*data.draw(st.sampled_from(waiting), "next"))
        assert settle(directories, outs) == REFERENCES[optimizer][0][number - 1]


@pytest.mark.parametrize("optimizer", ["sums", "sgd", "lamb"])
@pytest.mark.parametrize("shared", [False, True], ids=["sent", "shared"])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_server_dies_at_any_moment(shared: bool, optimizer: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cluster, directories = start(shared, optimizer, replicas=1)
    cluster.auto = False
    fatal = int(rng.integers(1, ROUNDS + 1))
    for number in range(1, ROUNDS + 1):
        outs = one_round(directories, number)
        for _ in range(int(rng.integers(60))):
            if waiting := cluster.waiting():
                cluster.deliver(*waiting[rng.integers(len(waiting))])
        if number == fatal:
            cluster.kill(f"server{rng.integers(SERVERS)}")
            cluster.add_server("new")
            cluster.shards.teach(list(cluster.nodes))
            cluster.change_view()
        assert settle(directories, outs) == REFERENCES[optimizer][0][number - 1], (seed, number)


def test_many_rows_go_in_several_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "ROWS_BYTES", 100)
    cluster, directories = start(False, "sgd", replicas=1)
    for number in range(1, ROUNDS + 1):
        assert settle(directories, one_round(directories, number)) == REFERENCES["sgd"][0][number - 1]
    assert any(isinstance(message, m.PushRows) and message.start for _, _, message in cluster.sent)


def test_a_worker_far_ahead_waits_and_says_for_whom() -> None:
    _, directories = start(False, "sums")
    client = directories[0].client
    client.wait_timeout = 0.3
    for number in range(1, 17):
        client.push_rows(directories[0].parameters["small"], gradient(0, number, "small"))
    with pytest.raises(MXNetError, match=r"waited .* for the pull of key 'small'.*by worker\(s\) 1"):
        client.push_rows(directories[0].parameters["small"], gradient(0, 17, "small"))


def test_dense_and_row_pulls_in_turn() -> None:
    _, directories = start(True, "sgd")
    for number in range(1, ROUNDS + 1):
        for directory in directories:
            client, parameter = directory.client, directory.parameters["cut"]
            client.push_rows(parameter, gradient(client.rank, number, "cut"))
        full, some = np.empty(SHAPES["cut"], np.float32), np.empty((3, 3), np.float32)
        client.pull(parameter, [full])
        client.pull_rows(parameter, np.array([0, 200, 399]), some)
        client.pull(parameter, [full])
        client.settle(parameter)
        np.testing.assert_array_equal(some, full[[0, 200, 399]])
        client = directories[0].client
        client.pull(directories[0].parameters["cut"], [full])
        client.settle(directories[0].parameters["cut"])


def test_rows_are_pulled_once_for_several_arrays() -> None:
    cluster, directories = start(False, "sums")
    outs = [mx.nd.zeros(SHAPES["small"], stype="row_sparse") for _ in range(2)]
    ids = mx.nd.array([3, 0, 3, 1])
    before = len(cluster.sent)
    row_sparse_pull(directories[0].client, directories[0].parameters.__getitem__, "small", outs, ids)
    assert len(cluster.sent) - before == 1
    for out in outs:
        assert out.indices.asnumpy().tolist() == [0, 1, 3]
        assert out.data.asnumpy().tolist() == [[1, 1], [1, 1], [0, 0]]
    outs[0][:] = 7
    assert outs[1].data.asnumpy().tolist() == [[1, 1], [1, 1], [0, 0]]


@pytest.mark.parametrize("shared", [False, True], ids=["sent", "shared"])
def test_bytes_of_rows_are_counted(shared: bool) -> None:
    cluster, directories = start(shared, "sgd")
    for number in range(1, ROUNDS + 1):
        settle(directories, one_round(directories, number))
    out = into = 0
    for directory in directories:
        rank, counters = directory.client.rank, directory.client.counters
        rounds = [(number, key) for number in range(1, ROUNDS + 1) for key in SHAPES]
        row_bytes = {key: 4 * int(np.prod(SHAPES[key][1:])) for key in SHAPES}
        assert counters.bytes_out == sum(len(gradient(rank, n, key).indices) * row_bytes[key] for n, key in rounds)
        assert counters.bytes_in == sum(len(wanted(rank, n, key)) * row_bytes[key] for n, key in rounds)
        assert counters.rounds == ROUNDS
        out, into = out + counters.bytes_out, into + counters.bytes_in
    assert sum(server.bytes_in for server in cluster.servers) == out
    assert sum(server.bytes_out for server in cluster.servers) == into
