"""How operators are called: arguments, `out`, errors."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd


def test_arguments_by_position_and_name():
    a = nd.array([[1.0, 2.0], [3.0, 4.0]])
    for result in (
        nd.sum(a, 1),
        nd.sum(a, axis=1),
        nd.sum(data=a, axis=(1,)),
        nd.sum(a, axis="1"),
        nd.sum(a, axis=1.0),
    ):
        np.testing.assert_array_equal(result.asnumpy(), [3, 7])
    np.testing.assert_array_equal(nd.dot(rhs=a, lhs=a).asnumpy(), nd.dot(a, a).asnumpy())
    assert nd.Concat(a, a, dim=0).shape == nd.Concat(*[a, a], dim=0).shape == nd.concat(a, a, dim=0).shape == (4, 2)
    assert nd.slice_axis(a, 0, 1, None).shape == nd.slice_axis(a, axis=0, begin=1, end=None).shape == (1, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: nd.sum(a, axes=1), "'sum'.*axis"),
        (lambda a: nd.sum(a, 1, axis=1), "'sum'.*axis.*twice"),
        (lambda a: nd.sum(a, 1, False, False, 3), "'sum'.*at most"),
        (lambda a: nd.sum(a, axis="x"), "'sum'.*axis"),
        (lambda a: nd.sum(a, keepdims=3.5), "'sum'.*keepdims"),
        (lambda a: nd.sum(), "'sum'.*data"),
        (lambda a: nd.sum([1, 2]), "'sum'.*NDArray"),
        (nd.dot, "'dot'.*rhs"),
        (lambda a: nd.dot(a, 3), "'dot'.*rhs"),
        (lambda a: nd.clip(a, a_min=0), "'clip'.*a_max"),
        (lambda a: nd.take(a, a, mode="bounce"), "'take'.*mode.*bounce"),
        (lambda a: nd.Concat(a, 3), "'Concat'"),
        (lambda a: nd.SequenceMask(a, a), "'SequenceMask'.*sequence_length"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(mx.MXNetError, match=message):
        call(nd.ones((2, 2)))


def test_equal_calls_with_unlike_zeros():
    a = nd.ones((1,))
    for zero in (0.0, -0.0, 0.0):
        assert np.signbit(nd._internal._mul_scalar(a, scalar=zero).asnumpy()[0]) == np.signbit(zero)


def test_errors_tell_what_was_received():
    with pytest.raises(ValueError, match=r"'dot'.*lhs: \(2, 3\) float32, rhs: \(2, 3\) float32"):
        nd.dot(nd.ones((2, 3)), nd.ones((2, 3)))


def test_out_keeps_its_memory():
    a, out = nd.array([1.0, 2.0]), nd.zeros((2,))
    memory = out.data_array
    assert nd.exp(a, out=out) is out
    assert out.data_array is memory
    nd.elemwise_add(out, out, out=out)
    np.testing.assert_allclose(out.asnumpy(), 2 * np.exp([1, 2]), rtol=1e-6)


def test_out_of_another_dtype_converts():
    out = nd.zeros((2,), dtype="int32")
    nd.exp(nd.array([1.0, 2.0]), out=out)
    np.testing.assert_array_equal(out.asnumpy(), [2, 7])


def test_out_that_shares_memory_with_an_input():
    a = nd.arange(6)
    nd.elemwise_add(a[0:4], a[2:6], out=a[1:5])
    np.testing.assert_array_equal(a.asnumpy(), [0, 2, 4, 6, 8, 5])
    b, c = nd.ones((2,)), nd.full((2,), 2)
    nd.add_n(c, c, b, out=b)
    np.testing.assert_array_equal(b.asnumpy(), [5, 5])
    weight, grad = nd.ones((3,)), nd.full((3,), 2)
    nd.sgd_update(weight, grad, lr=0.1, out=grad)
    np.testing.assert_allclose(grad.asnumpy(), [0.8] * 3, rtol=1e-6)


def test_out_of_several_outputs():
    parts = [nd.zeros((2, 1)), nd.zeros((2, 1))]
    nd.split(nd.array([[1.0, 2.0], [3.0, 4.0]]), num_outputs=2, out=parts)
    np.testing.assert_array_equal(parts[1].asnumpy(), [[2], [4]])
    with pytest.raises(mx.MXNetError, match="2 output"):
        nd.split(nd.ones((2, 2)), num_outputs=2, out=parts[0])


def test_out_of_the_wrong_shape_is_left_alone():
    out = nd.full((3,), 7)
    for call in (
        lambda: nd.exp(nd.ones((2,)), out=out),
        lambda: nd.sum(nd.ones((2, 2)), axis=0, out=out),
        lambda: nd.random.uniform(shape=(2,), out=out),
        lambda: nd._internal._ones(shape=(2, 2), out=out),
    ):
        with pytest.raises(mx.MXNetError, match=r"\(3,\)"):
            call()
        assert (out.asnumpy() == 7).all()


def test_out_gives_shape_and_dtype_to_what_has_none():
    out = nd.zeros((2, 3), dtype="float64")
    nd.random.uniform(5, 6, out=out)
    assert ((out.asnumpy() >= 5) & (out.asnumpy() < 6)).all()
    nd._internal._ones(out=out)
    assert (out.asnumpy() == 1).all()


def test_no_out_in_a_recorded_graph():
    a, out = nd.ones((2,)), nd.ones((2,))
    a.attach_grad()
    with mx.autograd.record():
        b = a * 2
        with pytest.raises(mx.MXNetError, match="recorded"):
            nd.exp(a, out=b)
        nd.exp(a, out=out)
    out.backward()
    np.testing.assert_allclose(a.grad.asnumpy(), [np.e, np.e], rtol=1e-6)


def test_updates_write_weight_and_states():
    weight, grad, mom = nd.ones((2,)), nd.ones((2,)), nd.zeros((2,))
    result = nd.sgd_mom_update(weight, grad, mom, lr=0.1, momentum=0.9)
    np.testing.assert_allclose(result.asnumpy(), [0.9, 0.9], rtol=1e-6)
    np.testing.assert_allclose(mom.asnumpy(), [-0.1, -0.1], rtol=1e-6)
    assert (weight.asnumpy() == 1).all()  # as in MXNet, only out=weight changes the weight


def test_names_that_do_not_exist():
    with pytest.raises(AttributeError):
        nd.no_such_operator  # noqa: B018
    with pytest.raises(mx.MXNetError, match="softmax"):
        mx.ops.find("softmaxx")
