"""Every optimizer against what MXNet 1.9.1 made of the same weights and gradients (oracle.json)."""

import json
import pathlib

import numpy as np
import pytest

from mxtrain import ndarray as nd
from mxtrain import optimizer as opt

_ORACLE = json.loads(pathlib.Path(__file__).with_name("oracle.json").read_text())
_WEIGHT, _GRADIENTS = _ORACLE["inputs"]["weight"], _ORACLE["inputs"]["gradients"]
_FLOAT32 = {"rtol": 2e-6, "atol": 2e-7}
_FLOAT16 = {"rtol": 2e-3, "atol": 2e-4}
_FTML = {"rtol": 1e-5, "atol": 1e-6}  # MXNet rounds 1 - beta2 ** t, which is small at first, to float32


def _name(case):
    arguments = ",".join(f"{key}={value}" for key, value in case["arguments"].items())
    return f"{case['name']}({arguments}){case.get('dtype', '')}"


def _tolerance(case):
    if case["name"] == "ftml":
        return _FTML
    return _FLOAT16 if case.get("dtype") == "float16" else _FLOAT32


def _arrays(state):
    """Every array of a state, depth first."""
    if state is None:
        return []
    if isinstance(state, (tuple, list)):
        return [array for part in state for array in _arrays(part)]
    return [state.asnumpy()]


@pytest.mark.parametrize("case", _ORACLE["cases"], ids=_name)
def test_updates_equal_mxnet(case):
    dtype = case.get("dtype", "float32")
    optimizer = opt.create(case["name"], **case["arguments"])
    weight = nd.array(_WEIGHT, dtype=dtype)
    state = optimizer.create_state_multi_precision(0, weight)
    for gradient in _GRADIENTS:
        grad = nd.array(gradient, dtype=dtype)
        optimizer.update_multi_precision(0, weight, grad, state)
        np.testing.assert_array_equal(grad.asnumpy(), np.array(gradient, dtype))  # gradients are left alone
    np.testing.assert_allclose(weight.asnumpy(), case["weight"], **_tolerance(case))
    assert len(_arrays(state)) == len(case["state"])
    for ours, theirs in zip(_arrays(state), case["state"], strict=True):
        np.testing.assert_allclose(ours, theirs, **_tolerance(case))
