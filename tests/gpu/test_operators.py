"""Every operator gives on a GPU what it gives on the CPU: values, gradients, executors, `out`."""

import device_checks
import numpy as np
import operator_cases
import pytest

pytestmark = pytest.mark.gpu

CASES = [pytest.param(op, case, id=f"{op.name}-{number}") for op, number, case in operator_cases.all_cases()]
DIFFERENTIABLE = [param for param in CASES if callable(param.values[0].gradient)]


@pytest.mark.parametrize(("op", "case"), CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_forward(gpu, op, case, dtype):
    device_checks.check_equal(op, case, dtype, gpu, device_checks.forward)


@pytest.mark.parametrize(("op", "case"), CASES)
def test_into_out(gpu, op, case):
    device_checks.check_equal(op, case, np.float32, gpu, device_checks.forward_into)


@pytest.mark.parametrize(("op", "case"), DIFFERENTIABLE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients(gpu, op, case, dtype):
    device_checks.check_equal(op, case, dtype, gpu, device_checks.gradients)


@pytest.mark.parametrize(("op", "case"), CASES)
@pytest.mark.parametrize("grad_req", ["write", "add"])
def test_executor(gpu, op, case, grad_req):
    device_checks.check_equal(op, case, np.float32, gpu, device_checks.executor_results(grad_req))


@pytest.mark.parametrize(("op", "case"), CASES)
def test_on_the_second_gpu(two_gpus, op, case):
    device_checks.check_equal(op, case, np.float32, two_gpus[1], device_checks.executor_results("write"))
