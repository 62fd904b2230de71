"""Update operators on row_sparse gradients. Literals are MXNet 1.9.1's."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import ArgumentError

nd = mx.nd
SHAPE = (3, 2)
WEIGHT = np.arange(6, dtype=np.float32).reshape(SHAPE)


def _gradient(values=((1, 2), (3, 4)), rows=(0, 2)):
    return nd.sparse.row_sparse_array((np.array(values, np.float32), list(rows)), shape=SHAPE)


def _weight(stype="default", add=0):
    return nd.array(WEIGHT + add).tostype(stype)


def _check(array, expected):
    np.testing.assert_allclose(array.asnumpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[-0.1, 0.79], [2, 3], [3.66, 4.55]]),
        ({"lazy_update": False}, [[-0.1, 0.79], [1.98, 2.97], [3.66, 4.55]]),
        ({"clip_gradient": 1.5, "rescale_grad": 0.7}, [[-0.07, 0.85], [2, 3], [3.81, 4.8]]),
    ],
)
def test_sgd(options, expected):
    weight = _weight()
    assert nd.sparse.sgd_update(weight, _gradient(), out=weight, lr=0.1, wd=0.1, **options) is weight
    _check(weight, expected)


def test_without_out_the_weight_stays():
    weight = _weight()
    new = nd.sparse.sgd_update(weight, _gradient(), lr=0.1, wd=0.1)
    _check(new, [[-0.1, 0.79], [2, 3], [3.66, 4.55]])
    _check(weight, WEIGHT)


def test_an_empty_gradient_changes_nothing():
    weight, mean, var = nd.ones(SHAPE), nd.ones(SHAPE), nd.ones(SHAPE)
    nd.sparse.adam_update(weight, nd.sparse.zeros("row_sparse", SHAPE), mean, var, out=weight, lr=0.1, wd=0.1)
    for array in (weight, mean, var):
        _check(array, np.ones(SHAPE))


LAZY_WEIGHT, LAZY_MOMENTUM = [[0.89, 1.78], [3, 4], [4.65, 5.54]], [[-0.11, -0.22], [0, 0], [-0.35, -0.46]]
STANDARD_WEIGHT, STANDARD_MOMENTUM = (
    [[0.89, 1.78], [2.97, 3.96], [4.65, 5.54]],
    [[-0.11, -0.22], [-0.03, -0.04], [-0.35, -0.46]],
)


@pytest.mark.parametrize(
    ("weight_stype", "momentum_stype", "is_lazy"),
    [
        ("default", "default", True),
        ("row_sparse", "row_sparse", True),
        ("default", "row_sparse", False),
        ("row_sparse", "default", False),
    ],
)
def test_momentum_of_any_storage(weight_stype, momentum_stype, is_lazy):
    weight, momentum = _weight(weight_stype, 1), nd.zeros(SHAPE, stype=momentum_stype)
    nd.sparse.sgd_mom_update(weight, _gradient(), momentum, out=weight, lr=0.1, wd=0.1, momentum=0.9)
    assert (weight.stype, momentum.stype) == (weight_stype, momentum_stype)
    _check(weight, LAZY_WEIGHT if is_lazy else STANDARD_WEIGHT)
    _check(momentum, LAZY_MOMENTUM if is_lazy else STANDARD_MOMENTUM)


def test_adam():
    weight, mean, var = _weight(), nd.zeros(SHAPE), nd.zeros(SHAPE)
    nd.sparse.adam_update(weight, _gradient(), mean, var, out=weight, lr=0.1, wd=0.1)
    _check(weight, [[-0.3162298, 0.6837702], [2, 3], [3.6837702, 4.6837702]])
    _check(mean, [[0.1, 0.21], [0, 0], [0.34, 0.45]])
    _check(var, [[0.00099999, 0.00440994], [0, 0], [0.01155985, 0.02024974]])


def test_adam_that_is_not_lazy():
    weight, mean, var = _weight(), nd.ones(SHAPE), nd.ones(SHAPE)
    nd.sparse.adam_update(weight, _gradient(), mean, var, out=weight, lr=0.1, wd=0.1, lazy_update=False)
    _check(weight, [[-0.1, 0.8891888], [1.9079557, 2.9069576], [3.8766496, 4.8662813]])
    _check(mean, [[1, 1.11], [0.92, 0.93], [1.24, 1.35]])
    _check(var, [[1, 1.00341], [0.99904, 0.99909], [1.01056, 1.01925]])


@pytest.mark.parametrize("stype", ["default", "row_sparse"])
def test_adagrad(stype):
    weight, history = _weight(stype), nd.zeros(SHAPE, stype=stype)
    nd.sparse.adagrad_update(weight, _gradient(), history, out=weight, lr=0.1)
    _check(weight, [[-0.1, 0.9], [2, 3], [3.9, 4.9]])
    _check(history, [[1, 4], [0, 0], [9, 16]])
    with pytest.raises(ArgumentError, match="weight decay"):
        nd.sparse.adagrad_update(weight, _gradient(), history, out=weight, lr=0.1, wd=0.1)


@pytest.mark.parametrize(("stype", "row"), [("default", [0, 0]), ("row_sparse", [2, 3])])
def test_ftrl_is_lazy_where_all_is_row_sparse(stype, row):
    weight, z, n = _weight(stype), nd.zeros(SHAPE, stype=stype), nd.zeros(SHAPE, stype=stype)
    nd.sparse.ftrl_update(weight, _gradient(), z, n, out=weight, lr=0.1, wd=0.1)
    _check(weight, [[-0.0492537, 0.5976744], row, [2.9174564, 3.9119763]])
    _check(z, [[1, -18], [0, 0], [-117, -196]])
    _check(n, [[1, 4], [0, 0], [9, 16]])


def test_group_adagrad():
    weight, history = _weight(), nd.ones((3, 1))
    nd.contrib.group_adagrad_update(weight, _gradient(), history, out=weight, lr=0.1)
    _check(weight, [[-0.0534522, 0.8930957], [2, 3], [3.9183505, 4.8911338]])
    _check(history, [[3.5], [1], [13.5]])


def test_others_fall_back_to_dense_gradients():
    weight, n = _weight(), nd.ones(SHAPE)
    nd.rmsprop_update(weight, _gradient(), n, out=weight, lr=0.1)
    _check(weight, [[-0.1, 0.813499], [2, 3], [3.7464538, 4.6976285]])
    _check(n, [[1, 1.15], [0.95, 0.95], [1.4, 1.75]])
    weight16, master = _weight().astype("float16"), _weight()
    nd.mp_sgd_update(weight16, _gradient().astype("float16"), master, out=weight16, lr=0.1)
    _check(master, [[-0.1, 0.8], [2, 3], [3.7, 4.6]])
    np.testing.assert_array_equal(weight16.asnumpy(), master.asnumpy().astype("float16"))


def test_gradients_and_states_of_other_shapes_are_refused():
    weight = _weight()
    larger = nd.sparse.row_sparse_array((np.ones((1, 2), np.float32), [6]), shape=(7, 2))
    with pytest.raises(ArgumentError, match=r"weight of shape \(3, 2\)"):
        nd.sparse.sgd_update(weight, larger, out=weight, lr=0.1)
    with pytest.raises(ArgumentError, match=r"weight of shape \(3, 2\)"):
        nd.sparse.sgd_mom_update(weight, _gradient(), nd.zeros((2, 2)), out=weight, lr=0.1)
    _check(weight, WEIGHT)
