"""Descriptions, batches, and iterators around iterators."""

import copy
import gc
import pickle
import threading

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import MXNetError


def _numbers(size=10, batch_size=3):
    return mx.io.NDArrayIter(np.arange(size), np.arange(size), batch_size)


def _starts(data_iter):
    return [(int(batch.data[0].asnumpy()[0]), batch.pad) for batch in data_iter]


def _prefetch_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch-")]


def test_data_desc():
    desc = mx.io.DataDesc("data", (3, 4), np.float16, "TNC")
    assert desc == ("data", (3, 4))
    name, shape = desc
    assert (name, shape, desc.dtype, desc.layout) == ("data", (3, 4), np.float16, "TNC")
    for other in (copy.deepcopy(desc), pickle.loads(pickle.dumps(desc))):
        assert repr(other) == repr(desc) == "DataDesc[data,(3, 4),<class 'numpy.float16'>,TNC]"
    assert [mx.io.DataDesc.get_batch_axis(layout) for layout in (None, "NCHW", "TNC", "CHW")] == [0, 0, 1, -1]
    made = mx.io.DataDesc.get_list([("a", (1, 2)), ("b", (3,))], [("a", np.float32), ("b", np.int32)])
    assert [(desc.name, desc.dtype) for desc in made] == [("a", np.float32), ("b", np.int32)]
    assert mx.io.DataDesc.get_list([("a", (1, 2))], None) == [("a", (1, 2))]


def test_data_batch():
    batch = mx.io.DataBatch([mx.nd.ones((2, 3)), mx.nd.ones((7, 8))], [mx.nd.ones((4, 5))])
    assert str(batch) == "DataBatch: data shapes: [(2, 3), (7, 8)] label shapes: [(4, 5)]"
    assert str(mx.io.DataBatch([mx.nd.ones((2, 3))])) == "DataBatch: data shapes: [(2, 3)] label shapes: None"
    assert mx.io.DataBatch(None).data is None
    with pytest.raises(TypeError, match="Data must be list"):
        mx.io.DataBatch(mx.nd.ones((2,)))
    with pytest.raises(TypeError, match="Label must be list"):
        mx.io.DataBatch([mx.nd.ones((2,))], label=3)


def test_own_iterators_define_the_parts():
    class Countdown(mx.io.DataIter):
        def __init__(self):
            super().__init__(batch_size=1)
            self.left = 3

        def iter_next(self):
            self.left -= 1
            return self.left >= 0

        def getdata(self):
            return [mx.nd.array([self.left])]

        def getpad(self):
            return 0

    batches = list(Countdown())
    assert [batch.data[0].asscalar() for batch in batches] == [2, 1, 0]
    assert batches[0].pad == 0
    assert list(mx.io.DataIter()) == []


def test_resize_iter_makes_epochs_longer_and_shorter():
    longer = mx.io.ResizeIter(_numbers(), 7)
    expected = [(0, 0), (3, 0), (6, 0), (9, 2), (0, 0), (3, 0), (6, 0)]
    assert _starts(longer) == expected
    longer.reset()
    assert _starts(longer) == expected
    shorter = mx.io.ResizeIter(_numbers(), 2, reset_internal=False)
    epochs = []
    for _ in range(3):
        epochs.append([start for start, _ in _starts(shorter)])
        shorter.reset()
    assert epochs == [[0, 3], [6, 9], [0, 3]]
    assert (shorter.provide_data, shorter.batch_size) == (_numbers().provide_data, 3)


def test_resize_iter_of_nothing_says_so():
    empty = mx.io.NDArrayIter(np.arange(2), batch_size=3, last_batch_handle="discard")
    with pytest.raises(MXNetError, match="without any"):
        mx.io.ResizeIter(empty, 2).next()
    with pytest.raises(MXNetError, match="Call next"):
        mx.io.ResizeIter(_numbers(), 2).getdata()


def test_prefetching_gives_the_same_batches_epoch_after_epoch():
    plain = _starts(_numbers())
    ahead = mx.io.PrefetchingIter(_numbers())
    for _ in range(3):
        assert _starts(ahead) == plain
        with pytest.raises(StopIteration):
            ahead.next()
        ahead.reset()
    next(ahead)
    ahead.reset()  # in the middle of an epoch
    assert _starts(ahead) == plain
    ahead.close()


def test_prefetching_joins_iterators_under_new_names():
    ahead = mx.io.PrefetchingIter(
        [_numbers(), _numbers()],
        rename_data=[{"data": "d1"}, {"data": "d2"}],
        rename_label=[{"softmax_label": "l1"}, {"softmax_label": "l2"}],
    )
    assert [desc.name for desc in ahead.provide_data + ahead.provide_label] == ["d1", "d2", "l1", "l2"]
    batch = next(ahead)
    assert (len(batch.data), len(batch.label), batch.provide_data) == (2, 2, ahead.provide_data)
    assert (ahead.getdata(), ahead.getlabel(), ahead.getpad()) == (batch.data, batch.label, 0)
    ahead.close()


class _Failing(mx.io.DataIter):
    provide_data = [mx.io.DataDesc("data", (1,))]
    provide_label = []

    def __init__(self):
        super().__init__(1)
        self.calls = 0

    def reset(self):
        self.calls = 0

    def next(self):
        self.calls += 1
        if self.calls == 2:
            raise OSError("the disk is gone")
        return mx.io.DataBatch([mx.nd.ones((1,))], pad=0)


def test_exceptions_in_the_thread_reach_the_caller():
    ahead = mx.io.PrefetchingIter(_Failing())
    next(ahead)
    with pytest.raises(OSError, match="the disk is gone"):
        next(ahead)
    next(ahead)  # the iterator went on behind its failure
    ahead.reset()
    next(ahead)
    with pytest.raises(OSError, match="the disk is gone"):
        next(ahead)
    ahead.close()


def test_threads_end_with_the_iterator():
    before = len(_prefetch_threads())
    ahead = mx.io.PrefetchingIter([_numbers(), _numbers()])
    assert len(_prefetch_threads()) == before + 2
    del ahead
    gc.collect()
    assert len(_prefetch_threads()) == before
    ahead = mx.io.PrefetchingIter(_numbers())
    ahead.close()
    ahead.close()
    assert len(_prefetch_threads()) == before
    with pytest.raises(MXNetError, match="after close"):
        ahead.reset()


def test_iterators_of_unequal_length_are_an_error():
    ahead = mx.io.PrefetchingIter([_numbers(9), _numbers(6)])
    next(ahead)
    next(ahead)
    with pytest.raises(MXNetError, match="iterators of one length"):
        next(ahead)
    ahead.close()
    with pytest.raises(MXNetError, match="at least one"):
        mx.io.PrefetchingIter([])
