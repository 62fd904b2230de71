"""Every operator gives on GPUs (CuPy's stand-in) what it gives on the CPU: values, gradients, executors, `out`."""

import device_checks
import numpy as np
import operator_cases
import pytest

import mxtrain as mx

CASES = [pytest.param(op, case, id=f"{op.name}-{number}") for op, number, case in operator_cases.all_cases()]
DIFFERENTIABLE = [param for param in CASES if callable(param.values[0].gradient)]


@pytest.mark.parametrize(("op", "case"), CASES)
def test_forward(fake_gpus, op, case):
    for dtype in (np.float32, np.float16):
        device_checks.check_equal(op, case, dtype, mx.gpu(1), device_checks.forward)
    device_checks.check_equal(op, case, np.float32, mx.gpu(1), device_checks.forward_into)


@pytest.mark.parametrize(("op", "case"), DIFFERENTIABLE)
def test_gradients(fake_gpus, op, case):
    device_checks.check_equal(op, case, np.float32, mx.gpu(1), device_checks.gradients)


@pytest.mark.parametrize(("op", "case"), CASES)
def test_executor(fake_gpus, op, case):
    for grad_req in ("write", "add"):
        device_checks.check_equal(op, case, np.float32, mx.gpu(1), device_checks.executor_results(grad_req))
