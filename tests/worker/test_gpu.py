"""Module on GPUs, which a stand-in for CuPy plays on host memory: where arrays live, and the same numbers."""

import types
from typing import Any

import module_cases
import numpy as np
import pytest
from fake_gpus import fake_gpus  # noqa: F401  a fixture

import mxtrain as mx


def fitted(devices: list[mx.Context], **options: Any) -> mx.mod.Module:
    module = mx.mod.Module(module_cases.network(mx, batch_norm=True), context=devices)
    module.fit(
        mx.io.NDArrayIter(*module_cases.data(), batch_size=8),
        num_epoch=2,
        initializer=mx.init.One(),
        arg_params=module_cases.first_values(mx),
        allow_missing=True,
        optimizer_params={"learning_rate": 0.2, "momentum": 0.9, "wd": 0.01},
        **options,
    )
    return module


@pytest.mark.parametrize("kvstore", ["local", "device"])
@pytest.mark.parametrize("num_devices", [1, 2])
def test_training_is_that_on_cpus(fake_gpus: types.ModuleType, num_devices: int, kvstore: str) -> None:  # noqa: F811
    on_cpu = fitted([mx.cpu(i) for i in range(num_devices)], kvstore=kvstore)
    on_gpu = fitted([mx.gpu(i) for i in range(num_devices)], kvstore=kvstore)
    executor = on_gpu._exec_group.execs[-1]
    assert executor.arg_dict["fc1_weight"].context is mx.gpu(num_devices - 1)
    for expected, found in zip(on_cpu.get_params(), on_gpu.get_params(), strict=True):
        for name, value in expected.items():
            assert found[name].context is mx.cpu()
            np.testing.assert_allclose(found[name].asnumpy(), value.asnumpy(), rtol=1e-4, atol=1e-6, err_msg=name)
    data = mx.io.NDArrayIter(*module_cases.data(), batch_size=8)
    assert on_gpu.predict(data).context is mx.gpu(0)
    assert on_gpu.score(data, "acc") == on_cpu.score(data, "acc")
