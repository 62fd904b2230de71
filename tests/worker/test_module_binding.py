"""Binding, names and first values of a Module; what goes wrong is said by name."""

from typing import Any

import module_cases
import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import MXNetError

DATA, LABEL = [("data", (8, 5))], [("softmax_label", (8,))]


def module(**options: Any) -> mx.mod.Module:
    return mx.mod.Module(module_cases.network(mx), **options)


def bound(**options: Any) -> mx.mod.Module:
    made = module(**options)
    made.bind(DATA, LABEL)
    return made


def test_facts() -> None:
    made = bound(context=[mx.cpu(0), mx.cpu(1)])
    assert made.data_names == ["data"]
    assert made.label_names == ["softmax_label"]
    assert made.output_names == ["softmax_output"]
    assert made.output_shapes == [("softmax_output", (8, 3))]
    assert [tuple(desc) for desc in made.data_shapes] == DATA
    assert [tuple(desc) for desc in made.label_shapes] == LABEL
    assert made.binded
    assert not made.params_initialized


@pytest.mark.parametrize(
    "action",
    [
        lambda made: made.data_shapes,
        lambda made: made.init_params(),
        lambda made: made.init_optimizer(),
        lambda made: made.forward(mx.io.DataBatch([mx.nd.ones((8, 5))])),
        lambda made: made.update(),
        lambda made: made.get_params(),
    ],
)
def test_before_bind(action: Any) -> None:
    with pytest.raises(MXNetError, match="before bind"):
        action(module())


def test_before_parameters_and_optimizer() -> None:
    made = bound()
    with pytest.raises(MXNetError, match="Call init_params first"):
        made.forward(mx.io.DataBatch([mx.nd.ones((8, 5))]))
    made.init_params()
    with pytest.raises(MXNetError, match="Call init_optimizer first"):
        made.update()


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match=r"input with name 'image' is not found.*Did you mean one of.*'data'"):
        module(data_names=["image"])
    with pytest.raises(ValueError, match="fixed_param_names"):
        module(fixed_param_names=["fc3_weight"])
    with pytest.warns(UserWarning, match="input with name 'target' is not found"):
        module(label_names=["target"])


def test_shapes_of_other_names() -> None:
    with pytest.raises(ValueError, match="don't match names specified by data_names"):
        module().bind([("image", (8, 5))], LABEL)
    with pytest.warns(UserWarning, match="don't match names specified by label_names"):
        module().bind(DATA)


def test_wrong_shapes() -> None:
    with pytest.raises(TypeError, match="shape of 'data'"):
        module().bind([("data", mx.nd.array([8, 5]))], LABEL)
    with pytest.raises(ValueError, match=r"same batch size.*'data' has 8.*softmax_label"):
        module().bind(DATA, [("softmax_label", (4,))])
    with pytest.raises(ValueError, match="one work load for each"):
        module(work_load_list=[1, 2])


def test_binding_again(caplog: pytest.LogCaptureFixture) -> None:
    made = bound()
    made.init_params(mx.init.One())
    made.bind([("data", (4, 5))], [("softmax_label", (4,))])
    assert "Already bound, ignoring bind()" in caplog.text
    assert made.data_shapes[0].shape == (8, 5)
    made.bind([("data", (4, 5))], [("softmax_label", (4,))], force_rebind=True)
    assert made.data_shapes[0].shape == (4, 5)
    assert made.get_params()[0]["fc1_weight"].asnumpy().all()


def test_binding_again_keeps_what_was_trained() -> None:
    made = bound()
    made.init_params(arg_params=module_cases.first_values(mx))
    made.init_optimizer()
    samples, labels = module_cases.data()
    batch = mx.io.DataBatch([mx.nd.array(samples[:8])], [mx.nd.array(labels[:8])])
    made.forward_backward(batch)
    made.update()
    trained = made._exec_group.execs[0].arg_dict["fc1_weight"].asnumpy()
    made.bind(DATA, LABEL, force_rebind=True)
    np.testing.assert_array_equal(made._exec_group.execs[0].arg_dict["fc1_weight"].asnumpy(), trained)
    made.forward_backward(batch)
    made.update()
    assert (made._exec_group.execs[0].arg_dict["fc1_weight"].asnumpy() != trained).any()


def test_first_values_from_attributes_and_initializer() -> None:
    weight = mx.sym.Variable("w", init=mx.init.Constant(3))
    layer = mx.sym.FullyConnected(mx.sym.Variable("data"), weight=weight, num_hidden=2, name="fc")
    made = mx.mod.Module(layer, label_names=None)
    made.bind([("data", (1, 2))])
    made.init_params(mx.init.One())
    args, _ = made.get_params()
    assert args["w"].asnumpy().tolist() == [[3, 3], [3, 3]]
    assert args["fc_bias"].asnumpy().tolist() == [0, 0]


def test_given_values() -> None:
    made = bound()
    values = module_cases.first_values(mx)
    made.init_params(arg_params={**values, "extra": mx.nd.ones((1,))})
    with pytest.warns(UserWarning, match="init_params call ignored"):
        made.init_params()
    incomplete = {name: value for name, value in values.items() if name != "fc2_bias"}
    with pytest.raises(RuntimeError, match="fc2_bias is not presented"):
        made.set_params(incomplete, {})
    made.set_params(incomplete, {}, allow_missing=True)
    with pytest.raises(ValueError, match="extra"):
        made.set_params({"extra": mx.nd.ones((1,))}, {}, allow_missing=True)
    made.set_params({"extra": mx.nd.ones((1,))}, {}, allow_missing=True, allow_extra=True)
    with pytest.raises(ValueError, match=r"'fc2_bias' of shape \(3,\). Received: shape \(4,\)"):
        made.set_params({**values, "fc2_bias": mx.nd.ones((4,))}, {})


def test_shared_module_shares_memory() -> None:
    first = bound()
    first.init_params(mx.init.One())
    second = module()
    second.bind([("data", (4, 5))], [("softmax_label", (4,))], shared_module=first)
    assert second.params_initialized
    first._exec_group.execs[0].arg_dict["fc1_weight"][:] = 7
    assert (second._exec_group.execs[0].arg_dict["fc1_weight"].asnumpy() == 7).all()
    with pytest.raises(ValueError, match="shared_module"):
        module().bind(DATA, LABEL, shared_module=module())


def test_optimizer_warnings(caplog: pytest.LogCaptureFixture) -> None:
    made = bound()
    made.init_params()
    with pytest.warns(UserWarning, match=r"rescale_grad is not normalized.*1.0 vs. 0.125"):
        made.init_optimizer(optimizer=mx.optimizer.SGD())
    assert made._optimizer.idx2name == {0: "fc1_weight", 1: "fc1_bias", 2: "fc2_weight", 3: "fc2_bias"}
    made.init_optimizer()
    assert "optimizer already initialized" in caplog.text
    with pytest.raises(TypeError, match="optimizer's name or an Optimizer"):
        made.init_optimizer(optimizer=3, force_init=True)
    with pytest.raises(TypeError, match="kvstore must be KVStore, str or None"):
        made.init_optimizer(kvstore=3, force_init=True)
