"""The kernels on arrays of many blocks, with other gradient dtypes, and as multi-precision updates."""

import numpy as np
import pytest

from mxtrain.base import MXNetError
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.ops.kernels.optimizer_updates.blocks import BLOCK

_SIZE = 2 * BLOCK + 17
_RANDOM = np.random.default_rng(3)


def _arrays(count, size=_SIZE):
    return [_RANDOM.uniform(0.1, 1, size).astype(np.float32) for _ in range(count)]


def test_many_blocks_equal_the_formula():
    weight, grad, mom = _arrays(3)
    step = 0.9 * mom - 0.1 * (0.01 * weight + np.clip(0.5 * grad, -0.3, 0.3))
    expected = weight + step
    kernels.sgd_mom(np, weight, grad, mom, lr=0.1, momentum=0.9, wd=0.01, rescale_grad=0.5, clip_gradient=0.3)
    np.testing.assert_allclose(mom, step, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(weight, expected, rtol=1e-6)


def test_shape_does_not_matter():
    weight, grad, mean, var = _arrays(4, 60)
    flat = [weight.copy(), mean.copy(), var.copy()]
    kernels.adam(np, flat[0], grad, *flat[1:], lr=0.1, wd=0.1)
    shaped = [array.reshape(3, 4, 5).copy() for array in (weight, mean, var)]
    kernels.adam(np, shaped[0], grad.reshape(3, 4, 5), *shaped[1:], lr=0.1, wd=0.1)
    for one, other in zip(flat, shaped, strict=True):
        np.testing.assert_array_equal(one, other.reshape(-1))


def test_a_scalar_array_is_updated():
    weight = np.array(2.0, np.float32)
    kernels.sgd(np, weight, np.array(1.0, np.float32), lr=0.5)
    assert weight == 1.5


@pytest.mark.parametrize("low_dtype", [np.float16, "bfloat16"])
def test_low_precision_receives_the_master_weight(low_dtype):
    import ml_dtypes

    dtype = ml_dtypes.bfloat16 if low_dtype == "bfloat16" else low_dtype
    master, grad = _arrays(2)
    low_grad = grad.astype(dtype)
    expected = master.copy()
    kernels.sgd(np, expected, low_grad.astype(np.float32), lr=0.1)
    low = np.zeros(_SIZE, dtype)
    kernels.sgd(np, master, low_grad, lr=0.1, low_precision=low)
    np.testing.assert_array_equal(master, expected)
    np.testing.assert_array_equal(low, expected.astype(dtype))


def test_limit_of_zero_clips_everything_and_negative_limit_nothing():
    for limit, expected in ((0.0, 1.0), (-1.0, -2.0), (None, -2.0), (0.5, 0.5)):
        weight = np.ones(1, np.float32)
        kernels.sgd(np, weight, np.full(1, 3, np.float32), lr=1, clip_gradient=limit)
        assert weight[0] == expected


def test_wrong_operands_are_refused_before_anything_changes():
    weight = np.ones((4, 4), np.float32)
    with pytest.raises(MXNetError, match="16 values"):
        kernels.sgd(np, weight, np.ones(3, np.float32), lr=1)
    with pytest.raises(MXNetError, match="C-contiguous"):
        kernels.sgd(np, weight.T[:2], np.ones(8, np.float32), lr=1)
    assert (weight == 1).all()


class _OtherModule:
    """NumPy under another name: the kernels take the path of a GPU's array module, all at once."""

    def __getattr__(self, name):
        return getattr(np, name)


_STATES = {
    "adadelta": 2, "adagrad": 1, "adam": 2, "adamax": 2, "adamw": 2, "dcasgd": 1, "dcasgd_mom": 2, "ftml": 3,
    "ftrl": 2, "nadam": 2, "nag_mom": 1, "rmsprop": 1, "rmspropalex": 3, "sgd": 0, "sgd_mom": 1, "signsgd": 0,
    "signum": 1,
}  # fmt: skip
_HYPER = {
    "adadelta": {"rho": 0.9},
    "adamw": {"lr": 0.1, "eta": 0.5},
    "dcasgd": {"lr": 0.1, "lamda": 0.1},
    "dcasgd_mom": {"lr": 0.1, "lamda": 0.1, "momentum": 0.9},
    "ftml": {"lr": 0.1, "t": 2},
    "nadam": {"lr": 0.1, "grad_factor": 0.5, "mean_factor": 1.5, "var_factor": 2.0},
}


@pytest.mark.parametrize("name", sorted(_STATES))
def test_whole_arrays_give_what_blocks_give(name):
    kernel, hyper = getattr(kernels, name), _HYPER.get(name, {"lr": 0.1})
    weight, grad, *states = (array.reshape(2, -1) for array in _arrays(2 + _STATES[name], 2 * BLOCK + 18))
    if name == "rmspropalex":
        states[1] *= 0.1  # n - g * g must not be negative
    results = []
    for xp in (np, _OtherModule()):
        arrays = [weight.copy(), *(state.copy() for state in states)]
        low = np.zeros(weight.shape, np.float16)
        kernel(xp, arrays[0], grad.astype(np.float16), *arrays[1:], low_precision=low, wd=0.01, **hyper)
        assert not np.array_equal(arrays[0], weight)
        results.append([*arrays, low])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
