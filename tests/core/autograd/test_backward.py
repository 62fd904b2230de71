"""`backward`: what is recorded, where gradients go, and what is refused."""

import threading

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import autograd, nd
from mxtrain.base import ArgumentError, MXNetError


def variable(*values, grad_req="write"):
    array = nd.array(values)
    array.attach_grad(grad_req)
    return array


def grads(*arrays):
    return [array.grad.asnumpy().tolist() for array in arrays]


def test_gradients_of_recorded_code():
    x, y = variable(1.0, 2.0), variable(3.0, 4.0)
    with autograd.record():
        z = x * y + x
    z.backward()
    assert grads(x, y) == [[4, 5], [1, 2]]


def test_a_head_gradient():
    x = variable(1.0, 2.0)
    with autograd.record():
        y = x * x
    y.backward(nd.array([10.0, 0.5]))
    assert grads(x) == [[20, 2]]


def test_several_heads_some_without_head_gradient():
    x = variable(1.0, 2.0)
    with autograd.record():
        y, z = x * 2, x * 3
    autograd.backward([y, z], [None, nd.array([10.0, 10.0])])
    assert grads(x) == [[32, 32]]


def test_a_head_that_is_a_variable():
    x = variable(1.0, 2.0)
    x.backward(nd.array([3.0, 4.0]))
    assert grads(x) == [[3, 4]]


@pytest.mark.parametrize(("grad_req", "after_two"), [("write", [2, 2]), ("add", [4, 4])])
def test_requests(grad_req, after_two):
    x = variable(1.0, 2.0, grad_req=grad_req)
    for _ in range(2):
        with autograd.record():
            y = x * 2
        y.backward()
    assert grads(x) == [after_two]


def test_a_null_request_has_no_gradient_and_does_not_stop_others():
    x, y = variable(1.0, grad_req="null"), variable(1.0)
    with autograd.record():
        z = x * 3 + y
    z.backward()
    assert x.grad is None
    assert grads(y) == [[1]]


def test_marked_variables_get_their_gradients_in_given_arrays():
    x, y = nd.array([1.0, 2.0]), nd.array([1.0, 2.0])
    gx, gy = nd.ones(2) * 9, nd.ones(2) * 9
    autograd.mark_variables([x, y], [gx, gy], ["write", "add"])
    with autograd.record():
        z = x * y
    z.backward()
    assert gx.asnumpy().tolist() == [1, 2]
    assert gy.asnumpy().tolist() == [10, 11]
    assert x.grad is gx


def test_attaching_a_gradient_to_a_recorded_array_cuts_the_graph_there():
    x = variable(1.0, 2.0)
    with autograd.record():
        y = x * x
        y.attach_grad()
        z = y * 2
    z.backward()
    assert grads(y, x) == [[2, 2], [0, 0]]


def test_detached_arrays_and_paused_code_are_constants():
    x = variable(1.0, 2.0)
    with autograd.record():
        y = x * 2
        with autograd.pause():
            z = y * 3
            assert not autograd.is_recording()
        k = z * x + y.detach()
    k.backward()
    assert grads(x) == [[6, 12]]


def test_zero_gradients_reach_their_variables():
    x = variable(1.5, 2.5)
    x.grad[:] = 9
    with autograd.record():
        y = nd.floor(x * 2)
    y.backward()
    assert grads(x) == [[0, 0]]
    summed = variable(1.5, 2.5, grad_req="add")
    summed.grad[:] = 9
    with autograd.record():
        z = nd.BlockGrad(summed)
    z.backward()
    assert grads(summed) == [[9, 9]]


def test_what_heads_do_not_depend_on_stays():
    x, y = variable(1.0), variable(2.0)
    y.grad[:] = 9
    with autograd.record():
        z, _ = x * 2, y * 2
    z.backward()
    assert grads(x, y) == [[2], [9]]


def test_integers_used_as_indices_have_no_gradient_of_their_own():
    x, i = variable(1.0, 2.0, 3.0), variable(0.0, 2.0)
    i.grad[:] = 9
    with autograd.record():
        y = nd.take(x, i) * 5
    y.backward()
    assert grads(x, i) == [[5, 0, 5], [0, 0]]


def test_one_output_of_several():
    x = variable(1.0, 2.0)
    with autograd.record():
        first, second = nd.split(nd.concat(x, x * 10, dim=0), num_outputs=2, axis=0)
    second.backward()
    assert grads(x) == [[10, 10]]
    assert first.shape == (2,)


def test_dtypes_are_kept():
    x = nd.array([1.0, 2.0], dtype="float64")
    x.attach_grad()
    with autograd.record():
        y = nd.split(x, num_outputs=2, axis=0)[0]
    y.backward()
    assert x.grad.dtype == np.float64


def test_copies_between_contexts_carry_gradients():
    x = variable(1.0, 2.0)
    with autograd.record():
        y = x.as_in_context(mx.cpu(1)) * 3
    y.backward()
    assert grads(x) == [[3, 3]]
    assert x.grad.context == mx.cpu(0)


def test_freshness_of_gradients():
    x = variable(1.0)
    assert x._fresh_grad is False
    with autograd.record():
        y = x * 2
    y.backward()
    assert x._fresh_grad is True
    x._fresh_grad = False
    with autograd.record():
        y = x.detach() * 2 + variable(1.0)
    y.backward()
    assert x._fresh_grad is False


def test_a_graph_is_released_by_backward_unless_it_is_retained():
    x = variable(3.0)
    with autograd.record():
        y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert grads(x) == [[6]]
    with pytest.raises(MXNetError, match=r"second time.*retain_graph=True"):
        y.backward()


def test_a_released_part_of_a_graph_is_named_too():
    x = variable(3.0)
    with autograd.record():
        y = x * x
        z = y * 2
    y.backward()
    with pytest.raises(MXNetError, match="second time"):
        z.backward()


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda x: nd.ones(2).backward(), MXNetError, "attach_grad"),
        (lambda x: (x * 2).backward(), MXNetError, r"under record\(\)"),
        (lambda x: autograd.backward([x], [nd.ones(2), nd.ones(2)]), ArgumentError, "1 head gradients"),
        (lambda x: x.backward(nd.ones(1)), ArgumentError, r"\(2,\).*\(1,\)"),
        (lambda x: x.attach_grad("often"), ArgumentError, "often"),
        (lambda x: autograd.mark_variables([x], [nd.ones(2)] * 2), ArgumentError, "1 variables.*2 gradients"),
        (lambda x: autograd.mark_variables(x, nd.ones(3)), ArgumentError, r"\(2,\).*\(3,\)"),
    ],
)
def test_mistakes_are_named(act, error, words):
    with pytest.raises(error, match=words):
        act(variable(1.0, 2.0))


def test_an_operator_without_gradient_is_named():
    x = variable(1.0, 2.0)
    with autograd.record():
        y = nd.multi_all_finite(x, num_arrays=1)
    with pytest.raises(MXNetError, match=r"multi_all_finite.*no gradient"):
        y.backward()
    assert not autograd.is_recording()


def test_modes_are_per_thread_and_nest():
    seen = []
    with autograd.record():
        thread = threading.Thread(target=lambda: seen.append((autograd.is_recording(), autograd.is_training())))
        thread.start()
        thread.join(10)
        assert (autograd.is_recording(), autograd.is_training()) == (True, True)
        with autograd.predict_mode():
            assert (autograd.is_recording(), autograd.is_training()) == (True, False)
        with autograd.pause(train_mode=True):
            assert (autograd.is_recording(), autograd.is_training()) == (False, True)
    assert seen == [(False, False)]
    with autograd.record(train_mode=False):
        assert (autograd.is_recording(), autograd.is_training()) == (True, False)
    with autograd.train_mode():
        assert (autograd.is_recording(), autograd.is_training()) == (False, True)
    assert autograd.set_recording(True) is False
    assert autograd.set_recording(False) is True
    assert autograd.set_training(False) is False


def test_a_scope_ends_after_an_error_and_can_be_entered_again():
    scope = autograd.record()
    for _ in range(2):
        with pytest.raises(ValueError, match="inside"), scope:
            raise ValueError("inside")
        assert not autograd.is_recording()
    with scope, scope:
        assert autograd.is_recording()
    assert not autograd.is_recording()


def test_dropout_follows_the_mode_of_its_forward():
    x = nd.ones((50, 50))
    x.attach_grad()
    with autograd.record(train_mode=True):
        y = nd.Dropout(x, p=0.5)
    y.backward()
    np.testing.assert_array_equal(x.grad.asnumpy(), y.asnumpy())
    with autograd.record(train_mode=False):
        y = nd.Dropout(x, p=0.5)
    y.backward()
    assert (x.grad.asnumpy() == 1).all()


def test_further_rows_of_a_head_gradient_do_not_matter():
    x = nd.array([1, 2])
    x.attach_grad()
    with autograd.record():
        y = x * 3
    y.backward(nd.array([1, 10, 100]))
    assert x.grad.asnumpy().tolist() == [3, 30]


def test_what_a_released_graph_computed_is_a_constant_for_later_ones():
    x = variable(3.0)
    with autograd.record():
        y = x * x
    y.backward()
    with autograd.record():
        z = x * y
    z.backward()
    assert grads(x) == [[9]]


@pytest.mark.parametrize("name", ["radians", "negative", "relu"])
def test_second_derivatives_of_linear_functions_are_zeros(name):
    x = variable(3.0, 4.0)
    with autograd.record():
        (first,) = autograd.grad(getattr(nd, name)(x), [x], create_graph=True)
        (second,) = autograd.grad(first, [x], create_graph=True)
    second.backward()
    assert first.asnumpy().all()
    assert second.asnumpy().tolist() == grads(x)[0] == [0, 0]
