"""NDArrayIter against what MXNet 1.9.1's gives."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import MXNetError

_PAD, _DISCARD, _ROLL = "pad", "discard", "roll_over"


def _epoch(data_iter):
    """(first column of the data, pad) of each batch."""
    batches = []
    for batch in data_iter:
        data = batch.data[0].asnumpy()
        if batch.label:
            np.testing.assert_array_equal(data.reshape(len(data), -1)[:, 0], batch.label[0].asnumpy())
        batches.append((data.reshape(len(data), -1)[:, 0].astype(int).tolist(), batch.pad))
    return batches


def _epochs(data_iter, num_epochs):
    epochs = []
    for _ in range(num_epochs):
        epochs.append(_epoch(data_iter))
        data_iter.reset()
    return epochs


_IN_ORDER = {
    _PAD: [[([0, 1, 2], 0), ([3, 4, 5], 0), ([6, 7, 8], 0), ([9, 0, 1], 2)]] * 3,
    _DISCARD: [[([0, 1, 2], 0), ([3, 4, 5], 0), ([6, 7, 8], 0)]] * 3,
    _ROLL: [
        [([0, 1, 2], 0), ([3, 4, 5], 0), ([6, 7, 8], 0)],
        [([9, 0, 1], 1), ([2, 3, 4], 0), ([5, 6, 7], 0)],
        [([8, 9, 0], 2), ([1, 2, 3], 0), ([4, 5, 6], 0), ([7, 8, 9], 0)],
    ],
}
_SHUFFLED = {  # after numpy.random.seed(0)
    _PAD: [
        [([2, 8, 4], 0), ([9, 1, 6], 0), ([7, 3, 0], 0), ([5, 2, 8], 2)],
        [([5, 7, 0], 0), ([1, 6, 2], 0), ([4, 3, 9], 0), ([8, 5, 7], 2)],
        [([9, 6, 1], 0), ([2, 5, 4], 0), ([8, 0, 7], 0), ([3, 9, 6], 2)],
    ],
    _DISCARD: [
        [([2, 8, 4], 0), ([9, 1, 6], 0), ([7, 3, 0], 0)],
        [([5, 7, 0], 0), ([1, 6, 2], 0), ([4, 3, 9], 0)],
        [([9, 6, 1], 0), ([2, 5, 4], 0), ([8, 0, 7], 0)],
    ],
    _ROLL: [
        [([2, 8, 4], 0), ([9, 1, 6], 0), ([7, 3, 0], 0)],
        [([5, 5, 7], 1), ([0, 1, 6], 0), ([2, 4, 3], 0)],
        [([9, 8, 9], 2), ([6, 1, 2], 0), ([5, 4, 8], 0), ([0, 7, 3], 0)],
    ],
}


@pytest.mark.parametrize("make", [np.array, mx.nd.array], ids=["numpy", "ndarray"])
@pytest.mark.parametrize("handle", [_PAD, _DISCARD, _ROLL])
def test_batches_in_order(handle, make):
    data = make(np.stack([np.arange(10), np.arange(10) + 100], axis=1))
    data_iter = mx.io.NDArrayIter(data, make(np.arange(10)), 3, last_batch_handle=handle)
    assert _epochs(data_iter, 3) == _IN_ORDER[handle]
    data_iter.hard_reset()
    assert _epoch(data_iter) == _IN_ORDER[handle][0]


@pytest.mark.parametrize("handle", [_PAD, _DISCARD, _ROLL])
def test_shuffled_batches_follow_the_seed_of_numpy(handle):
    np.random.seed(0)
    data_iter = mx.io.NDArrayIter(np.arange(10), np.arange(10), 3, shuffle=True, last_batch_handle=handle)
    assert _epochs(data_iter, 3) == _SHUFFLED[handle]


def test_idx_is_the_order_of_the_epoch():
    data_iter = mx.io.NDArrayIter(np.arange(7), batch_size=1, shuffle=True)
    assert [batch[0][0] for batch in _epoch(data_iter)] == data_iter.idx.tolist()


def test_batches_larger_than_the_data():
    assert _epoch(mx.io.NDArrayIter(np.arange(4), batch_size=5, last_batch_handle=_DISCARD)) == []
    assert _epoch(mx.io.NDArrayIter(np.arange(4), batch_size=5)) == [([0, 1, 2, 3, 0], 1)]
    expected = [([0, 1, 2, 3] * 2 + [0, 1, 2], 7)]
    assert _epoch(mx.io.NDArrayIter(np.arange(4), batch_size=11)) == expected
    rolling = mx.io.NDArrayIter(np.arange(4), batch_size=5, last_batch_handle=_ROLL)
    assert _epochs(rolling, 3) == [[], [([0, 1, 2, 3, 0], 4)], [([1, 2, 3, 0, 1], 3)]]


def test_descriptions_of_single_arrays_lists_and_dictionaries():
    ones = np.ones((4, 2))
    data_iter = mx.io.NDArrayIter(ones, np.ones(4), 2)
    assert data_iter.provide_data == [("data", (2, 2))]
    assert data_iter.provide_label == [("softmax_label", (2,))]
    assert str(data_iter.provide_data[0]) == "DataDesc[data,(2, 2),<class 'numpy.float32'>,NCHW]"
    data_iter = mx.io.NDArrayIter([ones, np.ones((4, 3))], {"l1": ones, "l0": ones}, 2, layout="NT")
    assert [desc.name for desc in data_iter.provide_data] == ["_0_data", "_1_data"]
    assert [desc.name for desc in data_iter.provide_label] == ["l0", "l1"]
    assert data_iter.provide_data[0].layout == "NT"
    assert (data_iter.num_source, data_iter.num_data) == (4, 4)
    for none in (None, [], {}):
        assert mx.io.NDArrayIter(ones, none).provide_label == []
        assert not next(mx.io.NDArrayIter(ones, none)).label


def test_numpy_data_becomes_float32_and_ndarrays_keep_their_dtype():
    assert mx.io.NDArrayIter(np.ones(4, "int32")).provide_data[0].dtype is np.float32
    data_iter = mx.io.NDArrayIter(mx.nd.ones((4,), dtype="int32"))
    assert data_iter.provide_data[0].dtype is np.int32
    assert next(data_iter).data[0].dtype is np.int32


def test_batches_in_order_share_the_memory_of_the_data():
    data = mx.nd.array(np.arange(6))
    batch = next(mx.io.NDArrayIter(data, batch_size=2))
    data[0] = 7
    assert batch.data[0].asnumpy().tolist() == [7, 1]


def test_current_batch_by_parts():
    data_iter = mx.io.NDArrayIter(np.arange(10), np.arange(10), 3)
    assert data_iter.iter_next()
    assert data_iter.iter_next()
    assert data_iter.getdata()[0].asnumpy().tolist() == data_iter.getlabel()[0].asnumpy().tolist() == [3, 4, 5]
    assert (data_iter.getpad(), data_iter.getindex(), data_iter.cursor) == (0, None, 3)


class _OnDisk:
    """Reads rows like an h5py data set: slices, and lists of rising row numbers only."""

    def __init__(self, values):
        self._values = np.asarray(values)
        self.shape, self.dtype = self._values.shape, self._values.dtype

    def __len__(self):
        return len(self._values)

    def __getitem__(self, key):
        assert isinstance(key, slice) or (np.diff(key) > 0).all()
        return self._values[key]


@pytest.mark.parametrize("shuffle", [False, True])
def test_data_sets_on_disk_are_read_batch_by_batch(shuffle):
    np.random.seed(0)
    values = np.arange(10, dtype="float32")
    data_iter = mx.io.NDArrayIter(_OnDisk(values), _OnDisk(values), 3, shuffle=shuffle)
    assert _epochs(data_iter, 3) == (_SHUFFLED if shuffle else _IN_ORDER)[_PAD]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mx.io.NDArrayIter("abc"), "Input must be NDArray"),
        (lambda: mx.io.NDArrayIter(None), "at least one array as data"),
        (lambda: mx.io.NDArrayIter([]), "at least one array as data"),
        (lambda: mx.io.NDArrayIter({"a": "x"}), "Invalid type 'str' for a"),
        (lambda: mx.io.NDArrayIter([np.ones(4), np.ones(5)]), "equally many examples.*_1_data': 5"),
        (lambda: mx.io.NDArrayIter(np.ones(4), np.ones(5)), "equally many examples.*softmax_label': 5"),
        (lambda: mx.io.NDArrayIter(np.ones(4), batch_size=0), "batch_size >= 1"),
        (lambda: mx.io.NDArrayIter(np.ones(4), last_batch_handle="keep"), "last_batch_handle of .*'keep'"),
    ],
)
def test_data_that_does_not_fit_is_named(make, message):
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        make()
    assert isinstance(caught.value, MXNetError)
