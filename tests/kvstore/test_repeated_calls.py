"""Pushes and pulls that repeat those of the round before take a short way; whatever is not as before leaves it."""

import gc
import threading
import weakref
from types import SimpleNamespace

import pytest
from in_memory_cluster import Cluster

import mxtrain as mx
from mxtrain import nd
from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError
from mxtrain_kvstore.distributed import flusher as flusher_module
from mxtrain_kvstore.distributed.hyper_parameters import HyperParameters
from mxtrain_kvstore.distributed.kvstore import DistKVStore
from mxtrain_kvstore.wire import messages as m

SHARED = pytest.mark.parametrize("shared", [False, True], ids=["sent", "shared"])
KEYS = ["a", "b", "c"]


def stores(cluster: Cluster, mode: str = "sync") -> list[DistKVStore]:
    """A store on every worker, without the processes around it."""
    found = []
    for client in cluster.clients:
        settings = SimpleNamespace(staleness=None, transport="auto", bigarray_bound=1000, backup_workers=0)
        settings.num_workers = len(cluster.clients)
        node = SimpleNamespace(
            client=client,
            settings=settings,
            rank=client.rank,
            shared=cluster.memory if hasattr(cluster.memory, "files") else None,
            open_store=lambda mode, *fields, client=client: client.ask_all(m.OpenStore, 0, mode, *fields) and 0,
            scheduler=SimpleNamespace(joins=False),
            abandon=lambda number: None,
        )
        found.append(DistKVStore(f"dist_{mode}", node))  # type: ignore[arg-type]
    return found


def started(cluster: Cluster, shape: tuple[int, ...] = (3, 4), dtype: str = "float32", rounds: int = 2) -> list:
    """(store, grads, outs) of each worker, after a few rounds from and to these arrays."""
    workers = []
    for store in stores(cluster):
        store.init(KEYS, [nd.zeros(shape, dtype=dtype) for _ in KEYS])
        grads = {key: nd.ones(shape, dtype=dtype) for key in KEYS}
        workers.append((store, grads, {key: nd.zeros(shape, dtype=dtype) for key in KEYS}))
    for _ in range(rounds):
        one_round(workers)
        nd.waitall()
    return workers


def one_round(workers: list) -> None:
    for store, grads, outs in workers:
        for key in KEYS:
            store.push(key, grads[key])
            store.pull(key, outs[key])
        store._client.flush()


def value(array) -> float:
    (found,) = set(array.asnumpy().reshape(-1).tolist())
    return found


def short_calls(monkeypatch: pytest.MonkeyPatch, store: DistKVStore) -> list[str]:
    """Notes the calls that have taken the short way."""
    taken: list[str] = []
    for name in ("push_again", "pull_again"):
        original = getattr(store._client, name)

        def noted(*arguments, original=original, name=name):
            done = original(*arguments)
            if done:
                taken.append(name)
            return done

        monkeypatch.setattr(store._client, name, noted)
    return taken


@SHARED
def test_a_round_like_the_last_takes_the_short_way(shared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = started(Cluster(2, 2, shared))
    taken = short_calls(monkeypatch, workers[0][0])
    for number in range(3, 6):
        for rank, (store, grads, outs) in enumerate(workers):
            for key in KEYS:
                grads[key][:] = number * (rank + 1)
                store.push(key, grads[key])
                store.pull(key, outs[key])
                grads[key][:] = -1  # a pushed array is the caller's again
            store._client.flush()
        assert {value(outs[key]) for _, _, outs in workers for key in KEYS} == {3.0 * number}
    assert taken == ["push_again", "pull_again"] * 9


def test_lists_of_one_array_do_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ((store, grads, outs),) = started(Cluster(1, 1))
    taken = short_calls(monkeypatch, store)
    store.push("a", [grads["a"]])
    store.pull("a", [outs["a"]])
    assert value(outs["a"]) == 1
    assert taken == ["push_again", "pull_again"]
    store.push(["a"], [grads["a"]])
    store.pull(["a"], [outs["a"]])
    assert value(outs["a"]) == 1


@SHARED
def test_one_array_for_both(shared: bool) -> None:
    workers = started(Cluster(2, 1, shared))
    arrays = [nd.ones((3, 4)) for _ in workers]
    for number in range(1, 5):
        for (store, _, _), array in zip(workers, arrays, strict=True):
            store.push("a", array)
            store.pull("a", array)
            store._client.flush()
        assert [value(array) for array in arrays] == [2.0**number] * 2


def test_only_the_array_that_is_known_is_taken_without_a_look() -> None:
    ((store, _, outs),) = started(Cluster(1, 1))
    with pytest.raises(ArgumentError, match="expected a push of shape"):
        store.push("a", nd.ones((4, 3)))
    with pytest.raises(ArgumentTypeError, match="expected a push of float32"):
        store.push("a", nd.ones((3, 4), dtype="float16"))
    with pytest.raises(ArgumentError, match="expected an out of shape"):
        store.pull("a", nd.ones((4, 3)))
    for nothing in (None, []):
        with pytest.raises(MXNetError):
            store.push("a", nothing)
        with pytest.raises(MXNetError):
            store.pull("a", nothing)
    store.push("a", nd.full((3, 4), 7))
    store.pull("a", outs["a"])
    assert value(outs["a"]) == 7


def test_arrays_are_not_kept_alive() -> None:
    ((store, grads, outs),) = started(Cluster(1, 1))
    references = [weakref.ref(arrays["a"]) for arrays in (grads, outs)]
    del grads["a"], outs["a"]
    gc.collect()
    assert [reference() for reference in references] == [None, None]
    with pytest.raises(ArgumentTypeError):
        store.push("a", None)
    with pytest.raises(ArgumentTypeError):
        store.pull("a", None)


def test_views_of_a_known_array_wait_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ((store, grads, outs),) = started(Cluster(1, 1))
    row = outs["a"][1]
    grads["a"][:] = 5
    taken = short_calls(monkeypatch, store)
    store.push("a", grads["a"])
    store.pull("a", outs["a"])
    assert row.asnumpy().tolist() == [5.0] * 4
    assert taken == ["push_again"]


def test_a_second_push_and_a_second_pull_within_a_round() -> None:
    ((store, grads, outs),) = started(Cluster(1, 1))
    other = nd.zeros((3, 4))
    for number in range(3, 6):
        for step in (0, 0.5):
            grads["a"][:] = number + step
            store.push("a", grads["a"])
        store.pull("a", outs["a"])
        store.pull("a", other)
        store.pull("a", outs["a"])
        assert value(other) == number + 0.5
        assert value(outs["a"]) == number + 0.5


def test_pushing_what_is_on_its_way() -> None:
    ((store, grads, outs),) = started(Cluster(1, 1))
    grads["a"][:] = 3
    store.push("a", grads["a"])
    store.pull("a", grads["b"])
    store.push("b", grads["b"])  # known, and its value has not come yet
    store.pull("b", outs["b"])
    assert value(outs["b"]) == 3


def test_compression_that_is_set_later_looks_again() -> None:
    ((store, grads, _),) = started(Cluster(1, 1), dtype="float64")
    store.set_gradient_compression({"type": "fp16"})
    with pytest.raises(ArgumentTypeError, match="only supported for float32"):
        store.push("a", grads["a"])


@SHARED
def test_compression_holds_for_known_arrays(shared: bool) -> None:
    ((store, grads, outs),) = started(Cluster(1, 1, shared))
    store.set_gradient_compression({"type": "2bit", "threshold": 0.5})
    for expected in (0, 0.5, 0, 0.5):  # what is left out is added to the next
        grads["a"][:] = 0.25
        store.push("a", grads["a"])
        store.pull("a", outs["a"])
        assert value(outs["a"]) == expected


def test_keys_that_are_added_later_move_the_staging() -> None:
    workers = started(Cluster(2, 1))
    for store, _, _ in workers:
        store.init([f"new{n}" for n in range(200)], [nd.zeros((50, 10)) for _ in range(200)])
    for _, grads, _ in workers:
        grads["a"][:] = 8
    one_round(workers)
    assert value(workers[1][2]["a"]) == 16


def test_hyper_parameters_are_looked_at_once_a_step() -> None:
    cluster = Cluster(1, 2)
    (store,) = stores(cluster)
    optimizer = mx.optimizer.create("sgd", learning_rate=0.5)
    store._client.ask_all(m.SetOptimizer, 0, optimizer.to_config())
    store._hyper = HyperParameters(store._client, 0, optimizer)
    grads, outs = ({key: nd.ones((2,)) for key in KEYS} for _ in range(2))
    store.init(KEYS, [nd.zeros((2,)) for _ in KEYS])
    expected = 0.0
    for rate in (0.5, 0.5, 0.25, 0.25, 2.0):
        optimizer.lr = rate
        one_round([(store, grads, outs)])
        expected -= rate
        assert {value(outs[key]) for key in KEYS} == {expected}
    assert [type(message).__name__ for _, _, message in cluster.sent].count("ChangeOptimizer") == 2 * 2


def test_a_pull_that_fails_leaves_its_array_as_it_was() -> None:
    cluster = Cluster(2, 1)
    workers = started(cluster)
    store, grads, outs = workers[0]
    store._client.wait_timeout = 0.2
    for key in KEYS:
        store.push(key, grads[key])
        store.pull(key, outs[key])
    for key in KEYS:
        with pytest.raises(MXNetError, match="for the pull of key"):
            outs[key].asnumpy()
        assert value(outs[key]) == 2  # the last round's, and an ordinary array again
    nd.waitall()


def test_counters_of_bytes_and_rounds() -> None:
    ((store, _, _),) = started(Cluster(1, 1), rounds=5)
    counters = store._client.counters
    assert counters.rounds == 5
    assert counters.bytes_out == counters.bytes_in == 5 * len(KEYS) * 48


class Still:
    """What a flusher sees of a client."""

    def __init__(self) -> None:
        self.flushed = self.calls = 0
        self.abandoned: list[int] = []
        self.wake_flusher = lambda: None
        self.done = threading.Event()

    def flush_unless_busy(self) -> bool:
        self.calls += 1
        self.done.set()
        return True


def test_the_flusher_leaves_alone_what_was_staged_since_a_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Still()
    sleeps = []

    def sleep(seconds: float) -> None:
        sleeps.append(client.calls)
        if len(sleeps) < 4:
            client.flushed += 1  # the program has waited for something meanwhile

    monkeypatch.setattr(flusher_module, "time", SimpleNamespace(sleep=sleep))
    flusher = flusher_module.Flusher(client)  # type: ignore[arg-type]
    client.wake_flusher()
    assert client.done.wait(10)
    flusher.stop()
    assert sleeps[:4] == [0, 0, 0, 0]
