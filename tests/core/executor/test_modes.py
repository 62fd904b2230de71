"""Training and prediction: Dropout, BatchNorm's states, custom operators."""

import numpy as np

import mxtrain as mx
from mxtrain import nd

X = mx.sym.var("x")


def test_dropout_drops_in_training_only_and_backward_uses_the_same_mask():
    mx.random.seed(3)
    executor = mx.sym.Dropout(X, p=0.5).simple_bind(mx.cpu(), x=(100, 100))
    executor.arg_dict["x"][:] = 1
    kept = executor.forward(is_train=True)[0].asnumpy()
    assert set(np.unique(kept)) == {0, 2}
    assert 0.45 < (kept == 0).mean() < 0.55
    executor.backward(nd.ones((100, 100)))
    np.testing.assert_array_equal(executor.grad_dict["x"].asnumpy(), kept)
    assert (executor.forward(is_train=False)[0].asnumpy() == 1).all()
    assert (executor.forward(is_train=True)[0].asnumpy() != kept).any()


def test_batch_norm_moves_its_states_in_training_only():
    executor = mx.sym.BatchNorm(X, fix_gamma=False, momentum=0.5, eps=0.0, name="bn").simple_bind(mx.cpu(), x=(4, 2))
    x = np.array([[0, 1], [2, 1], [4, 3], [6, 3]], "float32")
    executor.arg_dict["bn_gamma"][:] = 1
    executor.aux_dict["bn_moving_var"][:] = 1
    executor.forward(is_train=False, x=x)
    assert executor.aux_dict["bn_moving_mean"].asnumpy().tolist() == [0, 0]
    np.testing.assert_allclose(executor.outputs[0].asnumpy(), x)
    out = executor.forward(is_train=True, x=x)[0].asnumpy()
    np.testing.assert_allclose(out, (x - x.mean(0)) / x.std(0), rtol=1e-5)
    assert executor.aux_dict["bn_moving_mean"].asnumpy().tolist() == [1.5, 1]
    np.testing.assert_allclose(executor.aux_dict["bn_moving_var"].asnumpy(), 0.5 + 0.5 * x.var(0))
    executor.backward(nd.array(x))
    assert executor.aux_dict["bn_moving_mean"].asnumpy().tolist() == [1.5, 1]
    np.testing.assert_allclose(executor.grad_dict["bn_beta"].asnumpy(), x.sum(0))


def test_states_are_updated_without_gradients_too():
    executor = mx.sym.BatchNorm(X, momentum=0.0, name="bn").simple_bind(mx.cpu(), x=(4, 1), grad_req="null")
    executor.forward(is_train=True, x=np.array([[1], [2], [3], [6]], "float32"))
    assert executor.aux_dict["bn_moving_mean"].asnumpy().tolist() == [3]


def test_a_custom_operator_is_made_once_and_told_the_mode():
    made, modes = [], []

    class Noted(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            modes.append(is_train)
            self.assign(out_data[0], req[0], in_data[0] * 2)

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            self.assign(in_grad[0], req[0], out_grad[0] * 2)

    @mx.operator.register("noted_in_executor")
    class NotedProp(mx.operator.CustomOpProp):
        def create_operator(self, ctx, in_shapes, in_dtypes):
            made.append((ctx, in_shapes))
            return Noted()

    executor = mx.sym.Custom(X, op_type="noted_in_executor").simple_bind(mx.cpu(), x=(3,))
    executor.arg_dict["x"][:] = 4
    for is_train in (True, False, True):
        assert executor.forward(is_train=is_train)[0].asnumpy().tolist() == [8, 8, 8]
    executor.backward(nd.ones(3))
    assert executor.grad_dict["x"].asnumpy().tolist() == [2, 2, 2]
    assert modes == [True, False, True]
    assert made == [("cpu(0)", [[3]])]
