"""Parameters: initialization now and later, copies on contexts, gradients, casting."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import autograd, gluon, nd
from mxtrain.gluon import Constant, DeferredInitializationError, Parameter, ParameterDict
from mxtrain.gluon.errors import CheckError

CONTEXTS = [mx.cpu(0), mx.cpu(1)]


def made(**options):
    parameter = Parameter("w", **{"shape": (2, 3), **options})
    parameter.initialize(init="ones", ctx=CONTEXTS)
    return parameter


class TestInitialization:
    def test_copies_on_every_context(self):
        parameter = made()
        assert parameter.list_ctx() == CONTEXTS
        assert [array.context for array in parameter.list_data()] == CONTEXTS
        assert [grad.context for grad in parameter.list_grad()] == CONTEXTS
        assert (parameter.data(mx.cpu(1)).asnumpy() == 1).all()
        assert parameter.data(mx.cpu_pinned(0)) is parameter.data(mx.cpu(0))

    def test_equal_seeds_give_equal_values_on_all_contexts(self):
        mx.random.seed(3)
        one = Parameter("w", shape=(4,))
        one.initialize("normal", ctx=CONTEXTS)
        mx.random.seed(3)
        other = Parameter("w", shape=(4,))
        other.initialize("normal")
        values = [array.asnumpy() for array in (*one.list_data(), *other.list_data())]
        assert all((value == values[0]).all() for value in values)

    def test_the_initializer_fills_whatever_the_name_is(self):
        params = ParameterDict()
        params.get("a_bias", shape=(2,))
        params.get("a_gamma", shape=(2,), init="zeros")
        params.initialize(mx.init.Constant(5))
        assert [p.data().asnumpy().tolist() for p in params.values()] == [[5, 5], [0, 0]]

    def test_a_second_time_only_by_force(self):
        parameter = made()
        with pytest.warns(UserWarning, match="already initialized"):
            parameter.initialize(init="zeros")
        assert (parameter.data(mx.cpu()).asnumpy() == 1).all()
        parameter.initialize(init="zeros", force_reinit=True)
        assert (parameter.data().asnumpy() == 0).all()

    def test_unknown_shape(self):
        with pytest.raises(ValueError, match=r"'w' because it has invalid shape: \(0, 3\)"):
            Parameter("w", shape=(0, 3)).initialize()

    def test_deferred(self):
        parameter = Parameter("w", shape=(0, 3), allow_deferred_init=True)
        parameter.initialize(init="ones", ctx=CONTEXTS)
        assert parameter.list_ctx() == CONTEXTS
        with pytest.raises(DeferredInitializationError, match="pass one batch of data"):
            parameter.data()
        parameter.zero_grad()
        parameter.reset_ctx(mx.cpu(2))
        parameter.shape = (2, 3)
        parameter._finish_deferred_init()
        assert parameter.list_ctx() == [mx.cpu(2)]
        assert (parameter.data().asnumpy() == 1).all()

    def test_values_set_before_their_time_are_kept(self):
        parameter = Parameter("w", shape=(0,), allow_deferred_init=True)
        parameter.initialize()
        parameter.set_data(nd.array([1, 2]))
        parameter._finish_deferred_init()
        assert parameter.data().asnumpy().tolist() == [1, 2]

    def test_zero_is_a_size_under_numpy_shape_semantics(self):
        with mx.np_shape():
            parameter = Parameter("w", shape=(2, -1), allow_deferred_init=True)
            parameter.initialize()
            parameter.shape = (2, 0)
            # as in MXNet, 0 still stands for unknown in a parameter's shape
            assert parameter.shape == (2, -1)


class TestAccess:
    def test_before_initialization(self):
        parameter = Parameter("w", shape=(1,))
        for access in (parameter.data, parameter.list_data, parameter.list_grad, parameter.list_ctx):
            with pytest.raises(RuntimeError, match="'w' has not been initialized"):
                access()
        with pytest.raises(CheckError, match="'w' has not been initialized"):
            parameter.set_data(nd.ones(1))
        with pytest.raises(ValueError, match="Cannot reset context"):
            parameter.reset_ctx(mx.cpu())

    def test_another_context(self):
        with pytest.raises(RuntimeError, match=r"not initialized on context cpu\(5\).*only initialized on \[cpu\(0\)"):
            made().data(mx.cpu(5))

    def test_several_contexts_take_the_current_one(self):
        parameter = made()
        with mx.cpu(1):
            assert parameter.data().context is mx.cpu(1)
            assert parameter.grad().context is mx.cpu(1)

    def test_a_shape_that_does_not_fit(self):
        parameter = made()
        with pytest.raises(AssertionError, match=r"Expected shape \(3, 3\) is incompatible with given shape \(2, 3\)"):
            parameter.set_data(nd.ones((3, 3)))
        assert parameter.shape == (2, 3)

    @pytest.mark.parametrize("stype", ["stype", "grad_stype"])
    def test_an_unknown_storage(self, stype):
        with pytest.raises(AssertionError, match=f"as {stype}.*'dense'"):
            Parameter("w", shape=(1,), **{stype: "dense"})

    def test_values_are_set_everywhere(self):
        parameter = made()
        kept = parameter.list_data()[0]
        parameter.set_data(nd.full((2, 3), 7))
        assert all((array.asnumpy() == 7).all() for array in parameter.list_data())
        assert parameter.list_data()[0] is kept  # compiled graphs hold it

    def test_moving_to_other_contexts_takes_the_mean(self):
        parameter = made()
        parameter.data(mx.cpu(1))[:] = 3
        parameter.reset_ctx([mx.cpu(2)])
        assert parameter.list_ctx() == [mx.cpu(2)]
        assert (parameter.data().asnumpy() == 2).all()


class TestGradient:
    def test_backward_fills_it(self):
        parameter = made()
        with autograd.record():
            loss = (parameter.data(mx.cpu(1)) * 3).sum()
        loss.backward()
        assert (parameter.grad(mx.cpu(1)).asnumpy() == 3).all()
        assert (parameter.grad(mx.cpu(0)).asnumpy() == 0).all()
        parameter.zero_grad()
        assert (parameter.grad(mx.cpu(1)).asnumpy() == 0).all()

    def test_requests(self):
        parameter = made(grad_req="add")
        for _ in range(2):
            with autograd.record():
                loss = parameter.data(mx.cpu()).sum()
            loss.backward()
        assert (parameter.grad(mx.cpu()).asnumpy() == 2).all()
        parameter.grad_req = "null"
        with pytest.raises(RuntimeError, match="because grad_req='null'"):
            parameter.grad(mx.cpu())
        with autograd.record(), pytest.raises(mx.MXNetError):
            parameter.data(mx.cpu()).sum().backward()
        parameter.grad_req = "write"
        assert (parameter.grad(mx.cpu()).asnumpy() == 0).all()

    def test_an_unknown_request(self):
        with pytest.raises(AssertionError, match="grad_req must be one of 'write', 'add', or 'null', but got 'foo'"):
            Parameter("w", grad_req="foo")

    def test_what_is_not_differentiable_stays_so(self):
        parameter = Parameter("w", shape=(1,), differentiable=False)
        parameter.grad_req = "write"
        assert parameter.grad_req == "null"

    def test_a_gradient_of_rows(self):
        parameter = Parameter("w", shape=(4, 2), grad_stype="row_sparse")
        parameter.initialize()
        assert parameter.grad().stype == "row_sparse"


def test_casting():
    parameter = made()
    variable = parameter.var()
    assert variable is parameter.var()
    parameter.cast("float16")
    assert parameter.data(mx.cpu()).dtype == parameter.grad(mx.cpu(1)).dtype == np.float16
    assert parameter.var() is not variable
    with autograd.record():
        loss = parameter.data(mx.cpu()).sum()
    loss.backward()
    assert (parameter.grad(mx.cpu()).asnumpy() == 1).all()
    assert np.dtype(parameter.var().infer_type()[1][0]) == np.float16


def test_the_variable_tells_what_is_known():
    parameter = Parameter("w", shape=(2, 0), dtype="float64", lr_mult=2, wd_mult=0.5, init="ones")
    assert parameter.var().attr_dict()["w"] == {
        "__shape__": "(2, 0)",
        "__dtype__": "1",
        "__lr_mult__": "2",
        "lr_mult": "2",
        "__wd_mult__": "0.5",
        "wd_mult": "0.5",
        "__init__": "ones",
        "__storage_type__": "0",
    }


class TestConstant:
    def test_it_never_changes(self):
        constant = Constant("c", [[1, 2]])
        constant.initialize(ctx=CONTEXTS)
        assert repr(constant) == "Constant c (shape=(1, 2), dtype=<class 'numpy.float32'>)"
        assert constant.data(mx.cpu(1)).asnumpy().tolist() == [[1, 2]]
        with pytest.warns(UserWarning, match="does not support grad_req other than"):
            constant.grad_req = "write"
        assert constant.grad_req == "null"

    def test_in_a_network(self):
        class Shift(gluon.HybridBlock):
            def __init__(self):
                super().__init__()
                self.shift = self.params.get_constant("shift", np.array([1.0, 2.0]))

            def hybrid_forward(self, F, x, shift):
                return x + shift

        block = Shift()
        block.initialize()
        for hybridize in (False, True):
            block.hybridize(hybridize)
            assert block(nd.zeros(2)).asnumpy().tolist() == [1, 2]


class TestDict:
    def test_names(self):
        params = ParameterDict("net_")
        weight = params.get("w", shape=(2, 3))
        assert params.get("w") is weight is params["net_w"]
        assert list(params) == list(params.keys()) == ["net_w"]
        assert "net_w" in params
        assert len(params) == 1
        assert repr(params) == "net_ (\n  Parameter net_w (shape=(2, 3), dtype=<class 'numpy.float32'>)\n)"
        with pytest.raises(KeyError, match=r"Expected: a parameter of 'net_w'. Received: 'v'"):
            params["v"]

    def test_what_an_existing_parameter_does_not_know_is_filled_in(self):
        params = ParameterDict()
        weight = params.get("w", shape=(0, 3), allow_deferred_init=True)
        params.get("w", shape=(2, 0), dtype=np.float32, init="ones")
        assert (weight.shape, weight.init) == ((2, 3), "ones")

    @pytest.mark.parametrize("wish", [{"shape": (3, 3)}, {"shape": (2, 3, 1)}, {"dtype": "float64"}, {"lr_mult": 2}])
    def test_contradictions(self, wish):
        params = ParameterDict()
        params.get("w", shape=(2, 3))
        with pytest.raises(AssertionError, match="'w' because desired attribute does not match with stored"):
            params.get("w", **wish)

    def test_sharing(self):
        shared = ParameterDict("a_")
        weight = shared.get("w", shape=(1,))
        assert ParameterDict("a_", shared).get("w") is weight

    def test_update(self):
        one, other = ParameterDict(), ParameterDict()
        weight = one.get("w", shape=(1,))
        other.update(one)
        assert other["w"] is weight
        other.get("v", shape=(1,))
        one.get("v", shape=(1,))
        with pytest.raises(AssertionError, match="different Parameters with the same name 'v'"):
            one.update(other)

    def test_constants(self):
        params = ParameterDict()
        with pytest.raises(KeyError, match="No constant named 'c'"):
            params.get_constant("c")
        constant = params.get_constant("c", [1, 2])
        assert params.get_constant("c", [1, 2]) is constant is params.get_constant("c")
        with pytest.raises(AssertionError, match="value doesn't match"):
            params.get_constant("c", [1, 3])
        params.get("w")
        with pytest.raises(AssertionError, match="not a constant"):
            params.get_constant("w", [1])

    def test_all_at_once(self):
        params = ParameterDict()
        params.get("w", shape=(2,))
        params.get("b", shape=(2,), grad_req="null")
        params.initialize(ctx=CONTEXTS)
        params.setattr("lr_mult", 0.1)
        assert [p.lr_mult for p in params.values()] == [0.1, 0.1]
        params.reset_ctx([mx.cpu(1)])
        assert params.list_ctx() == [mx.cpu(1)]
        params["w"].grad()[:] = 3
        params.zero_grad()
        assert (params["w"].grad().asnumpy() == 0).all()
