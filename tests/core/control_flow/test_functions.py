"""What `foreach`, `while_loop` and `cond` take, return and refuse; names and inference."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd

X, S, Z = mx.sym.var("x"), mx.sym.var("s"), mx.sym.var("z")
D, T, I = nd.ones((3, 2)), nd.ones((2,)), nd.array([1])  # noqa: E741


def form(value):
    """The nesting of lists; a tuple counts as one."""
    return [form(part) for part in value] if isinstance(value, (list, tuple)) else "*"


def both(call):
    """A call on NDArrays and on Symbols."""
    return form(call(nd.contrib, D, T)), form(call(mx.sym.contrib, X, S))


@pytest.mark.parametrize(
    ("call", "wished"),
    [
        (lambda f, d, s: f.foreach(lambda d, s: (d, s), d, s), ["*", "*"]),
        (lambda f, d, s: f.foreach(lambda d, s: ([d], s), d, [s]), [["*"], ["*"]]),
        (lambda f, d, s: f.foreach(lambda d, s: (d, []), d, []), ["*", []]),
        (lambda f, d, s: f.foreach(lambda d, s: ([], [s[0] + d]), d, [s]), [[], ["*"]]),
        (
            lambda f, d, s: f.foreach(lambda d, s: ([d[0], [d[1][0], s[0]]], s), [d, [d * 2]], [s, [s * 2, s]]),
            [["*", ["*", "*"]], ["*", ["*", "*"]]],
        ),
        (lambda f, d, s: f.while_loop(lambda i: i.sum() < 9, lambda i: (i, i + 1), s, 5), ["*", "*"]),
        (lambda f, d, s: f.while_loop(lambda i: i.sum() < 9, lambda i: (None, [i + 1]), [s], 5), [[], ["*"]]),
        (
            lambda f, d, s: f.while_loop(
                lambda a, b: a.sum() < 9, lambda a, b: ([a, [b[0]]], [a + 1, [b[0] * 2]]), (s, (s * 3,)), 5
            ),
            [["*", ["*"]], ["*", ["*"]]],
        ),
        (lambda f, d, s: f.cond(s.sum() < 3, lambda: [d, [s]], lambda: [d, [s * 2]]), ["*", ["*"]]),
        (lambda f, d, s: f.cond(s.sum() < 3, lambda: d, lambda: d * 2), "*"),
    ],
)
def test_returns_what_the_body_returned_nested_alike(call, wished):
    assert both(call) == (wished, wished)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: f.foreach(lambda d, s: (None, s), D, T), AssertionError, "outputs of foreach.*NDArray.*NoneType"),
        (lambda f: f.foreach(lambda d, s: (d, s), D.asnumpy(), T), AssertionError, "data of foreach.*ndarray"),
        (lambda f: f.foreach(lambda d, s: (d, s), D, 1), AssertionError, "states of foreach.*int"),
        (lambda f: f.foreach(lambda d, s: (d, s), nd.array(np.zeros((0, 2))), T), ValueError, "at least one slice"),
        (lambda f: f.foreach(lambda d, s: d, D, T), ValueError, "to return .outputs, states."),
        (lambda f: f.foreach(lambda d, s: (d[0], s), [D, nd.ones((2, 2))], T), IndexError, "2"),
        (lambda f: f.while_loop(lambda i: i < 3, lambda i: (i, i + 1), I), ValueError, "max_iterations"),
        (lambda f: f.while_loop(lambda i: i < 3, lambda i: (i, i + 1), I, "x"), ValueError, "max_iterations"),
        (lambda f: f.while_loop(lambda: 1, lambda: (I, []), [], 3), ValueError, "at least one"),
        (lambda f: f.while_loop(lambda i: i < 3, lambda i: (i, [i, i]), I, 3), ValueError, "1 loop_vars.*2"),
        (lambda f: f.while_loop(lambda i: i < 3, lambda i: i, I, 3), ValueError, "to return .outputs, states."),
        (lambda f: f.while_loop(lambda i: nd.ones((2,)), lambda i: (i, i), I, 3), ValueError, "one element"),
        (
            lambda f: f.while_loop(lambda i: i < 3, lambda i: ([i] * int(i.asscalar()), i + 1), I, 3),
            ValueError,
            "1 outputs.*2",
        ),
        (lambda f: f.cond(nd.ones((2,)), lambda: I, lambda: I), ValueError, "one element"),
    ],
)
def test_arrays_refused(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call(nd.contrib)
    assert isinstance(caught.value, mx.MXNetError)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: f.foreach(lambda d, s: (None, s), X, S), AssertionError, "outputs of foreach.*Symbol.*NoneType"),
        (lambda f: f.foreach(lambda d, s: (d, s), D, S), AssertionError, "data of foreach.*NDArray"),
        (lambda f: f.foreach(lambda d, s: (s, s), X, S), AssertionError, "data arrays have to be used"),
        (lambda f: f.foreach(lambda d, s: (d, d), X, S), AssertionError, "state arrays have to be used"),
        (lambda f: f.foreach(lambda d, s: (d, [s]), X, S), AssertionError, "form"),
        (lambda f: f.foreach(lambda d, s: (d, s), mx.sym.Group([X, Z]), S), ValueError, "one output"),
        (lambda f: f.foreach(lambda d, s: d, X, S), ValueError, "to return .outputs, states."),
        (lambda f: f.while_loop(lambda i: i < 3, lambda i: (i, i + 1), X), ValueError, "max_iterations"),
        (lambda f: f.while_loop(lambda: X, lambda: (X, []), [], 3), ValueError, "at least one"),
        (lambda f: f.while_loop(lambda i: True, lambda i: (i, i), X, 3), ValueError, "cond must be a Symbol"),
        (lambda f: f.while_loop(lambda i: i, lambda i: (i, [i, i]), X, 3), ValueError, "1 loop_vars.*2"),
        (lambda f: f.while_loop(lambda i, j: i, lambda i, j: (i, [i, i]), [X, S], 3), ValueError, "2-th loop_var"),
        (lambda f: f.cond(True, lambda: X, lambda: X), AssertionError, "Symbol"),
        (lambda f: f.cond(X, lambda: [X, S], lambda: X), ValueError, "Number of outputs differs"),
    ],
)
def test_symbols_refused(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call(mx.sym.contrib)
    assert isinstance(caught.value, mx.MXNetError)


def test_shapes_follow_in_both_directions():
    outs, states = mx.sym.contrib.foreach(lambda d, s: (d + s[0], [s[0] * 2]), X, [S])
    group = mx.sym.Group([outs, *states])
    assert group.infer_shape(x=(5, 3, 2)) == ([(5, 3, 2), (3, 2)], [(5, 3, 2), (3, 2)], [])
    assert group.infer_shape_partial(s=(3, 2))[0] == [(0, 3, 2), (3, 2)]
    wider = outs + mx.sym.var("y", shape=(5, 3, 2))
    assert wider.infer_shape()[0] == [(5, 3, 2), (3, 2), (5, 3, 2)]
    assert group.infer_type(s="float64")[0] == [np.float64] * 2


def test_shapes_of_weights_inside_follow():
    def body(d, s):
        y = mx.sym.FullyConnected(d, num_hidden=4, name="fc") + s
        return y, y

    out, _ = mx.sym.contrib.foreach(body, X, S)
    arguments, outputs, _ = out.infer_shape(x=(7, 2, 3))
    assert dict(zip(out.list_arguments(), arguments, strict=True)) == {
        "x": (7, 2, 3),
        "s": (2, 4),
        "fc_weight": (4, 3),
        "fc_bias": (4,),
    }
    assert outputs == [(7, 2, 4)]


def test_shapes_of_branches_and_loops():
    out = mx.sym.contrib.cond(Z, lambda: X * 2, lambda: S)
    assert out.infer_shape(x=(2, 3), z=(1,)) == ([(1,), (2, 3), (2, 3)], [(2, 3)], [])
    out, last = mx.sym.contrib.while_loop(lambda i: i.sum() < 3, lambda i: (i * S, i + 1), X, 6)
    assert mx.sym.Group([out, last]).infer_shape(x=(2, 3)) == ([(2, 3), (2, 3)], [(6, 2, 3), (2, 3)], [])
    with pytest.raises(mx.MXNetError, match=r"_cond.*shape \(2,\)"):
        mx.sym.contrib.cond(Z, lambda: X * 2, lambda: S).infer_shape(x=(2, 3), s=(2,))


def test_a_bound_of_no_step_is_refused():
    out, _ = mx.sym.contrib.while_loop(lambda i: i < 3, lambda i: (i, i + 1), X, 0)
    with pytest.raises(mx.MXNetError, match="at least 1"):
        out.infer_shape(x=(1,))


def test_a_condition_of_several_elements_is_refused():
    out = mx.sym.contrib.cond(X, lambda: X, lambda: X)
    with pytest.raises(mx.MXNetError, match=r"_cond.*pred with one element.*\(2,\)"):
        out.simple_bind(mx.cpu(), x=(2,)).forward()


def test_an_error_inside_names_the_operator_inside():
    out, _ = mx.sym.contrib.foreach(lambda d, s: (mx.sym.take(d, s, mode="raise", name="inside"), s), X, S)
    with pytest.raises(mx.MXNetError, match=r"'take' \(inside\)"):
        out.simple_bind(mx.cpu(), x=(2, 3), s=(1,)).forward(s=nd.array([7]))


def test_names_of_bodies_are_counted():
    mx.AttrScope._subgraph_names.clear()
    for _ in range(2):
        mx.sym.contrib.cond(X < 1, lambda: X, lambda: S, name="my")
    assert dict(mx.AttrScope._subgraph_names) == {"my_pred": 2, "my_then": 2, "my_else": 2}


def test_attributes_of_the_surroundings_are_kept():
    with mx.AttrScope(ctx_group="g"):
        out, _ = mx.sym.contrib.foreach(lambda d, s: (d + s + Z, s * mx.sym.var("inside")), X, S)
    assert out.attr("ctx_group") == "g"
    assert out.list_arguments() == ["x", "s", "z", "inside"]


def test_symbols_that_were_made_before_may_be_used_inside():
    network = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2, name="fc")
    out, _ = mx.sym.contrib.foreach(lambda d, s: (network(data=d) + s, s), X, S)
    assert out.list_arguments() == ["x", "s", "fc_weight", "fc_bias"]
    assert out.infer_shape(x=(5, 3, 4))[1] == [(5, 3, 2)]


def test_free_variables_of_one_name_are_one():
    out, _ = mx.sym.contrib.while_loop(
        lambda i: i < mx.sym.var("w"), lambda i: (i * mx.sym.var("w"), i + mx.sym.var("w")), X, 3
    )
    assert out.list_arguments() == ["x", "w"]
    (y,) = out.bind(mx.cpu(), {"x": nd.array([1]), "w": nd.array([2])}, grad_req="null").forward()
    assert y.asnumpy().ravel().tolist() == [2, 0, 0]


def test_the_operators_without_graphs_are_refused():
    with pytest.raises(mx.MXNetError, match="_foreach"):
        nd._internal._foreach(D, T, num_args=3)
