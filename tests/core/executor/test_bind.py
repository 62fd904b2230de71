"""Binding: arrays by order and by name, shared arrays, and mistakes named."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd
from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError, NameLookupError

X = mx.sym.var("x")
FC = mx.sym.FullyConnected(X, num_hidden=3, name="fc")


def arrays(**shapes):
    return {name: nd.ones(shape) for name, shape in shapes.items()}


def test_arrays_by_order_and_by_name_give_the_same():
    given = {"x": nd.array([[1.0, 2.0]]), "fc_weight": nd.ones((3, 2)), "fc_bias": nd.zeros(3)}
    by_name = FC.bind(mx.cpu(), given)
    by_order = FC.bind(mx.cpu(), [given[name] for name in FC.list_arguments()])
    for executor in (by_name, by_order):
        np.testing.assert_array_equal(executor.forward()[0].asnumpy(), [[3, 3, 3]])
        assert list(executor.arg_dict) == FC.list_arguments()
        assert executor.grad_arrays == [None] * 3
        assert executor.output_dict["fc_output"] is executor.outputs[0]
    assert by_name.arg_dict["x"] is given["x"]


def test_bound_arrays_stay_the_callers():
    x, grad = nd.array([1.0, 2.0]), nd.zeros(2)
    executor = (X * 3).bind(mx.cpu(), [x], [grad])
    executor.forward(is_train=True)
    x[:] = 5
    np.testing.assert_array_equal(executor.forward(is_train=True)[0].asnumpy(), [15, 15])
    executor.backward(nd.array([1, 10]))
    np.testing.assert_array_equal(grad.asnumpy(), [3, 30])


def test_simple_bind_allocates_zeros():
    executor = FC.simple_bind(mx.cpu(), x=(2, 4), grad_req={"fc_weight": "write", "x": "null"})
    assert [array.shape for array in executor.arg_arrays] == [(2, 4), (3, 4), (3,)]
    assert all((array.asnumpy() == 0).all() for array in executor.arg_arrays)
    assert [grad is None for grad in executor.grad_arrays] == [True, False, True]
    assert executor.grad_dict["fc_weight"].shape == (3, 4)


def test_simple_bind_of_other_dtypes():
    executor = FC.simple_bind(mx.cpu(), x=(2, 4), type_dict={"x": "float16"})
    assert {array.dtype for array in executor.arg_arrays} == {np.float16}
    assert executor.forward()[0].dtype == np.float16
    mixed = mx.sym.Embedding(X, input_dim=5, output_dim=2, name="e").simple_bind(
        mx.cpu(), x=(3,), type_dict={"x": "int32", "e_weight": "float64"}
    )
    assert [np.dtype(array.dtype).name for array in mixed.arg_arrays] == ["int32", "float64"]


def test_parameters_lie_side_by_side():
    executor = FC.simple_bind(mx.cpu(), x=(2, 4))
    (arena,) = executor.arenas
    assert arena.names == ["fc_weight", "fc_bias"]
    arena.weights[:] = 7
    assert all((executor.arg_dict[name].asnumpy() == 7).all() for name in arena.names)
    assert (executor.arg_dict["x"].asnumpy() == 0).all()
    executor.forward(is_train=True)
    executor.backward(nd.ones((2, 3)))
    flat = arena.grads.asnumpy()
    assert flat.sum() == executor.grad_dict["fc_weight"].asnumpy().sum() + executor.grad_dict["fc_bias"].asnumpy().sum()


@pytest.mark.parametrize(
    ("bind", "error", "words"),
    [
        (lambda: FC.bind(mx.cpu(), [nd.ones((2, 3))]), ArgumentError, r"args: expected 3 arrays.*Received: 1"),
        (lambda: FC.bind(mx.cpu(), {"x": nd.ones((2, 3))}), ArgumentError, r"none for \['fc_weight', 'fc_bias'\]"),
        (lambda: FC.bind(mx.cpu(), 3), ArgumentTypeError, "args: expected a list or a dict"),
        (
            lambda: FC.bind(mx.cpu(), arrays(x=(2, 3), fc_weight=(3, 4), fc_bias=(3,))),
            ArgumentError,
            r"fc \(FullyConnected\), shape inference.*weight \(fc_weight\): \(3, 4\)",
        ),
        (
            lambda: FC.bind(
                mx.cpu(), {**arrays(x=(2, 3), fc_weight=(3, 3)), "fc_bias": nd.ones((3,), dtype="float64")}
            ),
            MXNetError,
            "fc.*dtype inference.*float64",
        ),
        (
            lambda: X.bind(mx.cpu(), arrays(x=(2,)), {"x": nd.zeros((3,))}),
            ArgumentError,
            r"args_grad\['x'\]: expected shape \(2,\).*\(3,\)",
        ),
        (lambda: X.bind(mx.cpu(), arrays(x=(2,)), {"x": 3}), ArgumentTypeError, r"args_grad\['x'\].*int"),
        (lambda: X.bind(mx.cpu(), arrays(x=(2,)), grad_req="often"), ArgumentError, "grad_req.*often"),
        (lambda: X.bind(mx.cpu(), arrays(x=(2,)), grad_req=["write"] * 2), ArgumentError, "grad_req"),
        (lambda: X.bind(mx.cpu(1), arrays(x=(2,))), ArgumentError, r"x: expected.*cpu\(1\).*cpu\(0\)"),
        (
            lambda: (mx.sym.var("y") + mx.sym.var("y")).bind(mx.cpu(), [nd.ones(1)] * 2),
            ArgumentError,
            r"several named \['y'\]",
        ),
        (lambda: FC.simple_bind(mx.cpu(), x=(2, 3), z=(1,)), NameLookupError, r"\['z'\]"),
        (lambda: FC.simple_bind(mx.cpu()), MXNetError, "x: None"),
        (lambda: FC.simple_bind(mx.cpu(), x=(2, 0)), MXNetError, r"x: \(2, -1\)"),
        (
            lambda: mx.sym.BatchNorm(X, name="bn").bind(mx.cpu(), arrays(x=(2, 3), bn_gamma=(3,), bn_beta=(3,))),
            ArgumentError,
            "aux_states.*bn_moving_mean",
        ),
        (
            lambda: mx.sym.shape_array(X).bind(mx.cpu(), [nd.ones(1)], grad_req="add").forward(y=1),
            ArgumentTypeError,
            "y",
        ),
    ],
)
def test_mistakes_are_named(bind, error, words):
    with pytest.raises(error, match=words):
        bind()


def test_a_step_that_fails_names_its_node():
    picked = mx.sym.take(X, mx.sym.var("i"), mode="raise", name="picked")
    executor = picked.bind(mx.cpu(), {"x": nd.ones(3), "i": nd.array([1, 5])})
    with pytest.raises(MXNetError, match=r"'take' \(picked\).*\[0, 3\)"):
        executor.forward()


@pytest.mark.parametrize(
    ("run", "error", "words"),
    [
        (lambda e: e.forward(z=nd.ones(1)), ArgumentTypeError, "'z'"),
        (lambda e: e.forward(x=nd.ones((3, 3))), ArgumentError, r"x: expected shape \(2, 3\).*\(3, 3\)"),
        (lambda e: e.forward(x=[1, 2]), ArgumentTypeError, "'x'.*list"),
        (lambda e: e.backward(), MXNetError, r"Output 0 \(fc_output\)"),
        (lambda e: e.backward(nd.ones((3, 3))), ArgumentError, r"Output 0.*\(2, 3\).*\(3, 3\)"),
        (lambda e: e.backward([[1, 2]]), ArgumentTypeError, "Output 0.*list"),
        (lambda e: e.copy_params_from({"z": nd.ones(1)}), ArgumentError, "'z'"),
        (lambda e: e.copy_params_from({"fc_bias": nd.ones(7)}), MXNetError, r"\(7,\)"),
        (lambda e: e.reshape(z=(1,)), NameLookupError, "z"),
    ],
)
def test_mistakes_at_run_time_are_named(run, error, words):
    executor = FC.simple_bind(mx.cpu(), x=(2, 3))
    with pytest.raises(error, match=words):
        run(executor)
    executor.forward(is_train=True)  # the executor is as good as before
    executor.backward(nd.ones((2, 3)))


def test_copying_parameters():
    executor = mx.sym.BatchNorm(FC, name="bn").simple_bind(mx.cpu(), x=(2, 3))
    executor.copy_params_from({"fc_bias": nd.array([1, 2, 3], dtype="float64")}, {"bn_moving_var": nd.ones(3)})
    np.testing.assert_array_equal(executor.arg_dict["fc_bias"].asnumpy(), [1, 2, 3])
    np.testing.assert_array_equal(executor.aux_dict["bn_moving_var"].asnumpy(), [1, 1, 1])
    executor.copy_params_from({"z": nd.ones(1)}, allow_extra_params=True)


def test_evaluating_a_symbol():
    np.testing.assert_array_equal((X * 2).eval(x=nd.array([1, 2]))[0].asnumpy(), [2, 4])


def test_inputs_are_copied_in_while_calls_are_recorded():
    executor = (X * 2).simple_bind(mx.cpu(), x=(2,))
    x = nd.array([1.0, 2.0])
    x.attach_grad()
    with mx.autograd.record():
        executor.forward(is_train=True, x=x * 3)
    executor.arg_dict["x"][:] = 1
    np.testing.assert_array_equal(executor.outputs[0].asnumpy(), [6, 12])


def test_groups_of_cpu_contexts():
    with mx.AttrScope(ctx_group="one"):
        first = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=4, name="first")
    with mx.AttrScope(ctx_group="two"):
        net = mx.sym.FullyConnected(first, num_hidden=2, name="second")
    places = {"one": mx.cpu(1), "two": mx.cpu(2)}
    executor = net.simple_bind(mx.cpu(0), group2ctx=places, data=(3, 5))
    found = {name: array.context for name, array in executor.arg_dict.items()}
    assert found == {
        "data": mx.cpu(1),
        "first_weight": mx.cpu(1),
        "first_bias": mx.cpu(1),
        "second_weight": mx.cpu(2),
        "second_bias": mx.cpu(2),
    }
    executor.arg_dict["second_bias"][:] = 3
    assert (executor.forward(is_train=True)[0].asnumpy() == 3).all()
    executor.backward(nd.ones((3, 2)))
    assert (executor.grad_dict["second_bias"].asnumpy() == 3).all()
    with pytest.raises(MXNetError, match=r"second_weight: expected its ctx_group among .*'one'.* Received: 'two'"):
        net.simple_bind(mx.cpu(0), group2ctx={"one": mx.cpu(1)}, data=(3, 5))
