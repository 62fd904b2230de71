"""Inference of shapes and dtypes, forwards and backwards. Expected values are MXNet 1.9.1's unless it gives up."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import ArgumentError, ArgumentTypeError, NameLookupError

A, B = mx.sym.var("a"), mx.sym.var("b")


def partial(symbol, **given):
    return symbol.infer_shape_partial(**given)[:2]


# symbol, given shapes, shapes of arguments, of outputs; 0: unknown size, (): unknown shape
FORWARDS = [
    (A + B, {"a": (2, 0), "b": (0, 3)}, [(2, 3), (2, 3)], [(2, 3)]),
    (mx.sym.broadcast_add(A, B), {"a": (2, 1), "b": (1, 3)}, [(2, 1), (1, 3)], [(2, 3)]),
    (mx.sym.broadcast_add(A, B), {"a": (0, 1), "b": (1, 3)}, [(0, 1), (1, 3)], [(0, 3)]),
    (mx.sym.broadcast_add(A, B), {"a": (2, 3)}, [(2, 3), ()], [()]),
    (mx.sym.Concat(A, B, dim=1), {"a": (2, 0), "b": (0, 3)}, [(2, 0), (2, 3)], [(2, 0)]),
    (mx.sym.Concat(A, B, dim=1), {"a": (0, 4), "b": (2, 3)}, [(2, 4), (2, 3)], [(2, 7)]),
    (mx.sym.Flatten(A), {"a": (0, 3, 4)}, [(0, 3, 4)], [(0, 12)]),
    (mx.sym.Reshape(A, shape=(0, -1)), {"a": (2, 3, 4)}, [(2, 3, 4)], [(2, 12)]),
    (mx.sym.dot(A, B), {"a": (0, 3, 4), "b": (4, 5)}, [(0, 3, 4), (4, 5)], [(0, 3, 5)]),
    (mx.sym.transpose(A, axes=(0, 3, 2, 1)), {"a": (0, 3, 22, 24)}, [(0, 3, 22, 24)], [(0, 24, 22, 3)]),
    (mx.sym.SliceChannel(A, num_outputs=3, axis=1), {"a": (0, 6)}, [(0, 6)], [(0, 2)] * 3),
    (mx.sym.slice_axis(A, axis=1, begin=0, end=5), {"a": (10, 0)}, [(10, 0)], [(10, 0)]),
    (mx.sym.sin(A), {}, [()], [()]),
    (mx.sym.where(A, B, B), {"a": (0, 2), "b": (0, 2)}, [(0, 2), (0, 2)], [()]),
    (mx.sym.expand_dims(A, axis=1), {"a": (0, 4)}, [(0, 4)], [(0, 1, 4)]),
    (mx.sym.mean(A, axis=1), {"a": (0, 3, 4)}, [(0, 3, 4)], [(0, 4)]),
]


@pytest.mark.parametrize(("symbol", "given", "arguments", "outputs"), FORWARDS, ids=lambda x: getattr(x, "name", None))
def test_partial_shapes_forwards(symbol, given, arguments, outputs):
    assert partial(symbol, **given) == (arguments, outputs)


@pytest.mark.parametrize(("symbol", "given", "arguments", "outputs"), FORWARDS, ids=lambda x: getattr(x, "name", None))
def test_the_same_in_numpys_notation(symbol, given, arguments, outputs):
    def noted(shape):
        return tuple(size or -1 for size in shape) if shape else None

    with mx.np_shape():
        found = partial(symbol, **{name: noted(shape) for name, shape in given.items()})
    assert found == ([noted(s) for s in arguments], [noted(s) for s in outputs])


BACKWARDS = [
    (mx.sym.FullyConnected(A, num_hidden=21, name="fc") + B, {"a": (0, 10), "b": (5, 0)}, {"a": (5, 10), "b": (5, 21)}),
    (
        mx.sym.Convolution(A, num_filter=21, kernel=(3, 3), dilate=(1, 1), pad=(1, 1), name="c") + B,
        {"a": (0, 10, 0, 0), "b": (5, 21, 32, 32)},
        {"a": (5, 10, 32, 32), "c_weight": (21, 10, 3, 3)},
    ),
    (
        mx.sym.SliceChannel(A, num_outputs=10, axis=1, squeeze_axis=True)[1] + B,
        {"a": (0, 10), "b": (5,)},
        {"a": (5, 10)},
    ),
    (mx.sym.SliceChannel(A, num_outputs=3)[1] + B, {"a": (0, 15, 0), "b": (3, 5, 2)}, {"a": (3, 15, 2)}),
    (
        mx.sym.Concat(A, B, dim=1) + mx.sym.var("c"),
        {"a": (0, 10), "b": (0, 5), "c": (2, 0)},
        {"a": (2, 10), "c": (2, 15)},
    ),
    (mx.sym.transpose(A) + B, {"a": (3, 0), "b": (2, 0)}, {"a": (3, 2), "b": (2, 3)}),
    (mx.sym.Reshape(A, shape=(0, -1)) + B, {"a": (2, 0, 4), "b": (2, 12)}, {"a": (2, 3, 4)}),
    (mx.sym.Activation(A, act_type="relu") + B, {"b": (2, 3)}, {"a": (2, 3)}),
    (mx.sym.BlockGrad(mx.sym.Dropout(A)) + B, {"b": (2, 3)}, {"a": (2, 3)}),
    (mx.sym.ones(shape=[2, -1]) + mx.sym.transpose(mx.sym.ones(shape=(3, 0))) + A, {}, {"a": (2, 3)}),
    (mx.sym._internal._identity_with_attr_like_rhs(mx.sym.sum(A), B), {"b": (1,)}, {"b": (1,)}),
]


@pytest.mark.parametrize(("symbol", "given", "expected"), BACKWARDS)
def test_shapes_backwards(symbol, given, expected):
    arguments, _ = partial(symbol, **given)
    found = dict(zip(symbol.list_arguments(), arguments, strict=True))
    assert {name: found[name] for name in expected} == expected


def test_declared_shapes_count_and_given_ones_win():
    declared = mx.sym.var("a", shape=(2, 3))
    total = declared + B
    assert total.infer_shape()[0] == [(2, 3), (2, 3)]
    assert total.infer_shape(a=(5, 6))[1] == [(5, 6)]
    assert total.infer_shape((5, 6))[1] == [(5, 6)]


def test_too_little_is_no_error():
    fc = mx.sym.FullyConnected(A, num_hidden=3, name="fc")
    assert fc.infer_shape() == (None, None, None)
    assert fc.infer_shape_partial() == ([(), (), (3,)], [()], [])
    assert fc.infer_type() == (None, None, None)
    assert fc.infer_type_partial() == ([None, None, None], [None], [])


@pytest.mark.parametrize(
    ("infer", "error", "words"),
    [
        (
            lambda s: s.infer_shape(a=(2, 3), fc_weight=(3, 4)),
            ArgumentError,
            r"fc \(FullyConnected\).*\(3, 4\).*\(3, 3\)",
        ),
        (lambda s: s.infer_shape(a=(2, 3), x=(3,)), NameLookupError, "x"),
        (lambda s: s.infer_shape((2, 3), (3, 3), (3,), (1,)), ArgumentError, "at most 3"),
        (lambda s: s.infer_shape((2, 3), a=(2, 3)), ArgumentError, "both"),
        (lambda s: s.infer_shape(a="no"), ArgumentTypeError, "tuple of integers"),
        (lambda s: s.infer_shape(a=(2.5, 3)), ArgumentTypeError, "tuple of integers"),
        (lambda s: s.infer_type(a="float64", fc_weight="float16"), ArgumentTypeError, "fc.*float64.*float16"),
        (lambda s: s.infer_type(a="float63"), ArgumentTypeError, "float63"),
    ],
)
def test_what_is_wrong_is_named(infer, error, words):
    fc = mx.sym.FullyConnected(A, num_hidden=3, name="fc")
    with pytest.raises(error, match=words):
        infer(fc)


def test_a_declared_shape_that_is_none():
    with pytest.raises(ArgumentError, match="a: expected a tuple of integers as __shape__"):
        mx.sym.var("a", attr={"__shape__": "wide"}).infer_shape()


def test_types_follow_both_ways():
    cast = mx.sym.Cast(mx.sym.var("data"), dtype="float32")
    net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(cast, num_hidden=4), name="softmax")
    assert net.infer_type(data=np.float16) == ([np.float16, np.float32, np.float32, np.float32], [np.float32], [])
    assert net.infer_type_partial() == ([None, np.float32, np.float32, np.float32], [np.float32], [])
    fc = mx.sym.FullyConnected(A, num_hidden=3, name="fc")
    assert fc.infer_type(fc_weight="float64") == ([np.float64] * 3, [np.float64], [])


def test_float64_is_learnt_although_numpy_finds_it_equal_to_none():
    assert (A * 2).infer_type(a="float64") == ([np.float64], [np.float64], [])


def test_statistics_of_half_precision_are_single_precision():
    found = mx.sym.BatchNorm(A, name="bn").infer_type(a="float16")
    assert found == ([np.float16, np.float32, np.float32], [np.float16], [np.float32, np.float32])


def test_a_deep_graph_needs_no_deep_stack():
    net = A
    for _ in range(3000):
        net = net + 1
    assert net.infer_shape(a=(2,))[1] == [(2,)]
