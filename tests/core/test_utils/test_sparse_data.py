"""Random sparse arrays."""

import itertools

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import test_utils as tu
from mxtrain.base import ArgumentError


@pytest.fixture(autouse=True)
def seed():
    np.random.seed(11)


@pytest.mark.parametrize("density", [0.0, 0.25, 1.0])
def test_csr_of_a_density(density):
    array, (indptr, indices, values) = tu.rand_sparse_ndarray((20, 10), "csr", density, dtype="float64")
    assert (array.stype, array.shape, array.dtype) == ("csr", (20, 10), np.float64)
    assert values.shape == indices.shape == (200 * density,)
    assert indptr.asnumpy()[-1] == 200 * density
    array.check_format()
    assert ((array.asnumpy() >= 0) & (array.asnumpy() < 1)).all()


def test_row_sparse_of_a_density():
    array, (values, rows) = tu.rand_sparse_ndarray((200, 3), "row_sparse", 0.3)
    assert 30 < len(rows) < 90
    np.testing.assert_array_equal(array.indices.asnumpy(), rows)
    np.testing.assert_array_equal(array.asnumpy()[rows], values)
    array.check_format()


def test_chosen_rows_values_and_places():
    array = tu.create_sparse_array_zd((4, 3), "row_sparse", 0.9, data_init=2, rsp_indices=[3, 1])
    np.testing.assert_array_equal(array.asnumpy()[:, 0], [0, 2, 0, 2])
    array = tu.create_sparse_array((4, 3), "csr", data_init=2, density=0.5, modifier_func=lambda x: x + 1)
    assert sorted(array.data.asnumpy()) == [3] * 6
    on_device, _ = tu.rand_sparse_ndarray((4, 3), "csr", ctx=mx.cpu(1))
    assert on_device.context is mx.cpu(1)


def test_shuffled_columns_stay_in_their_rows():
    array, _ = tu.rand_sparse_ndarray((3, 40), "csr", 0.8, shuffle_csr_indices=True)
    indptr, indices = array.indptr.asnumpy(), array.indices.asnumpy()
    runs = [indices[start:stop] for start, stop in itertools.pairwise(indptr)]
    assert any((np.diff(run) < 0).any() for run in runs)
    assert all(len(set(run.tolist())) == len(run) for run in runs)


def test_power_law():
    array, _ = tu.rand_sparse_ndarray((5, 16), "csr", 0.5, distribution="powerlaw")
    np.testing.assert_array_equal(np.diff(array.indptr.asnumpy()), [2, 4, 8, 16, 10])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stype": "default"}, "row_sparse or csr"),
        ({"stype": "csr", "density": 2}, "from 0 to 1"),
        ({"stype": "csr", "distribution": "normal"}, "powerlaw"),
        ({"stype": "row_sparse", "distribution": "powerlaw"}, "uniform"),
        ({"stype": "csr", "density": 0.1, "distribution": "powerlaw"}, "density of at least"),
    ],
)
def test_mistakes(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        tu.rand_sparse_ndarray((4, 6), **arguments)


def test_checks_of_symbols_with_sparse_arrays_can_fail():
    x = mx.sym.Variable("x", stype="csr")
    w = mx.sym.Variable("w", stype="row_sparse")
    location = {"x": tu.rand_ndarray((3, 4), "csr", 0.5), "w": tu.rand_ndarray((4, 2), "row_sparse", 0.9)}
    product = location["x"].asnumpy() @ location["w"].asnumpy()
    tu.check_symbolic_forward(mx.sym.dot(x, w), location, [product], rtol=1e-5)
    tu.check_numeric_gradient(mx.sym.dot(x, w), location, grad_nodes=["w"], grad_stype_dict={"w": "row_sparse"})
    expected = {"w": location["x"].asnumpy().T @ np.ones((3, 2))}
    grads = tu.check_symbolic_backward(
        mx.sym.dot(x, w), location, [np.ones((3, 2))], expected, grad_req={"w": "write"}, grad_stypes={"w": "csr"}
    )
    assert grads["w"].stype == "csr"
    with pytest.raises(AssertionError):
        tu.check_symbolic_forward(mx.sym.dot(x, w), location, [product + 1])
    with pytest.raises(AssertionError):
        tu.check_symbolic_backward(mx.sym.dot(x, w), location, [np.ones((3, 2))], {"w": np.ones((4, 2))})


@pytest.mark.parametrize("w_stype", ["default", "row_sparse"])
def test_optimizers_are_compared_by_sparse_gradients(w_stype):
    dense, lazy, standard = (mx.optimizer.SGD(momentum=0.9, wd=0.1, lazy_update=lazy) for lazy in (True, True, False))
    tu.compare_optimizer(dense, standard, (30, 2), None, w_stype, "row_sparse")
    with pytest.raises(AssertionError):
        tu.compare_optimizer(dense, lazy, (30, 2), None, w_stype, "row_sparse")
