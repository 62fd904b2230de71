"""Rounds of a store: every order of arrival gives the same bits, and every push counts once."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxtrain_server.parameters.errors import RequestError
from mxtrain_server.parameters.memory import PrivateMemory
from mxtrain_server.parameters.store import Store

MEMORY = PrivateMemory()


def make_store(lengths: list[int], workers: int = 3, dtype: str = "float32", mode: str = "sync") -> Store:
    store = Store(0, mode, set(range(workers)))
    for key, length in enumerate(lengths):
        store.create([key, dtype, [], [length]], MEMORY, 0)
    return store


def gradients(workers: int, size: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [(rng.standard_normal(size) * 10.0 ** rng.integers(-6, 6, size)).astype(np.float32) for _ in range(workers)]


def in_rank_order(arrays: list[np.ndarray]) -> np.ndarray:
    total = arrays[0] + arrays[1]
    for array in arrays[2:]:
        total = total + array
    return total


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_sums_do_not_depend_on_arrival(order: tuple[int, ...]) -> None:
    store = make_store([1000], workers=4)
    arrays = gradients(4, 1000)
    done = [store.push(rank, store.segments[0], 0, 1, 1, arrays[rank]) for rank in order]
    assert [len(runs) for runs in done] == [0, 0, 0, 1]
    assert store.segments[0].values[:1000].tobytes() == in_rank_order(arrays).tobytes()


@st.composite
def deliveries(draw: st.DrawFn) -> list[tuple[int, int, int, int]]:
    """(rank, first, stop, round): each worker pushes 6 blocks for some rounds, each round cut anywhere, interleaved."""
    queues = []
    for rank in range(3):
        queue = []
        for number in range(1, 4):
            edges = sorted({0, 6, *draw(st.lists(st.integers(1, 5), max_size=3))})
            cuts = draw(st.permutations(list(itertools.pairwise(edges))))
            queue += [(rank, first, stop, number) for first, stop in cuts]
        queues.append(queue)
    mixed = []
    while any(queues):
        queue = draw(st.sampled_from([queue for queue in queues if queue]))
        mixed.append(queue.pop(0))
    return mixed


@given(deliveries())
def test_any_cut_and_any_interleaving_gives_the_same_bits(pushes: list[tuple[int, int, int, int]]) -> None:
    lengths = [3, 1, 7, 2, 5, 4]
    store = make_store(lengths)
    segment = store.segments[0]
    total = sum(lengths)
    by_round = {number: gradients(3, total, number) for number in (1, 2, 3)}
    last = {}
    for rank, first, stop, number in pushes:
        low, high = segment.bounds(first, stop)
        for run in store.push(rank, segment, first, stop - first, number, by_round[number][rank][low:high]):
            for block in range(run.first, run.stop):
                last[block] = last.get(block, 0) + 1
                assert segment.completed[block] == last[block]
    assert last == dict.fromkeys(range(6), 3)
    assert segment.values[:total].tobytes() == in_rank_order(by_round[3]).tobytes()
    assert sum(map(len, store.contributions.values())) == 0


def test_a_push_counts_once() -> None:
    store = make_store([4], workers=2)
    segment = store.segments[0]
    store.push(0, segment, 0, 1, 1, np.ones(4, np.float32))
    assert store.push(0, segment, 0, 1, 1, np.full(4, 9, np.float32)) == []
    assert len(store.push(1, segment, 0, 1, 1, np.ones(4, np.float32))) == 1
    assert store.push(1, segment, 0, 1, 1, np.full(4, 9, np.float32)) == []
    assert segment.values[:4].tolist() == [2, 2, 2, 2]
    assert store.duplicates == 2


def test_a_round_out_of_turn_is_refused() -> None:
    store = make_store([4], workers=2)
    with pytest.raises(RequestError, match=r"expected round 1\. Received: round 2"):
        store.push(0, store.segments[0], 0, 1, 2, np.ones(4, np.float32))


def test_a_worker_ahead_of_the_others() -> None:
    store = make_store([2], workers=2)
    segment = store.segments[0]
    for number in (1, 2, 3):
        assert store.push(0, segment, 0, 1, number, np.full(2, number, np.float32)) == []
    seen = []
    for number in (1, 2, 3):
        store.push(1, segment, 0, 1, number, np.full(2, 10 * number, np.float32))
        seen.append(float(segment.values[0]))
    assert seen == [11, 22, 33]


def test_rounds_go_on_without_a_worker_that_left() -> None:
    store = make_store([2, 2], workers=3)
    segment = store.segments[0]
    one = np.ones(4, np.float32)
    for rank in (0, 1):
        store.push(rank, segment, 0, 2, 1, one)
    store.push(2, segment, 0, 1, 1, np.full(2, 5, np.float32))
    assert segment.values[:4].tolist() == [7, 7, 0, 0]
    for rank in (0, 1):
        store.push(rank, segment, 0, 2, 2, one)
    # what the leaving worker has pushed counts; what it has not pushed waits for it no more
    done = store.leave(2)
    assert sorted((run.first, run.stop) for run in done) == [(0, 1), (1, 2), (1, 2)]
    assert segment.values[:4].tolist() == [2, 2, 2, 2]
    assert segment.completed.tolist() == [2, 2]


def test_when_everybody_left_nothing_happens() -> None:
    store = make_store([2], workers=1)
    assert store.leave(0) == []
    assert store.leave(0) == []


def test_async_applies_each_push() -> None:
    store = make_store([2], workers=2, mode="async")
    with pytest.raises(RequestError, match="set_optimizer"):
        store.push(0, store.segments[0], 0, 1, 1, np.ones(2, np.float32))


def test_low_precision_is_summed_in_float32() -> None:
    store = make_store([1], workers=3, dtype="float16")
    segment = store.segments[0]
    for rank, value in enumerate((2048.0, 1.0, 1.0)):
        store.push(rank, segment, 0, 1, 1, np.array([value], np.float16))
    assert segment.values[0] == 2050  # one by one in float16 it would stay at 2048


def test_keys_of_one_dtype_share_a_segment_and_big_ones_get_room() -> None:
    store = Store(0, "sync", {0})
    dtypes = ("float32", "float16", "float32")
    places = [store.create([n, dtype, [], [1000]], MEMORY, len(store.segments)) for n, dtype in enumerate(dtypes)]
    assert [(segment.number, head) for segment, head in places] == [(0, 0), (1, 0), (0, 1)]
    big = 20_000_000
    segment, head = store.create(["big", "float32", [], [big // 2] * 2], MEMORY, 2)
    assert (segment.number, head, segment.values.size) == (2, 0, big)
    assert segment.key_blocks(1) == (0, 2)


def test_a_key_in_another_form_is_refused() -> None:
    store = make_store([4])
    assert store.create([0, "float32", [], [4]], MEMORY, 1) == (store.segments[0], 0)
    for entry in ([0, "float32", [], [5]], [0, "float16", [], [4]]):
        with pytest.raises(RequestError, match=r"Key 0 exists\. Expected: 4 float32"):
            store.create(entry, MEMORY, 1)
    with pytest.raises(RequestError, match=r"expected 4 elements\. Received: shape \(5,\)"):
        store.create(["x", "float32", [5], [4]], MEMORY, 1)
