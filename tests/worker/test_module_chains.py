"""SequentialModule, and PythonLossModule at its end: the same training as that of one network."""

from typing import Any

import module_cases
import numpy as np
import pytest

import mxtrain as mx


def first_half() -> Any:
    layer = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=4, name="fc1")
    return mx.sym.Activation(layer, act_type="relu", name="relu")


def scores() -> Any:
    return mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc2")


def chain(*parts: tuple[Any, dict[str, Any]]) -> mx.mod.SequentialModule:
    module = mx.mod.SequentialModule()
    for part, meta in parts:
        module.add(part, **meta)
    return module


def two_halves() -> mx.mod.SequentialModule:
    second = mx.sym.SoftmaxOutput(scores(), name="softmax")
    return chain(
        (mx.mod.Module(first_half(), label_names=[]), {}),
        (mx.mod.Module(second), {"take_labels": True, "auto_wiring": True}),
    )


def with_loss_in_python() -> mx.mod.SequentialModule:
    def gradient(outputs: mx.nd.NDArray, labels: mx.nd.NDArray) -> np.ndarray:
        powers = np.exp(outputs.asnumpy())
        one_hot = np.eye(3)[labels.asnumpy().astype(int)]
        return powers / powers.sum(axis=1, keepdims=True) - one_hot

    return chain(
        (mx.mod.Module(first_half(), label_names=[]), {}),
        (mx.mod.Module(scores(), label_names=[]), {"auto_wiring": True}),
        (mx.mod.PythonLossModule(grad_func=gradient), {"take_labels": True, "auto_wiring": True}),
    )


def fitted(module: mx.mod.BaseModule) -> dict[str, np.ndarray]:
    module.fit(
        mx.io.NDArrayIter(*module_cases.data(), batch_size=8),
        num_epoch=2,
        arg_params=module_cases.first_values(mx),
        optimizer_params={"learning_rate": 0.3},
    )
    return {name: value.asnumpy() for name, value in module.get_params()[0].items()}


@pytest.mark.parametrize("make", [two_halves, with_loss_in_python])
def test_a_chain_trains_like_one_network(make: Any) -> None:
    expected = fitted(mx.mod.Module(module_cases.network(mx)))
    found = fitted(make())
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def test_facts() -> None:
    module = two_halves()
    assert module.data_names == ["data"]
    assert module.output_names == ["softmax_output"]
    module.bind([("data", (8, 5))], [("softmax_label", (8,))])
    assert module.data_shapes[0].shape == (8, 5)
    assert module.label_shapes == [("softmax_label", (8,))]
    assert module.output_shapes == [("softmax_output", (8, 3))]
    assert module.symbol is None


def test_gradients_by_the_inputs_of_the_chain() -> None:
    module = two_halves()
    module.bind([("data", (8, 5))], [("softmax_label", (8,))], inputs_need_grad=True)
    module.init_params(mx.init.Xavier())
    samples, labels = module_cases.data()
    module.forward_backward(mx.io.DataBatch([mx.nd.array(samples[:8])], [mx.nd.array(labels[:8])]))
    assert module.get_input_grads()[0].shape == (8, 5)
    assert np.abs(module.get_input_grads()[0].asnumpy()).sum() > 0


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"Unknown meta.*\['takes_labels'\]"):
        mx.mod.SequentialModule().add(mx.mod.Module(first_half(), label_names=[]), takes_labels=True)
    with pytest.raises(mx.MXNetError, match="empty SequentialModule"):
        mx.mod.SequentialModule().bind([("data", (8, 5))])
    twice = chain(
        (mx.mod.Module(scores(), label_names=[]), {}), (mx.mod.Module(scores(), label_names=[]), {"auto_wiring": True})
    )
    twice.bind([("data", (8, 5))])
    with pytest.raises(ValueError, match=r"Duplicated parameter names.*'fc2_weight' in modules 0 and 1"):
        twice.init_params()
    with pytest.raises(ValueError, match="out_grads should be None"):
        mx.mod.PythonLossModule().backward([mx.nd.ones((1,))])
    with pytest.raises(NotImplementedError, match="grad_func"):
        mx.mod.PythonLossModule().backward()
    with pytest.raises(TypeError, match="a function as grad_func"):
        mx.mod.PythonLossModule(grad_func=3)  # type: ignore[arg-type]
