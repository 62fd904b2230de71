"""Updates by row_sparse gradients: against MXNet 1.9.1 (sparse_oracle.json), and against dense updates."""

import json
import pathlib

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import ArgumentError

_ORACLE = json.loads(pathlib.Path(__file__).with_name("sparse_oracle.json").read_text())
_FLOAT32 = {"rtol": 2e-6, "atol": 2e-7}
_FLOAT16 = {"rtol": 2e-3, "atol": 2e-4}
# MXNet makes dense states for all weights; ours are as the weight
_STATES_AS_THE_WEIGHT = ("adadelta", "ftml", "nadam")


def _name(case):
    arguments = ",".join(f"{key}={value}" for key, value in case["arguments"].items())
    return f"{case['name']}({arguments}){case['stype']}{case.get('dtype', '')}"


def _gradient(rows, values, shape, dtype="float32"):
    dense = np.zeros(shape, dtype)
    dense[np.array(rows, int)] = np.array(values, dtype).reshape(-1, *shape[1:])
    return mx.nd.array(dense, dtype=dtype).tostype("row_sparse")


def _arrays(state):
    """Storage type and values of every array of a state, depth first."""
    if state is None:
        return []
    if isinstance(state, (tuple, list)):
        return [array for part in state for array in _arrays(part)]
    return [(state.stype, state.asnumpy())]


@pytest.mark.parametrize("case", _ORACLE["cases"], ids=_name)
def test_updates_equal_mxnet(case):
    dtype = case.get("dtype", "float32")
    tolerance = _FLOAT16 if dtype == "float16" else _FLOAT32
    if case["name"] == "ftml":
        tolerance = {"rtol": 1e-5, "atol": 1e-6}
    weight = mx.nd.array(_ORACLE["inputs"]["weight"], dtype=dtype).tostype(case["stype"])
    updater = mx.optimizer.get_updater(mx.optimizer.create(case["name"], **case["arguments"]))
    for rows, values in _ORACLE["inputs"]["gradients"]:
        gradient = _gradient(rows, values, weight.shape, dtype)
        before = gradient.asnumpy()
        updater(0, gradient, weight)
        np.testing.assert_array_equal(gradient.asnumpy(), before)  # gradients are left alone
    expected = [case["weight"], *case["state"]]
    for (stype, ours), (their_stype, theirs) in zip(_arrays((weight, updater.states[0])), expected, strict=True):
        assert stype == their_stype or case["name"] in _STATES_AS_THE_WEIGHT
        np.testing.assert_allclose(ours, theirs, **tolerance)


def _table(rows=50, columns=3):
    return np.random.RandomState(0).standard_normal((rows, columns)).astype(np.float32)


@pytest.mark.parametrize("name", ["sgd", "adam", "adagrad", "ftrl", "groupadagrad", "rmsprop", "nadam"])
@pytest.mark.parametrize("stype", ["default", "row_sparse"])
def test_a_gradient_with_all_rows_acts_as_a_dense_one(name, stype):
    gradient = _table() + 1
    weights = []
    for grad in (mx.nd.array(gradient), mx.nd.array(gradient).tostype("row_sparse")):
        updater = mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.1))
        weight = mx.nd.array(_table()).tostype(stype)
        for _ in range(3):
            updater("w", grad, weight)
        weights.append(weight.asnumpy())
    np.testing.assert_array_equal(*weights)


@pytest.mark.parametrize(("name", "momentum"), [("sgd", {}), ("sgd", {"momentum": 0.9}), ("adam", {})])
def test_updates_that_are_not_lazy_equal_dense_ones_over_many_pieces(name, momentum):
    rows, columns = 2000, 40  # more values than one piece holds
    gradient = np.where(np.arange(rows)[:, None] % 7 == 3, _table(rows, columns), 0).astype(np.float32)
    weights = []
    for grad in (mx.nd.array(gradient), mx.nd.array(gradient).tostype("row_sparse")):
        optimizer = mx.optimizer.create(name, learning_rate=0.1, wd=0.1, lazy_update=False, **momentum)
        updater, weight = mx.optimizer.get_updater(optimizer), mx.nd.array(_table(rows, columns))
        for _ in range(2):
            updater(0, grad, weight)
        weights.append(weight.asnumpy())
    np.testing.assert_array_equal(*weights)


def test_lazy_updates_leave_other_rows_as_they_are_over_many_pieces():
    rows, columns = 5000, 40
    touched = np.arange(rows) % 3 == 1
    gradient = np.where(touched[:, None], _table(rows, columns), 0).astype(np.float32)
    before = _table(rows, columns)
    weight = mx.nd.array(before)
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.1, momentum=0.9, wd=0.1))
    updater(0, mx.nd.array(gradient).tostype("row_sparse"), weight)
    dense = mx.nd.array(before)
    mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.1, momentum=0.9, wd=0.1))(
        0, mx.nd.array(gradient), dense
    )
    after = weight.asnumpy()
    np.testing.assert_array_equal(after[~touched], before[~touched])
    np.testing.assert_array_equal(after[touched], dense.asnumpy()[touched])


def test_a_weight_that_lacks_rows_stores_all_after_an_update():
    weight = _gradient([1], [[5.0, 6.0]], (3, 2))
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=1.0))
    updater(0, _gradient([0], [[1.0, 2.0]], (3, 2)), weight)
    np.testing.assert_array_equal(weight.indices.asnumpy(), [0, 1, 2])
    np.testing.assert_array_equal(weight.asnumpy(), [[-1, -2], [5, 6], [0, 0]])


def test_adagrad_refuses_weight_decay_with_row_sparse_gradients():
    updater = mx.optimizer.get_updater(mx.optimizer.create("adagrad", wd=0.1))
    weight = mx.nd.ones((3, 2))
    with pytest.raises(ArgumentError, match="weight decay"):
        updater(0, _gradient([0], [[1.0, 2.0]], (3, 2)), weight)
    np.testing.assert_array_equal(weight.asnumpy(), np.ones((3, 2)))


@pytest.mark.parametrize("weight_stype", ["default", "csr"])
@pytest.mark.parametrize("grad_stype", ["default", "row_sparse", "csr"])
def test_csr_weights_and_gradients_are_updated_as_dense_ones(weight_stype, grad_stype):
    gradient = mx.nd.array([[1.0, 0.0], [0.0, 2.0]])
    weight = mx.nd.ones((2, 2)).tostype(weight_stype)
    optimizer = mx.optimizer.create("sgd", learning_rate=0.5, momentum=0.9, lazy_update=False)
    updater = mx.optimizer.get_updater(optimizer)
    for _ in range(2):
        updater(1, gradient.tostype(grad_stype), weight)
    assert weight.stype == weight_stype
    np.testing.assert_allclose(weight.asnumpy(), 1 - 0.5 * 2.9 * gradient.asnumpy(), rtol=1e-6)


def test_saved_states_keep_their_storage():
    def step(updater, weight, rows):
        updater("w", _gradient(rows, np.ones((len(rows), 2)), (4, 2)), weight)

    weight = mx.nd.ones((4, 2)).tostype("row_sparse")
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.1, momentum=0.9))
    step(updater, weight, [0, 2])
    again = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.1, momentum=0.9))
    again.set_states(updater.get_states())
    copy = weight.copy()
    assert again.states["w"].stype == "row_sparse"
    step(updater, weight, [2, 3])
    step(again, copy, [2, 3])
    np.testing.assert_array_equal(copy.asnumpy(), weight.asnumpy())
    np.testing.assert_array_equal(again.states["w"].asnumpy(), updater.states["w"].asnumpy())
