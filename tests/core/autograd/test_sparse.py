"""Sparse gradients: through operators that make them, into arrays of any storage. Literals are MXNet 1.9.1's."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import autograd
from mxtrain.base import IndexRangeError

nd = mx.nd


def _embed(weight, ids, **options):
    rows, columns = weight.shape
    return nd.Embedding(nd.array(ids), weight, input_dim=rows, output_dim=columns, **options)


@pytest.mark.parametrize("array_stype", ["default", "row_sparse", "csr"])
@pytest.mark.parametrize("grad_stype", [None, "default", "row_sparse", "csr"])
def test_gradient_arrays_have_the_storage_asked_for(array_stype, grad_stype):
    x = nd.zeros((1, 1), stype=array_stype)
    x.attach_grad(stype=grad_stype)
    assert x.grad.stype == (grad_stype or array_stype)
    assert x.detach().stype == array_stype


def test_embedding_has_row_sparse_gradients_of_the_rows_in_use():
    weight = nd.ones((5, 2))
    weight.attach_grad(stype="row_sparse")
    with autograd.record():
        y = _embed(weight, [1, 3, 1], sparse_grad=True)
    y.backward()
    assert weight.grad.stype == "row_sparse"
    np.testing.assert_array_equal(weight.grad.indices.asnumpy(), [1, 3])
    np.testing.assert_array_equal(weight.grad.data.asnumpy(), [[2, 2], [1, 1]])


def test_contrib_sparse_embedding_is_the_same():
    weight = nd.ones((5, 2))
    weight.attach_grad(stype="row_sparse")
    with autograd.record():
        y = nd.contrib.SparseEmbedding(nd.array([4, 0]), weight, input_dim=5, output_dim=2, deterministic=True)
    y.backward()
    np.testing.assert_array_equal(weight.grad.indices.asnumpy(), [0, 4])


def test_gradients_add_up_in_a_row_sparse_array():
    weight = nd.ones((5, 2))
    weight.attach_grad(stype="row_sparse", grad_req="add")
    for ids in ([1, 3, 1], [0, 3]):
        with autograd.record():
            y = _embed(weight, ids, sparse_grad=True)
        y.backward()
    np.testing.assert_array_equal(weight.grad.indices.asnumpy(), [0, 1, 3])
    np.testing.assert_array_equal(weight.grad.data.asnumpy(), [[1, 1], [2, 2], [2, 2]])


def test_several_sparse_gradients_are_summed_sparsely():
    weight = nd.ones((5, 2))
    weight.attach_grad(stype="row_sparse")
    with autograd.record():
        y = _embed(weight, [1], sparse_grad=True) + _embed(weight, [2], sparse_grad=True)
    y.backward()
    np.testing.assert_array_equal(weight.grad.indices.asnumpy(), [1, 2])
    np.testing.assert_array_equal(weight.grad.data.asnumpy(), [[1, 1], [1, 1]])


@pytest.mark.parametrize("grad_req", ["write", "add"])
@pytest.mark.parametrize("sparse_grad", [True, False])
@pytest.mark.parametrize("stype", ["default", "row_sparse", "csr"])
def test_any_gradient_goes_into_any_storage(grad_req, sparse_grad, stype):
    weight = nd.ones((4, 2))
    weight.attach_grad(grad_req, stype)
    for _ in range(2):
        with autograd.record():
            y = _embed(weight, [2, 0, 2], sparse_grad=sparse_grad)
        y.backward()
    assert weight.grad.stype == stype
    expected = np.array([[1, 1], [0, 0], [2, 2], [0, 0]]) * (2 if grad_req == "add" else 1)
    np.testing.assert_array_equal(weight.grad.asnumpy(), expected)


def test_a_gradient_of_zeros_clears_a_sparse_array():
    weight = nd.ones((3, 2))
    weight.attach_grad(stype="row_sparse")
    weight.grad[:] = 1
    with autograd.record():
        y = nd.stop_gradient(weight) * 2 + nd.zeros_like(weight)
    y.backward()
    np.testing.assert_array_equal(weight.grad.asnumpy(), np.zeros((3, 2)))


def test_gradients_of_two_variables_share_no_memory():
    a, b = nd.zeros((3, 2)), nd.zeros((3, 2))
    for x in (a, b):
        x.attach_grad(stype="row_sparse")
    head = nd.array([[0, 0], [1, 2], [0, 0]]).tostype("row_sparse")
    with autograd.record():
        y = a + b
    y.backward(head)
    a.grad[:] = 7
    np.testing.assert_array_equal(b.grad.asnumpy(), [[0, 0], [1, 2], [0, 0]])
    np.testing.assert_array_equal(head.asnumpy(), [[0, 0], [1, 2], [0, 0]])


@pytest.mark.parametrize("weight_stype", ["default", "row_sparse"])
def test_dot_of_csr_has_a_row_sparse_gradient(weight_stype):
    data = np.array([[0, 1, 0, 0], [2, 0, 0, 3]], np.float32)
    weight = nd.ones((4, 3)).tostype(weight_stype)
    weight.attach_grad(stype="row_sparse")
    with autograd.record():
        y = nd.dot(nd.array(data).tostype("csr"), weight)
    y.backward()
    assert weight.grad.stype == "row_sparse"
    np.testing.assert_array_equal(weight.grad.asnumpy(), data.T @ np.ones((2, 3)))
    assert weight.grad.indices.asnumpy().tolist() == [0, 1, 3]


def test_sparse_and_dense_gradients_of_one_array_meet():
    weight = nd.ones((5, 2))
    weight.attach_grad()
    with autograd.record():
        y = nd.dot(nd.ones((3, 5)).tostype("csr"), weight) * 2 + weight.sum()
    y.backward()
    np.testing.assert_array_equal(weight.grad.asnumpy(), np.full((5, 2), 12))


def test_backward_twice_over_a_retained_graph():
    weight = nd.ones((5, 2))
    weight.attach_grad(stype="row_sparse")
    with autograd.record():
        y = _embed(weight, [1, 3, 1], sparse_grad=True) * 3
    y.backward(retain_graph=True)
    first = weight.grad.asnumpy()
    y.backward()
    np.testing.assert_array_equal(weight.grad.asnumpy(), first)


def test_grad_returns_sparse_gradients():
    weight = nd.ones((5, 2))
    weight.attach_grad()
    with autograd.record():
        y = _embed(weight, [1, 3, 1], sparse_grad=True)
    gradients = autograd.grad(y, [weight])
    assert gradients[0].stype == "row_sparse"
    np.testing.assert_array_equal(gradients[0].asnumpy()[:, 0], [0, 2, 0, 1, 0])


@pytest.mark.parametrize("ids", [[-1], [5]])
def test_rows_outside_of_the_table_are_an_error(ids):
    weight = nd.ones((5, 2))
    weight.attach_grad(stype="row_sparse")
    with autograd.record():
        y = _embed(weight, ids, sparse_grad=True)
    with pytest.raises(IndexRangeError, match="0 to 4"):
        y.backward()
    with pytest.raises(IndexRangeError, match="0 to 4"):
        _embed(weight.tostype("row_sparse"), ids)


@pytest.mark.parametrize("stored", [[], [1], [0, 2], [0, 1, 2]])
def test_row_sparse_tables_are_looked_up_as_dense_ones(stored):
    dense = np.zeros((3, 2), np.float32)
    dense[stored] = np.arange(len(stored) * 2).reshape(-1, 2) + 1
    ids = np.array([[2, 1], [0, 1]])
    found = _embed(nd.array(dense).tostype("row_sparse"), ids)
    assert found.stype == "default"
    np.testing.assert_array_equal(found.asnumpy(), dense[ids])
