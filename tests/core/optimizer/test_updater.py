"""The updater, and optimizer states as bytes."""

import pickle
import struct

import numpy as np
import pytest

from mxtrain import ndarray as nd
from mxtrain import optimizer as opt
from mxtrain.base import MXNetError


def _gradient(step, shape):
    return nd.array(np.random.default_rng(step).normal(size=shape))


def _train(updater, weights, steps):
    for step in steps:
        for index, weight in weights.items():
            updater(index, _gradient(step, weight.shape), weight)


@pytest.mark.parametrize("dump_optimizer", [False, True])
@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop", "dcasgd", "nadam"])
def test_resuming_from_saved_states_equals_never_stopping(name, dump_optimizer):
    arguments = {"learning_rate": 0.1, **({"momentum": 0.9} if name == "sgd" else {})}
    weights = {0: nd.ones((2, 3)), "named": nd.ones((4,))}
    updater = opt.get_updater(opt.create(name, **arguments))
    _train(updater, weights, range(3))
    saved = updater.get_states(dump_optimizer=dump_optimizer)
    resumed_weights = {index: weight.copy() for index, weight in weights.items()}
    _train(updater, weights, range(3, 6))

    resumed = opt.get_updater(opt.SGD() if dump_optimizer else opt.create(name, **arguments))
    resumed.set_states(saved)
    _train(resumed, resumed_weights, range(3, 6))
    for index, weight in weights.items():
        np.testing.assert_array_equal(weight.asnumpy(), resumed_weights[index].asnumpy())


def test_states_are_made_on_first_use_and_moved_when_loaded():
    updater = opt.get_updater(opt.SGD(momentum=0.9))
    weight = nd.ones((2,))
    updater(0, nd.ones((2,)), weight)
    assert updater.states_synced == {0: True}
    np.testing.assert_allclose(updater.states[0].asnumpy(), -0.01, rtol=1e-6)
    other = opt.get_updater(opt.SGD(momentum=0.9))
    other.set_states(updater.get_states())
    assert other.states_synced == {0: False}
    other(0, nd.ones((2,)), weight)
    assert other.states_synced == {0: True}


def test_lists_go_to_the_optimizer_in_groups():
    sizes = []

    class Recorder(opt.SGD):
        def update_multi_precision(self, index, weight, grad, state):
            if isinstance(index, list):
                sizes.append(len(index))
            super().update_multi_precision(index, weight, grad, state)

    weights = [nd.ones((2,)) for _ in range(6)]
    opt.get_updater(Recorder(learning_rate=1.0))(list(range(6)), [nd.ones((2,)) for _ in range(6)], weights)
    assert sizes == [4, 2]
    assert all((weight.asnumpy() == 0).all() for weight in weights)


def test_lists_work_for_optimizers_that_take_single_parameters():
    weights = [nd.zeros((2,)), nd.zeros((3,))]
    opt.get_updater(opt.Test())([5, 6], [nd.ones((2,)), nd.ones((3,))], weights)
    assert [weight.asnumpy().tolist() for weight in weights] == [[1, 1], [1, 1, 1]]


def _saved():
    updater = opt.get_updater(opt.Adam())
    _train(updater, {0: nd.ones((2, 3)), 1: nd.ones((5,), dtype="float64")}, range(2))
    return updater.get_states(dump_optimizer=True)


def test_every_truncation_is_refused_and_changes_nothing():
    saved = _saved()
    updater = opt.get_updater(opt.Adam())
    for length in range(0, len(saved), 7):
        with pytest.raises(MXNetError, match="optimizer states"):
            updater.set_states(saved[:length])
    assert updater.states == {}


def test_damaged_bytes_never_do_worse_than_an_mxnet_error():
    saved = _saved()
    random = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(saved)
        for position in random.integers(0, len(saved), 3):
            damaged[position] = random.integers(256)
        try:
            opt.get_updater(opt.Adam()).set_states(bytes(damaged))
        except MXNetError:
            continue


def test_a_pickle_is_named_and_not_loaded():
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was loaded",))

    with pytest.raises(MXNetError, match="pickle"):
        opt.get_updater(opt.SGD()).set_states(pickle.dumps({0: Bomb()}))


def test_absurd_shapes_take_no_memory():
    import msgpack

    header = msgpack.packb(
        {"states": [[0, {"shape": [2**31, 2**20], "dtype": "float32"}]], "progress": {}, "optimizer": None}
    )
    saved = _saved()[:8] + struct.pack("<Q", len(header)) + header
    with pytest.raises(MXNetError, match="bytes for the values of shape"):
        opt.get_updater(opt.SGD()).set_states(saved)
