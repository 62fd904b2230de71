"""Optimizers on servers: whole segments or single keys, always as `Updater` does it on a worker."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain_server.parameters.errors import RequestError
from mxtrain_server.parameters.key_updates import KeyUpdates
from mxtrain_server.parameters.memory import PrivateMemory
from mxtrain_server.parameters.segment import Segment
from mxtrain_server.parameters.slab_updates import SlabUpdates
from mxtrain_server.parameters.updates import NoOptimizer, Replace

SHAPES = {"a_weight": (4, 3), "b_bias": (5,), "c_weight": (2, 2, 2), "d_gamma": (7,)}
OPTIMIZERS = {
    "sgd": {"momentum": 0.9, "wd": 0.01},
    "plain sgd": {},
    "nag": {"momentum": 0.9},
    "adam": {"wd": 0.1},
    "adagrad": {},
    "rmsprop": {"centered": True},
    "ftrl": {},
    "signum": {},
    "adamax": {},
    "nadam": {},
    "lamb": {},
    "test": {},
    "adadelta": {},
    "ftml": {},
    "dcasgd": {},
    "lars": {},
}


def make(kind: str, dtype: str, **options: object):
    options = {"rescale_grad": 0.5, "multi_precision": dtype == "float16", **OPTIMIZERS[kind], **options}
    made = mx.optimizer.create(kind.split()[-1], param_idx2name=dict(enumerate(SHAPES)), **options)
    made.set_lr_mult({"b_bias": 0.1})
    return made


def values(dtype: str) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.standard_normal(shape).astype(dtype) for shape in SHAPES.values()]


def segment_with(arrays: list[np.ndarray]) -> Segment:
    """All arrays in one segment; the first is cut into three blocks, as large arrays are."""
    dtype = arrays[0].dtype
    segment = Segment(0, 0, dtype, PrivateMemory().allocate(4096))
    for number, array in enumerate(arrays):
        lengths = [5, 6, 1] if number == 0 else [array.size]
        head = segment.add(number, array.shape, lengths)
        low, high = segment.bounds(*segment.key_blocks(head))
        segment.values[low:high] = array.reshape(-1)
    return segment


def gradients(step: int, worker: int, dtype: str) -> list[np.ndarray]:
    rng = np.random.default_rng([step, worker])
    return [rng.standard_normal(shape).astype(dtype) for shape in SHAPES.values()]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("kind", sorted(OPTIMIZERS))
def test_servers_update_as_workers_do(kind: str, dtype: str) -> None:
    weights = values(dtype)
    segment = segment_with(weights)
    optimizer = make(kind, dtype)
    updates = SlabUpdates(optimizer) if SlabUpdates.supports(optimizer) else KeyUpdates(optimizer)
    updater = mx.optimizer.get_updater(make(kind, dtype))
    local = [mx.nd.array(weight, dtype=dtype) for weight in weights]
    for step in range(3):
        pushed = [gradients(step, worker, dtype) for worker in range(2)]
        total = [a + b for a, b in zip(*pushed, strict=True)]
        for number, grad in enumerate(total):
            updater(number, mx.nd.array(grad, dtype=dtype), local[number])
        flat = [np.concatenate([g.reshape(-1) for g in grads]) for grads in pushed]
        # in odd steps block by block, out of order; Nadam's schedule depends on the order of updates, in MXNet as well
        whole = step % 2 == 0 or kind == "nadam"
        runs = [(0, segment.num_blocks)] if whole else [(b, b + 1) for b in (1, 5, 0, 2, 3, 4)]
        done = []
        for first, stop in runs:
            low, high = segment.bounds(first, stop)
            done += updates.apply(segment, first, stop, [f[low:high] for f in flat], -1)
        assert sorted(block for first, stop in done for block in range(first, stop)) == list(range(6))
    for number, expected in enumerate(local):
        low, high = segment.bounds(*segment.key_blocks({0: 0, 1: 3, 2: 4, 3: 5}[number]))
        found = segment.values[low:high].reshape(expected.shape)
        np.testing.assert_array_equal(found, expected.asnumpy(), err_msg=f"{kind}, array {number}")
    if kind == "test":  # it counts nothing
        return
    assert updates.progress()["num_update"] == 3
    assert dict(updates.progress()["update_counts"][0][1]) == dict.fromkeys(range(4), 3)


@pytest.mark.parametrize("kind", ["adam", "lamb"])
def test_states_and_counts_go_from_server_to_server(kind: str) -> None:
    segments = [segment_with(values("float32")) for _ in range(2)]
    stores = []
    for _ in range(2):
        optimizer = make(kind, "float32")
        stores.append(SlabUpdates(optimizer) if SlabUpdates.supports(optimizer) else KeyUpdates(optimizer))

    def step(number: int, seed: int) -> None:
        flat = np.concatenate([g.reshape(-1) for g in gradients(seed, 0, "float32")])
        stores[number].apply(segments[number], 0, 6, [flat], -1)

    step(0, 1)
    step(0, 2)
    segments[1].values[:] = segments[0].values
    for head in (0, 3, 4, 5):
        for part in range(2):
            stores[1].make_state(segments[1], head, part)[:] = stores[0].state(segments[0], head, part)
        assert stores[1].state(segments[1], head, 2) is None
        with pytest.raises(RequestError, match="has no state number 2"):
            stores[1].make_state(segments[1], head, 2)
    stores[1].set_progress(stores[0].progress())
    step(0, 3)
    step(1, 3)
    assert segments[0].values[:32].tobytes() == segments[1].values[:32].tobytes()


def test_a_state_that_is_not_there_yet() -> None:
    segment = segment_with(values("float32"))
    assert SlabUpdates(make("adam", "float32")).state(segment, 0, 0) is None
    assert KeyUpdates(make("lamb", "float32")).state(segment, 0, 0) is None


@pytest.mark.parametrize("updates", [Replace(), NoOptimizer()])
def test_without_an_optimizer(updates) -> None:
    segment = segment_with(values("float32"))
    assert (updates.progress(), updates.state(segment, 0, 0)) == ({}, None)
    for call in (lambda: updates.make_state(segment, 0, 0), lambda: updates.set_progress({})):
        with pytest.raises(RequestError, match="set_optimizer first"):
            call()


def test_gradients_of_two_workers_are_gathered_apart() -> None:
    """Asynchronous pushes of one key, cut into blocks that come mixed: each is applied as a whole."""
    segment = segment_with(values("float32"))
    updates = KeyUpdates(mx.optimizer.create("test"))
    before = segment.values[:12].copy()
    one, two = np.full(12, 1, np.float32), np.full(12, 10, np.float32)
    order = [(0, 0, one), (1, 0, two), (1, 1, two), (0, 2, one), (1, 2, two), (0, 1, one)]
    seen = []
    for source, block, array in order:
        low, high = segment.bounds(block, block + 1)
        if updates.apply(segment, block, block + 1, [array[low:high]], source):
            seen.append(segment.values[:12] - before)
    np.testing.assert_allclose(seen, [two, one + two], rtol=1e-5)


def test_an_optimizer_of_ones_own() -> None:
    @mx.optimizer.register
    class Halving(mx.optimizer.Optimizer):
        def update(self, index, weight, grad, state):
            weight[:] = weight * 0.5 - grad

    try:
        made = mx.optimizer.from_config(Halving().to_config())
        segment = segment_with(values("float32"))
        before = segment.values[:32].copy()
        KeyUpdates(made).apply(segment, 0, 6, [np.ones(32, np.float32)], -1)
        np.testing.assert_allclose(segment.values[:32], before * 0.5 - 1, rtol=1e-6)
    finally:
        del mx.optimizer.registry.classes["halving"]
