"""Writing into arrays while calls are recorded. What is allowed is what MXNet 1.9.1 allows."""

import pytest

from mxtrain import autograd, nd
from mxtrain.base import MXNetError

REFUSED = r"Inplace operations \(\+=, -=, x\[:\]=, etc\) are not supported when recording with autograd"


@pytest.fixture
def x():
    array = nd.array([1.0, 2.0])
    array.attach_grad()
    return array


def assign(target, key, value):
    target[key] = value


@pytest.mark.parametrize(
    "write",
    [
        lambda a, x: a.__iadd__(1),
        lambda a, x: a.__imul__(x),
        lambda a, x: assign(a, slice(None), 1),
        lambda a, x: assign(a, 0, 5),
        lambda a, x: nd.elemwise_add(x, x, out=a),
        lambda a, x: nd.ones(2).copyto(a),
    ],
)
@pytest.mark.parametrize("make", [lambda x: x, lambda x: x * 1], ids=["variable", "recorded"])
def test_arrays_in_the_graph_are_not_overwritten(write, make, x):
    with autograd.record():
        array = make(x)
        with pytest.raises(MXNetError, match=REFUSED + "|not recorded"):
            write(array, x)
    assert array.asnumpy().tolist() == [1, 2]


@pytest.mark.parametrize(
    "write",
    [
        lambda c, x: c.__iadd__(x),
        lambda c, x: c.__imul__(x),
        lambda c, x: assign(c, 0, x[0]),
        lambda c, x: assign(c, slice(0, 1), x[0]),
    ],
)
def test_constants_do_not_take_part_of_the_graph_in(write, x):
    constant = nd.ones(2)
    with autograd.record(), pytest.raises(MXNetError, match=REFUSED):
        write(constant, x)
    assert constant.asnumpy().tolist() == [1, 1]


@pytest.mark.parametrize(
    ("write", "gradient"),
    [
        (lambda c, x: assign(c, slice(None), x), [1, 1]),
        (lambda c, x: assign(c, Ellipsis, x * 2), [2, 2]),
        (lambda c, x: assign(c, (), x), [1, 1]),
        (lambda c, x: assign(c, slice(None), x[0]), [2, 0]),
        (lambda c, x: nd.elemwise_add(x, x, out=c), [2, 2]),
        (lambda c, x: (x * 3).copyto(c), [3, 3]),
    ],
)
def test_constants_may_be_replaced_as_a_whole(write, gradient, x):
    constant = nd.zeros(2)
    with autograd.record():
        write(constant, x)
    constant.backward()
    assert x.grad.asnumpy().tolist() == gradient


def test_constants_may_be_changed_by_constants(x):
    constant = nd.ones(2)
    with autograd.record():
        constant += 1
        constant[0] = 5
        y = x * constant
    y.backward()
    assert x.grad.asnumpy().tolist() == [5, 2]


def test_everything_may_be_written_outside_of_recording(x):
    with autograd.record():
        y = x * 2
    y += 1
    x[:] = 7
    assert y.asnumpy().tolist() == [3, 5]
