"""Hyper-parameters that change in mid-training hold from the same round on for everybody."""

import itertools

import numpy as np
import pytest

import mxtrain as mx
from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters import snapshot
from mxtrain_server.parameters.memory import PrivateMemory
from mxtrain_server.parameters.server_state import ServerState
from mxtrain_server.replication.plain_bytes import from_bytes, to_bytes

RATES = [1.0, 0.5, 0.25, 0.125]


def new_state(optimizer: mx.optimizer.Optimizer, mode: str = "sync") -> ServerState:
    state = ServerState(0, "job", PrivateMemory())
    state.set_workers({0: "a", 1: "b"})
    for rank in range(2):
        state.receive(rank, m.OpenStore(1, 0, mode), None)
    state.receive(0, m.Create(2, 0, [["x", "float32", [3], [3]], ["y", "float32", [2], [2]]]), None)
    state.receive(0, m.SetOptimizer(3, 0, optimizer.to_config()), None)
    return state


def push(number: int, block: int) -> tuple[m.Push, np.ndarray]:
    values = np.full(3 - block, 1.0 + number, np.float32)
    return m.Push([[0, block, 1, number]], False), values.view(np.uint8)


def changed(optimizer: mx.optimizer.Optimizer, rate: float, factor: float) -> m.ChangeOptimizer:
    optimizer.set_learning_rate(rate)
    optimizer.set_lr_mult({"y": factor})
    return m.ChangeOptimizer(0, optimizer.hyper_parameters())


def streams(optimizer: mx.optimizer.Optimizer) -> tuple[list, list]:
    """What worker 0 sends, with a change before each round, and what worker 1 sends."""
    first, second = [], []
    for number, rate in enumerate(RATES, 1):
        first += [(changed(optimizer, rate, number), None), push(number, 0), push(number, 1)]
        second += [push(number, 1), push(number, 0)]
    return first, second


@pytest.mark.parametrize("name", ["sgd", "lamb"])  # one updates slabs, one key by key
def test_the_order_in_which_workers_are_heard_makes_no_difference(name: str) -> None:
    seen = set()
    for seed, cut in itertools.product(range(12), (None, 7)):
        optimizer = mx.optimizer.create(name, learning_rate=0.0)
        queues = [list(reversed(stream)) for stream in streams(optimizer)]
        state = new_state(mx.optimizer.create(name, learning_rate=0.0))
        generator = np.random.default_rng(seed)
        for step in itertools.count():
            ready = [rank for rank in range(2) if queues[rank]]
            if not ready:
                break
            rank = int(generator.choice(ready))
            assert state.receive(rank, *queues[rank].pop()) == []
            if step == cut:  # a copy that has learnt it all goes on alike
                tree = from_bytes(bytearray(to_bytes(snapshot.dump(state))))
                state = state.fresh()
                snapshot.load(state, tree)
        seen.add(state.segments[0].values[:5].tobytes())
    assert len(seen) == 1
    if name == "sgd":
        values = np.frombuffer(seen.pop(), np.float32)
        assert values[0] == -sum(2 * (1 + n) * rate for n, rate in enumerate(RATES, 1))
        assert values[3] == -sum(2 * (1 + n) * rate * n for n, rate in enumerate(RATES, 1))


def test_async_takes_them_at_once() -> None:
    optimizer = mx.optimizer.create("sgd", learning_rate=1.0)
    state = new_state(optimizer, "async")
    state.receive(1, *push(1, 0))
    assert state.receive(0, changed(optimizer, 0.5, 1.0), None) == []
    state.receive(1, *push(2, 0))
    assert state.segments[0].values[0] == -(2 * 1.0 + 3 * 0.5)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "the hyper-parameters of an optimizer"),
        ({"lr_mult": 3, "wd_mult": []}, "the hyper-parameters of an optimizer"),
        ({"lr_mult": [], "wd_mult": []}, "Differing"),
        ({"lr_mult": [], "wd_mult": [], "colour": 1}, "Received: 'colour'"),
    ],
)
def test_values_that_are_none_are_refused_and_change_nothing(values: dict, words: str) -> None:
    state = new_state(mx.optimizer.create("sgd", learning_rate=1.0))
    (answer,) = state.receive(0, m.ChangeOptimizer(0, values), None)
    assert words in answer.message.reason
    for rank in range(2):
        state.receive(rank, *push(1, 0))
    assert state.segments[0].values[0] == -4


def test_without_an_optimizer() -> None:
    state = ServerState(0, "job", PrivateMemory())
    state.set_workers({0: "a"})
    state.receive(0, m.OpenStore(1, 0, "sync"), None)
    (answer,) = state.receive(0, m.ChangeOptimizer(0, {"lr_mult": [], "wd_mult": []}), None)
    assert "Call set_optimizer first" in answer.message.reason
