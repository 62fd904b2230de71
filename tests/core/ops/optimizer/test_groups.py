"""Updates of several parameters at once, against numbers that MXNet 1.9.1 gave."""

import numpy as np
import pytest

import mxtrain as mx


def half(array):
    return array.astype("float16")


def arrays():
    """Two weights and their gradients."""
    return [mx.nd.array(x) for x in ([1.0, 2.0], [0.5, -0.5], [[3.0, -1.0]], [[0.25, 1.0]])]


def momenta():
    return [mx.nd.array([0.1, 0.2]), mx.nd.array([[0.3, 0.4]])]


def averages():
    """Mean and variance for both weights."""
    return [mx.nd.array(x) for x in ([0.1, 0.2], [0.3, 0.4], [[0.1, 0.1]], [[0.2, 0.3]])]


def check(found, *expected, rtol=2e-6):
    for one, wished in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.asnumpy(), wished, rtol=rtol, atol=1e-7)


RATES = {"lrs": (0.1, 0.2), "wds": (0.01, 0.0)}
SGD = {"rescale_grad": 0.5, "clip_gradient": 0.2, "num_weights": 2}
PRELOADED = [[0.1, 0.2], [0.01, 0.0]]
AFTER_SGD = [[0.97899997, 2.0179999], [[2.9749999, -1.04]]]
AFTER_MOMENTUM = [[1.069, 2.1979999], [[3.2449999, -0.68000001]]]
MOMENTA = [[0.06899999, 0.19799998], [[0.245, 0.31999999]]]


def call(name, inputs, preloaded, **options):
    if preloaded:
        return getattr(mx.nd, f"preloaded_{name}")(*inputs, *map(mx.nd.array, PRELOADED), **SGD, **options)
    return getattr(mx.nd, name)(*inputs, **RATES, **SGD, **options)


both = pytest.mark.parametrize("preloaded", [False, True])


@both
def test_sgd(preloaded):
    w1, g1, w2, g2 = arrays()
    check(call("multi_sgd_update", [w1, g1, w2, g2], preloaded), *AFTER_SGD)
    check([w1, w2], [1, 2], [[3, -1]])
    call("multi_sgd_update", [w1, g1, w2, g2], preloaded, out=[w1, w2])
    check([w1, w2], *AFTER_SGD)


@both
def test_sgd_with_momentum(preloaded):
    (w1, g1, w2, g2), (m1, m2) = arrays(), momenta()
    check(call("multi_sgd_mom_update", [w1, g1, m1, w2, g2, m2], preloaded, momentum=0.9), *AFTER_MOMENTUM)
    check([m1, m2], *MOMENTA)


@both
def test_sgd_of_half_precision(preloaded):
    w1, g1, w2, g2 = arrays()
    inputs = [half(w1), half(g1), w1, half(w2), half(g2), w2]
    found = call("multi_mp_sgd_update", inputs, preloaded)
    assert all(y.dtype == np.float16 for y in found)
    check(found, [0.97900391, 2.0175781], [[2.9746094, -1.0400391]], rtol=1e-7)
    check([w1, w2], *AFTER_SGD)


@both
def test_sgd_with_momentum_of_half_precision(preloaded):
    (w1, g1, w2, g2), (m1, m2) = arrays(), momenta()
    inputs = [half(w1), half(g1), m1, w1, half(w2), half(g2), m2, w2]
    found = call("multi_mp_sgd_mom_update", inputs, preloaded, momentum=0.9)
    check(found, [1.0693359, 2.1972656], [[3.2441406, -0.68017578]], rtol=1e-7)
    check([m1, w1, m2, w2], MOMENTA[0], AFTER_MOMENTUM[0], MOMENTA[1], AFTER_MOMENTUM[1])


def test_layer_wise_rates():
    inputs = [[0.1, 0.2, 0.3], [4.0, 9.0, 0.0], [1.0, 0.0, 4.0], [0.01, 0.02, 0.03]]
    found = mx.nd.multi_lars(*map(mx.nd.array, inputs), eta=0.5, eps=1e-3, rescale_grad=0.5)
    check([found], [0.19193859, 0.2, 0.3])


ADAMW = {"lrs": (0.1, 0.2), "etas": (0.7, 0.8), "wds": (0.01, 0.02), "clip_gradient": 0.2, "num_weights": 2}
AFTER_ADAMW = [[0.97893572, 1.9682833], [[2.9153116, -1.016147]]]


def test_adamw_of_several():
    (w1, g1, w2, g2), (m1, v1, m2, v2) = arrays(), averages()
    inputs = [w1, g1, m1, v1, w2, g2, m2, v2, mx.nd.array([0.5])]
    check(mx.nd._internal._multi_adamw_update(*inputs, **ADAMW), *AFTER_ADAMW)
    check([m1, v1, m2, v2], [0.11, 0.16], [0.29974002, 0.39964002], [[0.1025, 0.11]], [[0.19981563, 0.29974002]])


def test_adamw_of_several_of_half_precision():
    (w1, g1, w2, g2), (m1, v1, m2, v2) = arrays(), averages()
    inputs = [half(w1), half(g1), m1, v1, w1, half(w2), half(g2), m2, v2, w2, mx.nd.array([0.5])]
    found = mx.nd._internal._multi_mp_adamw_update(*inputs, **ADAMW)
    check(found, [0.97900391, 1.96875], [[2.9160156, -1.0166016]], rtol=1e-7)
    check([w1, w2], *AFTER_ADAMW)


def test_adamw():
    (w1, g1, _, _), (mean, var, _, _) = arrays(), averages()
    options = {"lr": 0.1, "eta": 0.7, "wd": 0.01, "clip_gradient": 0.2}
    found = mx.nd._internal._adamw_update(w1, g1, mean, var, mx.nd.array([0.5]), **options)
    check([found, mean, var], [0.97893572, 1.9682833], [0.11, 0.16], [0.29974002, 0.39964002])


@pytest.mark.parametrize("factor", [0.0, np.nan, np.inf])
def test_adamw_updates_nothing_after_an_overflow(factor):
    (w1, g1, _, _), (mean, var, _, _) = arrays(), averages()
    found = mx.nd._internal._adamw_update(w1, g1, mean, var, mx.nd.array([factor]), lr=0.1, eta=0.7, wd=0.01)
    check([found, mean, var], [1, 2], [0.1, 0.2], [0.3, 0.4])


LAMB = {"learning_rates": (0.1, 0.2), "wds": (0.01, 0.02), "step_count": (2, 3), "num_tensors": 2}
AFTER_LAMB = [[0.86934865, 1.8185332], [[2.3790779, -1.1202323]]]


def test_lamb_of_several():
    (w1, g1, w2, g2), (m1, v1, m2, v2) = arrays(), averages()
    options = {**LAMB, "clip_gradient": 0.2, "rescale_grad": 0.5}
    inputs = [w1, g1, m1, v1, w2, g2, m2, v2]
    check(mx.nd._internal._multi_lamb_update(*inputs, **options), *AFTER_LAMB, rtol=1e-5)
    check([m1, v1, m2, v2], [0.11, 0.16], [0.29974002, 0.39964], [[0.1025, 0.11]], [[0.19981563, 0.29974002]])


def test_lamb_within_bounds():
    (w1, g1, w2, g2), (m1, v1, m2, v2) = arrays(), averages()
    options = {**LAMB, "lower_bound": 3, "upper_bound": 4, "bias_correction": False}
    found = mx.nd._internal._multi_lamb_update(w1, g1, m1, v1, w2, g2, m2, v2, **options)
    check(found, [0.77133548, 1.8058028], [[2.5592587, -1.4535935]], rtol=1e-5)


def test_lamb_of_several_of_half_precision():
    (w1, g1, w2, g2), (m1, v1, m2, v2) = arrays(), averages()
    inputs = [half(w1), half(g1), m1, v1, w1, half(w2), half(g2), m2, v2, w2]
    found = mx.nd._internal._multi_mp_lamb_update(*inputs, **LAMB, clip_gradient=0.2, rescale_grad=0.5)
    check(found, [0.86914062, 1.8183594], [[2.3789062, -1.1201172]], rtol=1e-7)
    check([w1, w2], *AFTER_LAMB, rtol=1e-5)


def test_refuses_other_numbers_of_arrays_and_rates():
    w1, g1, w2, g2 = arrays()
    with pytest.raises(mx.MXNetError, match=r"multi_sgd_update.*each of 2 parameters"):
        mx.nd.multi_sgd_update(w1, g1, w2, **RATES, num_weights=2)
    with pytest.raises(mx.MXNetError, match=r"multi_sgd_update.*Expected: 2 lrs"):
        mx.nd.multi_sgd_update(w1, g1, w2, g2, lrs=(0.1,), wds=(0.0, 0.0), num_weights=2)


def test_a_refused_update_changes_no_state():
    (w1, g1, w2, _), (m1, m2) = arrays(), momenta()
    with pytest.raises(mx.MXNetError, match="multi_sgd_mom_update"):
        mx.nd.multi_sgd_mom_update(w1, g1, m1, w2, mx.nd.ones(5), m2, **RATES, momentum=0.9, num_weights=2)
    check([m1, m2], [0.1, 0.2], [[0.3, 0.4]])
