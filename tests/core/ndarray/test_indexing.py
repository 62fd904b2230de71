"""Indexing and assignment: values as NumPy's, views and (1,) results as MXNet 1.9.1's, also while recording."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import mxtrain as mx

quick = settings(
    max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
ALL = slice(None)

# what MXNet 1.9.1 answers: a key, the result's shape, and whether writing to the result writes to the array
FACTS = [
    ((6,), 0, (1,), True),
    ((6,), -1, (1,), True),
    ((6,), np.int64(2), (1,), True),
    ((6,), (0,), (1,), True),
    ((6,), slice(1, 4), (3,), True),
    ((6,), slice(-3, None), (3,), True),
    ((6,), slice(1, 1000), (5,), True),
    ((6,), slice(None, None, 2), (3,), False),
    ((6,), slice(None, None, -1), (6,), False),
    ((6,), ALL, (6,), True),
    ((6,), None, (1, 6), True),
    ((6,), ..., (6,), True),
    ((6,), (), (6,), True),
    ((6,), [0, 2], (2,), False),
    ((6,), np.array([[1, 2], [3, 4]]), (2, 2), False),
    ((2, 3), 0, (3,), True),
    ((2, 3), (0, -1), (1,), True),
    ((2, 3), (ALL, 1), (2,), False),
    ((2, 3), (0, slice(1, 3)), (2,), True),
    ((2, 3), (slice(0, 1), slice(1, 3)), (1, 2), True),
    ((2, 3), (ALL, slice(1, 3)), (2, 2), False),
    ((2, 3), (..., 1), (2,), False),
    ((2, 3), (None, 1), (1, 3), True),
    ((2, 3), ([0, 1], [1, 2]), (2,), False),
    ((2, 3), (0, [1, 2]), (2,), False),
    ((2, 3), (ALL, [2, 0]), (2, 2), False),
    ((2, 3), ([[0], [1]], [1, 2]), (2, 2), False),
    ((2, 3, 4), (1, 2, 3), (1,), True),
    ((2, 3, 4), (1, slice(0, 2)), (2, 4), True),
    ((2, 3, 4), (1, slice(0, 2), slice(0, 3)), (2, 3), False),
    ((2, 3, 4), (slice(0, 1), 1), (1, 4), True),
    ((2, 3, 4), ([0, 1], ALL, [1, 3]), (2, 3), False),
    ((1,), 0, (1,), True),
]


def numbered(shape):
    """An NDArray whose elements are 0, 1, 2, ..."""
    return mx.nd.array(np.arange(np.prod(shape)).reshape(shape))


@pytest.mark.parametrize(("shape", "key", "result", "is_view"), FACTS)
def test_shape_and_memory_as_in_mxnet(shape, key, result, is_view):
    a = numbered(shape)
    part = a[key]
    assert part.shape == result
    np.testing.assert_array_equal(part.asnumpy(), a.asnumpy()[key].reshape(result))
    part[:] = -1
    assert (a.asnumpy() == -1).any() == is_view


def test_a_write_to_the_array_is_seen_in_its_views():
    a = mx.nd.zeros((3, 4))
    row, element, rows = a[1], a[1, 2], a[1:3]
    a[:] = 5
    assert (row.asnumpy() == 5).all()
    assert element.asscalar() == 5
    row[2] = 7
    assert element.asscalar() == 7
    assert rows[0, 2].asscalar() == 7


@pytest.mark.parametrize("key", [3, -4, (0, 4), [5], (0, 0, 0), np.array([3]), (..., ..., 0)])
def test_index_outside_the_array(key):
    a = mx.nd.zeros((3, 4))
    with pytest.raises(IndexError, match=r"shape \(3, 4\)"):
        a[key]
    with pytest.raises(mx.MXNetError):
        a[key] = 1
    a.attach_grad()
    with mx.autograd.record(), pytest.raises(IndexError):
        a[key]


@pytest.mark.parametrize("key", [1.5, "a", slice(None, None, 0), {1: 2}, object()])
def test_key_that_is_no_index(key):
    a = mx.nd.zeros((3, 4))
    with pytest.raises(ValueError, match="index"):
        a[key]
    with pytest.raises(mx.MXNetError):
        a[key] = 1


def test_index_arrays_may_be_floating_or_boolean():
    a = numbered((4,))
    np.testing.assert_array_equal(a[mx.nd.array([1.0, 2.7])].asnumpy(), [1, 2])
    np.testing.assert_array_equal(a[mx.nd.array([1, 0, 0, 1], dtype="bool")].asnumpy(), [0, 3])
    np.testing.assert_array_equal(a[np.array([True, False, True, False])].asnumpy(), [0, 2])
    assert a[True].asnumpy() == [1]  # as in MXNet, a Python truth value is a number


def test_iteration_gives_the_rows():
    rows = list(numbered((2, 3)))
    np.testing.assert_array_equal(rows[1].asnumpy(), [3, 4, 5])
    assert [x.shape for x in numbered((2,))] == [(1,), (1,)]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (0, [9], [[9, 9, 9], [3, 4, 5]]),
        ((0, 0), mx.nd.array([7]), [[7, 1, 2], [3, 4, 5]]),
        ((0, 0), np.array([[7]]), [[7, 1, 2], [3, 4, 5]]),
        (ALL, 2.5, [[2.5] * 3] * 2),
        (ALL, mx.nd.array([[[1, 2, 3]]]), [[1, 2, 3]] * 2),
        (1, mx.nd.array([1, 2, 3], dtype="int32"), [[0, 1, 2], [1, 2, 3]]),
        ((ALL, 1), [8, 9], [[0, 8, 2], [3, 9, 5]]),
        ((ALL, [2, 0]), [[6, 7]], [[7, 1, 6], [7, 4, 6]]),
        (([0, 1], [-1, 0]), 9, [[0, 1, 9], [9, 4, 5]]),
        (slice(None, None, -1), np.arange(6).reshape(2, 3), [[3, 4, 5], [0, 1, 2]]),
        (slice(1, 1), 5, [[0, 1, 2], [3, 4, 5]]),
    ],
)
def test_assignment(key, value, expected):
    a = numbered((2, 3))
    a[key] = value
    np.testing.assert_array_equal(a.asnumpy(), expected)


@pytest.mark.parametrize("value", ["a", None, ["x"], object(), np.ones((5, 5)), [1, 2], [[1, 2, 3]] * 3])
def test_assignment_of_what_does_not_fit(value):
    a = numbered((2, 3))
    with pytest.raises(mx.MXNetError):
        a[:] = value
    np.testing.assert_array_equal(a.asnumpy(), np.arange(6).reshape(2, 3))


def test_assignment_converts_as_c_does():
    a = mx.nd.zeros((2,), dtype="int32")
    a[:] = [1.9, -1.9]
    np.testing.assert_array_equal(a.asnumpy(), [1, -1])
    a[0] = float("nan")  # whatever number that is, it raises no warning


def test_no_assignment_to_recorded_arrays():
    a = mx.nd.ones((2,))
    a.attach_grad()
    with mx.autograd.record(), pytest.raises(mx.MXNetError, match="recorded"):
        a[0] = 3


shapes = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)


@st.composite
def keys(draw, shape):
    """A key that NumPy takes for arrays of a shape."""
    parts = []
    for size in shape[: draw(st.integers(0, len(shape)))]:
        bound = st.none() | st.integers(-size - 1, size + 1)
        parts.append(
            draw(
                st.integers(-size, size - 1)
                | st.builds(slice, bound, bound, st.sampled_from([None, 1, 2, -1, -2]))
                | st.lists(st.integers(-size, size - 1), min_size=2, max_size=2)
            )
        )
    for extra in draw(st.lists(st.just(None), max_size=2)):
        parts.insert(draw(st.integers(0, len(parts))), extra)
    if draw(st.booleans()):
        parts.insert(draw(st.integers(0, len(parts))), ...)
    key = parts[0] if len(parts) == 1 and draw(st.booleans()) else tuple(parts)
    assume(is_valid(shape, key))
    return key


def is_valid(shape, key):
    """Whether NumPy takes the key."""
    try:
        np.broadcast_to(0, shape)[key]
    except (IndexError, ValueError):
        return False
    return True


@quick
@given(st.data())
def test_any_key_selects_as_numpy_does(data):
    shape = data.draw(shapes)
    key = data.draw(keys(shape))
    plain = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    expected = np.atleast_1d(plain[key])
    a = mx.nd.array(plain)
    np.testing.assert_array_equal(a[key].asnumpy(), expected)
    assert a[key].shape == expected.shape


@quick
@given(st.data())
def test_any_key_assigns_as_numpy_does(data):
    shape = data.draw(shapes)
    key = data.draw(keys(shape))
    plain = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    a = mx.nd.array(plain)
    values = np.random.default_rng(3).uniform(size=plain[key].shape).astype(np.float32)
    plain[key] = values
    a[key] = mx.nd.array(values) if values.ndim and data.draw(st.booleans()) else values
    np.testing.assert_array_equal(a.asnumpy(), plain)


@quick
@given(st.data())
def test_the_gradient_of_a_selection_goes_where_it_came_from(data):
    shape = data.draw(shapes)
    key = data.draw(keys(shape))
    plain = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    a = mx.nd.array(plain)
    a.attach_grad()
    with mx.autograd.record():
        part = a[key]
        doubled = part * 2
    np.testing.assert_array_equal(part.asnumpy(), np.atleast_1d(plain[key]))
    if part.size:
        doubled.backward()
    expected = np.zeros(plain.size)
    np.add.at(expected, np.atleast_1d(plain[key]).astype(int).ravel(), 2)
    np.testing.assert_array_equal(a.grad.asnumpy(), expected.reshape(shape))
