"""Every registered optimizer on servers: a copy that goes on after any step has the bits of the one that died."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.optimizer import registry
from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters import snapshot
from mxtrain_server.parameters.memory import PrivateMemory
from mxtrain_server.parameters.server_state import ServerState
from mxtrain_server.replication.plain_bytes import from_bytes, to_bytes

#: Those of other modules (tests register some) are left out.
NAMES = sorted(name for name, klass in registry.classes.items() if klass.__module__.startswith("mxtrain.optimizer"))
STEPS = 5
KEYS = [["fc_weight", "{dtype}", [4, 5], [10, 10]], ["fc_bias", "{dtype}", [3, 1], [3]]]


def new_state(shard: int = 0) -> ServerState:
    state = ServerState(shard, "job", PrivateMemory())
    state.set_workers({0: "0", 1: "1"})
    return state


def begin(name: str, dtype: str) -> list[tuple]:
    """The commands before the first push."""
    optimizer = mx.optimizer.create(name, learning_rate=0.1, multi_precision=dtype == "float16")
    description = {**optimizer.to_config(), "seed": 17}
    rng = np.random.default_rng(3)
    values = rng.standard_normal(23).astype(dtype)
    entries = [[key, dtype, shape, blocks] for key, _, shape, blocks in KEYS]
    return [
        (0, m.OpenStore(1, 0, "sync"), None),
        (0, m.Create(2, 0, entries), None),
        (0, m.Write([[0, 0, 3, 0]]), values.view(np.uint8)),
        (0, m.SetOptimizer(3, 0, description), None),
    ]


def pushes(number: int, dtype: str) -> list[tuple]:
    """The commands of a round: a key comes in two parts, of which the other worker's may come between."""
    rng = np.random.default_rng([number])
    values = {rank: rng.standard_normal(23).astype(dtype) for rank in (0, 1)}
    order = [(0, 0, 1), (1, 0, 3), (0, 1, 3)]
    edges = [0, 10, 20, 23]
    return [
        (
            rank,
            m.Push([[0, first, stop - first, number]], False),
            values[rank][edges[first] : edges[stop]].view(np.uint8),
        )
        for rank, first, stop in order
    ]


def carry_out(state: ServerState, commands: list[tuple]) -> None:
    for rank, message, payload in commands:
        for answer in state.receive(rank, message, payload):
            assert not isinstance(answer.message, m.Refused), answer


def values_of(state: ServerState) -> bytes:
    return state.segments[0].values[:23].tobytes()


def copy_of(state: ServerState) -> ServerState:
    other = state.fresh()
    snapshot.load(other, from_bytes(to_bytes(snapshot.dump(state))))
    return other


@pytest.mark.filterwarnings("ignore:Accumulating with float16")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("name", NAMES)
def test_a_copy_goes_on_with_the_same_bits(name: str, dtype: str) -> None:
    commands = begin(name, dtype)
    for number in range(1, STEPS + 1):
        commands += pushes(number, dtype)
    primary, backup = new_state(), new_state()
    carry_out(primary, commands[:4])
    mx.random.seed(1)
    carry_out(backup, commands[:4])
    successors = []
    for count, command in enumerate(commands[4:], 1):
        successors.append(copy_of(primary))  # learns all, and then follows
        for state in (primary, backup, *successors):
            mx.random.uniform(shape=(3,)).wait_to_read()  # other shards of the process draw, too
            carry_out(state, [command])
        assert {values_of(state) for state in (backup, *successors)} == {values_of(primary)}, (name, count)
    assert values_of(primary) != np.zeros(23, dtype).tobytes()
    assert np.isfinite(primary.segments[0].values[:23].astype(np.float32)).all()


def test_random_draws_of_servers() -> None:
    """Other keys, shards, steps and seeds give other numbers; the process's own generator goes on as if nothing was."""

    def noise(shard: int, seed: int) -> list[list[float]]:
        state = new_state(shard)
        carry_out(state, begin("sgld", "float32")[:3])
        description = {**mx.optimizer.create("sgld", learning_rate=0.1).to_config(), "seed": seed}
        state.receive(0, m.SetOptimizer(3, 0, description), None)
        found, before = [], state.segments[0].values[:23].copy()
        for number in (1, 2):
            for rank in (0, 1):
                state.receive(rank, m.Push([[0, 0, 3, number]], False), np.zeros(23, np.float32).view(np.uint8))
            now = state.segments[0].values[:23].copy()
            found += [(now - before)[:3].round(6).tolist(), (now - before)[20:].round(6).tolist()]
            before = now
        return found

    mx.random.seed(4)
    first = [noise(0, 1), noise(1, 1), noise(0, 2)]
    drawn = mx.random.uniform(shape=(3,)).asnumpy().tolist()
    mx.random.seed(4)
    assert drawn == mx.random.uniform(shape=(3,)).asnumpy().tolist()
    assert first == [noise(0, 1), noise(1, 1), noise(0, 2)]
    flat = [tuple(values) for found in first for values in found]
    assert len(set(flat)) == len(flat) == 12
