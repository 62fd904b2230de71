"""Memory of the recorded graph: it goes when nobody needs it, without the garbage collector."""

import gc
import weakref

import numpy as np
import pytest

from mxtrain import autograd, nd


@pytest.fixture(autouse=True)
def no_garbage_collection():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Watched(np.ndarray):
    """An array that can be watched."""


def watch(array):
    """A weak reference to the memory of an array."""
    array._data = array._data.view(Watched)
    return weakref.ref(array._data)


def recorded():
    """Variable, result, and references to the memory of two values in between."""
    x = nd.ones(10)
    x.attach_grad()
    with autograd.record():
        hidden = x * 2
        seen = watch(hidden)
        y = (hidden * hidden).sum()
    return x, y, seen


def test_backward_releases_the_values():
    _x, y, seen = recorded()
    assert seen() is not None
    y.backward()
    assert seen() is None


def test_a_retained_graph_keeps_them_until_its_head_goes():
    _x, y, seen = recorded()
    y.backward(retain_graph=True)
    assert seen() is not None
    del y
    assert seen() is None


def test_a_graph_that_is_never_differentiated_goes_with_its_head():
    _x, y, seen = recorded()
    del y
    assert seen() is None


def test_what_depends_on_no_variable_is_not_recorded():
    with autograd.record():
        hidden = nd.ones(10) * 2
        seen = watch(hidden)
        y = hidden * 3
        del hidden
    assert seen() is None
    assert y._entry is None


def test_a_state_carried_through_many_steps_holds_no_history():
    x = nd.ones(1)
    x.attach_grad()
    state = nd.ones(1)
    states = []
    for _ in range(4):
        with autograd.record():
            state = state.detach() * x
            states.append(watch(state))
        state.backward()
    assert [seen() is not None for seen in states] == [False, False, False, True]
    assert state._entry.call.entries == ()


def test_gradients_of_higher_order_release_too():
    x = nd.ones(4)
    x.attach_grad()
    with autograd.record():
        y = x * x * x
        first = autograd.grad(y, x, create_graph=True)[0]
        seen = watch(first)
        z = (first * first).sum()
    del first
    z.backward()
    del y, z
    assert seen() is None


def test_nothing_collectable_is_left_behind():
    for _ in range(3):
        x, y, _ = recorded()
        y.backward()
        del x, y
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        left = [thing for thing in gc.garbage if type(thing).__module__.startswith("mxtrain")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert left == []
