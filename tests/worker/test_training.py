"""Trainings by `Module.fit` give what MXNet 1.9.1 gives (oracle.json, see make_oracle.py), on any devices."""

import json
import os
from pathlib import Path
from typing import Any

import module_cases
import numpy as np
import pytest

import mxtrain as mx

ORACLE = json.loads(Path(__file__).with_name("oracle.json").read_text())


@pytest.mark.parametrize("case", module_cases.CASES)
def test_parameters_after_training(case: str) -> None:
    found = module_cases.train(mx, **module_cases.CASES[case])
    for part, expected in zip(found, ORACLE[case], strict=True):
        assert set(part) == set(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(part[name], value, rtol=2e-5, atol=2e-6, err_msg=name)


def parameters(**options: Any) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in module_cases.train(mx, **options)[0].items()}


def test_local_and_device_agree() -> None:
    local, device = (parameters(num_devices=2, kvstore=kind) for kind in ("local", "device"))
    for name, value in local.items():
        np.testing.assert_allclose(device[name], value, rtol=1e-6)


def test_update_on_worker_equals_update_on_kvstore(monkeypatch: pytest.MonkeyPatch) -> None:
    momentum = {"optimizer_params": {"learning_rate": 0.2, "momentum": 0.9, "wd": 0.01}}
    on_store = parameters(num_devices=2, **momentum)
    monkeypatch.setitem(os.environ, "MXNET_UPDATE_ON_KVSTORE", "0")
    on_worker = parameters(num_devices=2, **momentum)
    for name, value in on_store.items():
        np.testing.assert_array_equal(on_worker[name], value)


def test_devices_of_one_context_take_turns() -> None:
    """Two devices on one context share its random numbers: their order, and so the result, is the same every time."""

    def run() -> np.ndarray:
        mx.random.seed(5)
        layer = mx.sym.Dropout(mx.sym.Variable("data"), p=0.5)
        module = mx.mod.Module(layer, label_names=None, context=[mx.cpu(0), mx.cpu(0), mx.cpu(1), mx.cpu(1)])
        module.bind([("data", (8, 50))])
        module.init_params()
        module.forward(mx.io.DataBatch([mx.nd.ones((8, 50))]), is_train=True)
        return module.get_outputs()[0].asnumpy()

    first = run()
    assert 0 < first.mean() < 2
    for _ in range(5):
        np.testing.assert_array_equal(run(), first)
