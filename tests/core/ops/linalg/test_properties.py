"""What must hold for factorizations: they multiply back, and their gradients follow symmetric changes."""

import numpy as np
import pytest

import mxtrain as mx


def symmetric(seed, size=4, stack=()):
    """Well conditioned symmetric matrices with unlike eigenvalues, float64."""
    numbers = np.random.default_rng(seed).normal(size=(*stack, size, size))
    return numbers @ np.swapaxes(numbers, -1, -2) + size * np.eye(size)


def as_nd(array):
    return mx.nd.array(array, dtype=array.dtype)


def weights(shape):
    return np.random.default_rng(3).uniform(0.5, 1.5, shape)


@pytest.mark.parametrize("stack", [(), (3,), (2, 1)])
def test_cholesky_multiplies_back(stack):
    matrix = symmetric(1, stack=stack)
    factor = mx.nd.linalg.potrf(as_nd(matrix))
    assert not np.triu(factor.asnumpy(), 1).any()
    np.testing.assert_allclose(mx.nd.linalg.syrk(factor).asnumpy(), matrix)
    np.testing.assert_allclose(mx.nd.linalg.potri(factor).asnumpy(), np.linalg.inv(matrix))


@pytest.mark.parametrize("stack", [(), (3,), (2, 1)])
def test_eigenvectors_multiply_back(stack):
    matrix = symmetric(2, stack=stack)
    vectors, values = (part.asnumpy() for part in mx.nd.linalg.syevd(as_nd(matrix)))
    np.testing.assert_allclose(np.swapaxes(vectors, -1, -2) * values[..., None, :] @ vectors, matrix)
    assert (np.diff(values) >= 0).all()
    assert (np.max(vectors, -1) >= -np.min(vectors, -1)).all()


@pytest.mark.parametrize("shape", [(2, 2), (2, 5), (3, 2, 4)])
def test_lq_multiplies_back(shape):
    matrix = np.random.default_rng(4).normal(size=shape)
    rows, factor = (part.asnumpy() for part in mx.nd.linalg.gelqf(as_nd(matrix)))
    np.testing.assert_allclose(factor @ rows, matrix)
    np.testing.assert_allclose(rows @ np.swapaxes(rows, -1, -2), np.broadcast_to(np.eye(shape[-2]), factor.shape),
                               atol=1e-12)  # fmt: skip
    assert not np.triu(factor, 1).any()


@pytest.mark.parametrize("name", ["potrf", "syevd"])
def test_gradient_follows_symmetric_changes(name):
    matrix, change = symmetric(5), symmetric(6)

    def loss(at):
        outputs = getattr(mx.nd.linalg, name)(at)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        return mx.nd.add_n(*((y * as_nd(weights(y.shape))).sum() for y in outputs))

    x = as_nd(matrix)
    x.attach_grad()
    with mx.autograd.record():
        total = loss(x)
    total.backward()
    step = 1e-6
    slope = (loss(as_nd(matrix + step * change)) - loss(as_nd(matrix - step * change))).asscalar() / (2 * step)
    np.testing.assert_allclose((x.grad.asnumpy() * change).sum(), slope, rtol=1e-6)


@pytest.mark.parametrize("name", ["potrf", "syevd"])
def test_second_gradient_follows_symmetric_changes(name):
    matrix, change = symmetric(7), symmetric(8)

    def slope_of(x):
        with mx.autograd.record():
            outputs = getattr(mx.nd.linalg, name)(x)
            outputs = outputs if isinstance(outputs, list) else [outputs]
            total = mx.nd.add_n(*((y * y * as_nd(weights(y.shape))).sum() for y in outputs))
            (gradient,) = mx.autograd.grad(total, [x], create_graph=True, retain_graph=True)
            return (gradient * as_nd(weights(x.shape))).sum()

    x = as_nd(matrix)
    x.attach_grad()
    slope_of(x).backward()
    found = (x.grad.asnumpy() * change).sum()
    step, values = 1e-5, []
    for sign in (1, -1):
        moved = as_nd(matrix + sign * step * change)
        moved.attach_grad()
        values.append(slope_of(moved).asscalar())
    np.testing.assert_allclose(found, (values[0] - values[1]) / (2 * step), rtol=1e-5)


def test_equal_eigenvalues_have_finite_gradients():
    x = mx.nd.array(np.eye(3))
    x.attach_grad()
    with mx.autograd.record():
        vectors, values = mx.nd.linalg.syevd(x)
        total = vectors.sum() + (values * values).sum()
    total.backward()
    np.testing.assert_allclose(x.grad.asnumpy(), 2 * np.eye(3))


def test_a_half_precision_matrix_is_computed_in_single_precision():
    matrix = symmetric(9).astype(np.float16)
    inverse = mx.nd.linalg.inverse(as_nd(matrix))
    assert inverse.dtype == np.float16
    np.testing.assert_array_equal(inverse.asnumpy(), np.linalg.inv(matrix.astype(np.float32)).astype(np.float16))


REFUSED = [
    ("potrf", (-np.eye(2),), "positive definite"),
    ("potrf", (np.ones((2, 3)),), "square"),
    ("inverse", (np.ones((2, 2)),), "ingular"),
    ("det", (np.ones(3),), "square"),
    ("det", (np.ones((2, 2), np.int32),), "floating"),
    ("gelqf", (np.ones((3, 2)),), "no more rows than columns"),
    ("trsm", (np.eye(3), np.ones((2, 3))), "fits the rows"),
    ("trmm", (np.eye(3), np.ones((2, 3, 3))), "fits the rows"),
    ("trmm", (np.eye(2), np.ones((2, 2), np.float32)), "dtype"),
    ("maketrian", (np.ones(4),), "triangle"),
]


@pytest.mark.parametrize(("name", "inputs", "words"), REFUSED)
def test_refuses(name, inputs, words):
    with pytest.raises(mx.MXNetError, match=f"_linalg_{name}.*{words}"):
        getattr(mx.nd.linalg, name)(*(as_nd(x) for x in inputs))


@pytest.mark.parametrize("name", ["extractdiag", "extracttrian"])
def test_refuses_a_diagonal_outside(name):
    with pytest.raises(mx.MXNetError, match="offset=3"):
        getattr(mx.nd.linalg, name)(mx.nd.ones((3, 3)), offset=3)


def test_partial_shapes_of_symbols():
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    shapes, outs, _ = mx.sym.linalg.trsm(a, b, rightside=True).infer_shape(b=(2, 5, 3))
    assert shapes == [(2, 3, 3), (2, 5, 3)]
    assert outs == [(2, 5, 3)]
    assert mx.sym.linalg.slogdet(a, name="n").list_outputs() == ["n_output0", "n_output1"]
