"""DataParallelExecutorGroup: gradients by inputs, layouts, other shapes, states, requests."""

from typing import Any

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import MXNetError
from mxtrain_worker.executor_group import DataParallelExecutorGroup
from mxtrain_worker.grad_requests import requests_for
from mxtrain_worker.group_contexts import per_device

TWO = [mx.cpu(0), mx.cpu(1)]


def dense() -> Any:
    return mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc")


def group(**options: Any) -> DataParallelExecutorGroup:
    arguments: dict[str, Any] = {
        "symbol": mx.sym.SoftmaxOutput(dense(), name="softmax"),
        "contexts": [mx.cpu(0)],
        "workload": [1],
        "data_shapes": [("data", (4, 5))],
        "label_shapes": [("softmax_label", (4,))],
        "param_names": ["fc_weight", "fc_bias"],
        "for_training": True,
        "inputs_need_grad": False,
    }
    return DataParallelExecutorGroup(**(arguments | options))


ARGUMENTS = ["data", "fc_weight", "fc_bias", "softmax_label"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["null", "write", "write", "null"]),
        ({"inputs_need_grad": True}, ["write", "write", "write", "null"]),
        ({"fixed_param_names": ["fc_bias"]}, ["null", "write", "null", "null"]),
        ({"for_training": False}, ["null"] * 4),
        ({"grad_req": "add"}, ["null", "add", "add", "null"]),
        ({"grad_req": ["write", "add", "null", "null"]}, ["write", "add", "null", "null"]),
        ({"grad_req": {"fc_weight": "add"}}, ["null", "add", "write", "null"]),
    ],
)
def test_requests_are_those_of_mxnet(options: dict[str, Any], expected: list[str]) -> None:
    assert group(**options).grad_req == dict(zip(ARGUMENTS, expected, strict=True))


def test_wrong_requests() -> None:
    with pytest.raises(ValueError, match="2 entries in grad_req"):
        requests_for(["write"], ["a", "b"], trained=[], inputs=[])
    with pytest.raises(TypeError, match="grad_req as str, list or dict"):
        requests_for(1, ["a"], trained=[], inputs=[])  # type: ignore[arg-type]


def test_arrays_of_two_devices() -> None:
    made = group(contexts=TWO, workload=[1, 1], inputs_need_grad=True)
    assert [[array.shape for array in parts] for parts in made.param_arrays] == [[(3, 5)] * 2, [(3,)] * 2]
    assert [[array.context for array in parts] for parts in made.grad_arrays] == [TWO, TWO]
    assert [(part, array.shape) for part, array in made.data_arrays[0]] == [
        (slice(0, 2), (2, 5)),
        (slice(2, 4), (2, 5)),
    ]
    assert [array.shape for array in made.input_grad_arrays[0]] == [(2, 5), (2, 5)]
    assert made.batch_size == 4


def bound(symbol: Any, shapes: list[Any], **options: Any) -> mx.mod.Module:
    names = [shape[0] for shape in shapes]
    module = mx.mod.Module(symbol, data_names=names, label_names=None, context=TWO, **options)
    module.bind(shapes, inputs_need_grad=True)
    module.init_params(mx.init.One())
    return module


def test_gradients_by_inputs() -> None:
    a, b, c = (mx.sym.Variable(name) for name in "abc")
    module = bound(a + 2 * b + 3 * c, [("b", (5, 5)), ("c", (5, 5)), ("a", (5, 5))])
    module.forward(mx.io.DataBatch([mx.nd.ones((5, 5))] * 3), is_train=True)
    module.backward([mx.nd.ones((5, 5))])
    assert [grad.asnumpy().tolist() for grad in module.get_input_grads()] == [
        np.full((5, 5), factor).tolist() for factor in (2, 3, 1)
    ]
    assert [part.shape for part in module.get_input_grads(merge_multi_context=False)[0]] == [(2, 5), (3, 5)]


def test_batch_axis_in_the_middle() -> None:
    layer = mx.sym.Activation(mx.sym.Variable("data"), act_type="relu", __layout__="TNC")
    values = np.random.default_rng(0).normal(size=(3, 8, 7)).astype(np.float32)
    module = mx.mod.Module(layer, label_names=None, context=TWO)
    module.bind([mx.io.DataDesc("data", (3, 8, 7), layout="TNC")])
    module.init_params()
    module.forward(mx.io.DataBatch([mx.nd.array(values)]))
    assert [part.shape for part in module.get_outputs(merge_multi_context=False)[0]] == [(3, 4, 7), (3, 4, 7)]
    np.testing.assert_array_equal(module.get_outputs()[0].asnumpy(), np.maximum(values, 0))


def test_half_precision() -> None:
    module = mx.mod.Module(mx.sym.Activation(mx.sym.Variable("data"), act_type="relu"), label_names=None)
    module.bind([mx.io.DataDesc("data", (2, 3), np.float16)])
    module.init_params()
    module.forward(mx.io.DataBatch([mx.nd.ones((2, 3), dtype=np.float16)]))
    assert module.get_outputs()[0].dtype is np.float16


def test_batches_of_other_shapes() -> None:
    """Sizes and even other dimensions may change from batch to batch; trained parameters stay."""
    module = bound(dense(), [("data", (6, 5))])
    module.init_optimizer(optimizer_params={"learning_rate": 1})
    for size, expected in ((6, 0.0), (4, -1.0), (6, -1.0 - 4 / 6), (10, -1.0 - 4 / 6 - 1)):
        module.forward(mx.io.DataBatch([mx.nd.ones((size, 5))]), is_train=True)
        output = module.get_outputs()[0]
        assert output.shape == (size, 3)
        bias = module.get_params()[0]["fc_bias"].asnumpy()
        np.testing.assert_allclose(bias, 0 if expected == 0 else expected, rtol=1e-6)
        module.backward([mx.nd.ones((size, 3))])
        module.update()


def test_shape_that_parameters_do_not_fit() -> None:
    module = bound(dense(), [("data", (6, 5))])
    with pytest.raises(MXNetError, match="fc_weight"):
        module.forward(mx.io.DataBatch([mx.nd.ones((6, 4))]))


def test_executors_of_earlier_shapes_are_used_again() -> None:
    module = bound(dense(), [("data", (6, 5))])
    seen = {}
    for size in (6, 4, 6, 4, 6):
        module.forward(mx.io.DataBatch([mx.nd.ones((size, 5))]))
        seen.setdefault(size, set()).add(id(module._exec_group.execs[0]))
    assert [len(executors) for executors in seen.values()] == [1, 1]


def test_a_batch_without_labels_keeps_the_bound_ones() -> None:
    module = mx.mod.Module(mx.sym.SoftmaxOutput(dense(), name="softmax"))
    module.bind([("data", (6, 5))], [("softmax_label", (6,))])
    module.init_params()
    module.forward(mx.io.DataBatch([mx.nd.ones((2, 5))]), is_train=False)
    assert module.get_outputs()[0].shape == (2, 3)
    assert module.label_shapes[0].shape == (2,)


def test_wrong_batches() -> None:
    module = bound(dense(), [("data", (6, 5))])
    with pytest.raises(ValueError, match=r"arrays \['data'\]. Received: 2 arrays"):
        module.forward(mx.io.DataBatch([mx.nd.ones((6, 5))] * 2))
    with pytest.raises(TypeError, match=r"NDArray or numpy\.ndarray in a batch"):
        module._exec_group.forward(mx.io.DataBatch([[[1.0] * 5] * 6]))


def test_batches_cut_beforehand() -> None:
    module = bound(dense(), [("data", (4, 5))])
    module.forward([mx.io.DataBatch([mx.nd.full((2, 5), value)]) for value in (1, 2)])
    assert module.get_outputs()[0].asnumpy()[:, 0].tolist() == [5, 5, 10, 10]


def test_numpy_batches() -> None:
    module = bound(dense(), [("data", (4, 5))])
    module.forward(mx.io.DataBatch([np.ones((4, 5))]))
    assert module.get_outputs()[0].asnumpy()[:, 0].tolist() == [5] * 4


def test_states() -> None:
    data, state = mx.sym.Variable("data"), mx.sym.Variable("state")
    module = mx.mod.Module(data + state, label_names=None, state_names=["state"], context=TWO)
    module.bind([("data", (4, 2))], for_training=False)
    module.init_params()
    batch = mx.io.DataBatch([mx.nd.ones((4, 2))])
    module.set_states(value=2)
    module.forward(batch)
    module.set_states(states=module.get_outputs(merge_multi_context=False))
    module.forward(batch)
    assert (module.get_outputs()[0].asnumpy() == 4).all()
    assert module.get_states()[0].shape == (4, 2)
    with pytest.raises(ValueError, match="either states or value"):
        module.set_states()


def test_group_contexts() -> None:
    one, two, three = mx.cpu(1), mx.cpu(2), mx.cpu(3)
    assert per_device(None, 2) == [None, None]
    assert per_device({"a": one, "b": [two]}, 2) == [{"a": one, "b": two}] * 2
    assert per_device({"a": [one, two], "b": three}, 2) == [{"a": one, "b": three}, {"a": two, "b": three}]
    assert per_device([{"a": one}, {"a": two}], 2) == [{"a": one}, {"a": two}]
    with pytest.raises(ValueError, match="1 or 2 contexts for the group 'a'"):
        per_device({"a": [one, two, three]}, 2)
    with pytest.raises(TypeError, match="list of 2"):
        per_device([{"a": one}], 2)
