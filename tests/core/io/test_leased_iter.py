"""`LeasedIter` in one process: its batches, epochs and mistakes; jobs are tested in tests/kvstore and tests/faults."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.io.leased_iter import shuffled

ROWS = 10


def leased(**how) -> mx.io.LeasedIter:
    data = np.arange(ROWS * 2, dtype=np.float32).reshape(ROWS, 2)
    how = {"batch_size": 3, **how}
    return mx.io.LeasedIter(mx.kv.create("local"), data, np.arange(ROWS, dtype=np.float32), **how)


def rows_of(batches: list) -> list[int]:
    return [int(row) for batch in batches for row in batch.label[0].asnumpy()]


def test_every_row_comes_once_an_epoch():
    it = leased()
    for epoch in range(3):
        assert it.epoch == epoch
        batches = list(it)
        assert rows_of(batches) == list(range(ROWS))
        assert [batch.data[0].shape[0] for batch in batches] == [3, 3, 3, 1]
        assert batches[-1].provide_data[0].shape == (1, 2)
        assert list(batches[1].index) == [3, 4, 5]
        assert list(it) == []
        it.reset()


@pytest.mark.parametrize(("handle", "sizes", "pads"), [("pad", [3, 3, 3, 3], 2), ("discard", [3, 3, 3], 0)])
def test_the_last_batch(handle, sizes, pads):
    batches = list(leased(last_batch_handle=handle))
    assert [batch.data[0].shape[0] for batch in batches] == sizes
    assert batches[-1].pad == pads
    assert handle == "discard" or rows_of(batches)[-3:] == [9, 9, 9]


def test_a_shuffled_epoch_has_an_order_of_its_own():
    it = leased(shuffle=True, seed=3, lease_batches=2)
    first = rows_of(list(it))
    it.reset()
    second = rows_of(list(it))
    assert sorted(first) == sorted(second) == list(range(ROWS))
    assert first != second
    again = leased(shuffle=True, seed=3, epoch=1)
    assert rows_of(list(again)) == second


def test_the_order_is_the_same_everywhere():
    assert shuffled(10, 3, 0).tolist() == shuffled(10, 3, 0).tolist()
    assert shuffled(8, 5, 2).tolist() == [4, 7, 6, 0, 1, 5, 2, 3]


def test_reset_in_the_middle_begins_the_next_epoch():
    it = leased()
    it.next()
    it.reset()
    assert it.epoch == 1
    assert rows_of(list(it)) == list(range(ROWS))


def test_reset_before_the_first_batch_changes_nothing():
    it = leased()
    it.reset()
    assert it.epoch == 0


def test_the_state_of_an_epoch():
    it = leased(shuffle=True)
    list(it)
    it.reset()
    state = it.get_state()
    expected = rows_of(list(it))
    other = leased(shuffle=True)
    other.set_state(state)
    assert rows_of(list(other)) == expected


def test_after_close_there_are_no_batches():
    it = leased()
    it.next()
    it.close()
    assert list(it) == []


def test_it_describes_its_batches_and_several_arrays():
    it = mx.io.LeasedIter(
        mx.kv.create("local"), {"b": np.zeros((6, 2)), "a": np.zeros((6, 4, 4))}, np.zeros(6), batch_size=2
    )
    assert [(d.name, d.shape) for d in it.provide_data] == [("a", (2, 4, 4)), ("b", (2, 2))]
    assert [(d.name, d.shape) for d in it.provide_label] == [("softmax_label", (2,))]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"batch_size": 0}, "expected batch_size >= 1"),
        ({"lease_batches": 0}, "lease_batches >= 1. Received: 3, 0"),
        ({"last_batch_handle": "roll_over"}, "expected last_batch_handle of"),
    ],
)
def test_mistakes_are_named(how, words):
    with pytest.raises(mx.base.ArgumentError, match=words):
        leased(**how)


def test_it_needs_a_store():
    with pytest.raises(mx.base.ArgumentTypeError, match=r"expected a KVStore of .* Received: str"):
        mx.io.LeasedIter("local", np.zeros((3, 2)))


def test_module_trains_on_it_with_a_small_last_batch():
    layer = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc")
    symbol = mx.sym.SoftmaxOutput(layer, name="softmax")
    kv = mx.kv.create("local")
    rng = np.random.default_rng(1)
    data = rng.standard_normal((ROWS, 2)).astype(np.float32)
    label = rng.integers(0, 3, ROWS).astype(np.float32)
    weights = []
    for it in (
        mx.io.LeasedIter(kv, data, label, batch_size=5),
        mx.io.NDArrayIter(data, label, batch_size=5),
        mx.io.LeasedIter(kv, data, label, batch_size=4),
    ):
        module = mx.mod.Module(symbol)
        module.fit(it, num_epoch=2, kvstore=None, initializer=mx.init.One(), optimizer_params={"learning_rate": 0.1})
        weights.append(module.get_params()[0]["fc_weight"].asnumpy())
    assert (weights[0] == weights[1]).all()
    assert np.isfinite(weights[2]).all()
