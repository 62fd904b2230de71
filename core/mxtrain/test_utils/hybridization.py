"""Gluon networks: the same results whether or not they are hybridized."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mxtrain import autograd
from mxtrain.ndarray import NDArray, array
from mxtrain.test_utils.comparison import assert_almost_equal

__all__ = ["check_gluon_hybridize_consistency"]


def check_gluon_hybridize_consistency(
    net_builder: Callable[..., Any],
    data_l: Sequence[NDArray],
    numpy_func: Callable[..., np.ndarray] | None = None,
    test_grad: bool = True,
    rtol: float = 1e-4,
    atol: float = 1e-4,
) -> None:
    """Raise AssertionError unless a network gives the same outputs and gradients imperatively and hybridized.

    net_builder(prefix=...): makes the network. data_l: its inputs. numpy_func: gives the expected output for the inputs
    as NumPy arrays. test_grad: compare gradients by inputs and parameters as well, and the outputs of training.
    """
    values: dict[str, NDArray] = {}
    expected: dict[str, np.ndarray] = {}
    if numpy_func is not None:
        expected["output"] = expected["output of training"] = numpy_func(*(data.asnumpy() for data in data_l))
    for hybridize in (False, True):
        for recorded in (False, True) if test_grad else (False,):
            net = _network(net_builder, values)
            if hybridize:
                net.hybridize()
            results = _run(net, data_l, recorded)
            values = values or {name: p.data().copy() for name, p in net.collect_params().items()}
            for name, result in results.items():
                known = expected.setdefault(name, result)
                names = (f"{name} (hybridized: {hybridize})", "expected")
                assert_almost_equal(result, known, rtol=rtol, atol=atol, names=names, use_broadcast=False)


def _network(net_builder: Callable[..., Any], values: dict[str, NDArray]) -> Any:
    """A network, with given values in its parameters."""
    net = net_builder(prefix="net_")
    net.initialize()
    for name, parameter in net.collect_params().items() if values else ():
        parameter.set_data(values[name])
    return net


def _run(net: Any, data_l: Sequence[NDArray], recorded: bool) -> dict[str, np.ndarray]:
    """The output, and where recorded the gradients of the output's square sum (halved), by name."""
    inputs: list[Any] = [array(data, ctx=data.context, dtype=data.dtype) for data in data_l]
    if not recorded:
        return {"output": net(*inputs).asnumpy()}
    for data in inputs:
        data.attach_grad()
    with autograd.record():
        out = net(*inputs)
    out.backward(out)
    found = {"output of training": out.asnumpy()}
    found.update({f"gradient of input {number}": data.grad.asnumpy() for number, data in enumerate(inputs)})
    for name, parameter in net.collect_params().items():
        if parameter.grad_req != "null":
            found[f"gradient of {name}"] = parameter.grad().asnumpy()
    return found
