"""Learning rates, multipliers and counts; the facts are MXNet 1.9.1's."""

import warnings

import numpy as np
import pytest

from mxtrain import lr_scheduler, random
from mxtrain import ndarray as nd
from mxtrain import optimizer as opt
from mxtrain.base import MXNetError


class _Parameter:
    lr_mult = 5.0
    wd_mult = 6.0


def test_default_learning_rate_and_setting_it():
    assert opt.SGD().learning_rate == 0.01
    optimizer = opt.Optimizer(learning_rate=0.3)
    optimizer.set_learning_rate(0.2)
    assert optimizer.learning_rate == 0.2


def test_learning_rate_follows_the_scheduler():
    assert opt.Optimizer(lr_scheduler=lr_scheduler.FactorScheduler(1, base_lr=1024)).learning_rate == 1024
    optimizer = opt.Optimizer(lr_scheduler=lr_scheduler.FactorScheduler(1), learning_rate=0.3)
    assert optimizer.learning_rate == 0.3
    optimizer.lr_scheduler.base_lr = 0.4
    assert optimizer.learning_rate == 0.4
    with pytest.raises(UserWarning, match="LRScheduler"):
        optimizer.set_learning_rate(0.5)


def test_scheduler_sees_the_number_of_the_update_in_progress():
    seen = []

    class Recorder(lr_scheduler.LRScheduler):
        def __call__(self, num_update):
            seen.append(num_update)
            return 0.1

    updater = opt.get_updater(opt.SGD(lr_scheduler=Recorder()))
    weights = [nd.ones((2,)), nd.ones((3,))]
    for _ in range(2):
        for index, weight in enumerate(weights):
            updater(index, nd.ones(weight.shape), weight)
    assert seen == [1, 1, 2, 2]


def test_multipliers_by_parameter_index_and_name():
    names = {0: "a_weight", 1: "b_bias"}
    optimizer = opt.SGD(learning_rate=1.0, wd=1.0, param_idx2name=names, param_dict={0: _Parameter()})
    optimizer.set_lr_mult({"a_weight": 2, "b_bias": 3, 0: 7})
    optimizer.set_wd_mult({"a_weight": 4})
    assert (optimizer._get_lr(0), optimizer._get_wd(0)) == (5, 6)
    assert (optimizer._get_lr(1), optimizer._get_wd(1)) == (3, 0)
    optimizer.param_dict = {}
    assert (optimizer._get_lr(0), optimizer._get_wd(0)) == (7, 4)
    optimizer.set_lr_mult({1: 9})
    assert (optimizer._get_lrs([0, 1]), optimizer.lr_mult) == ([1, 9], {1: 9})


def test_only_weights_and_gammas_decay_by_default():
    names = {0: "a_weight", 1: "a_bias", 2: "bn_gamma", 3: "bn_beta", 4: "x"}
    assert opt.SGD(param_idx2name=names).wd_mult == {"a_bias": 0.0, "bn_beta": 0.0, "x": 0.0}
    assert opt.LARS(param_idx2name=names).wd_mult == {"a_bias": 0.0, "bn_gamma": 0.0, "bn_beta": 0.0, "x": 0.0}


def test_multipliers_from_symbol_attributes():
    class Symbol:
        def attr_dict(self):
            return {"fc1_bias": {"__lr_mult__": "1.5", "__wd_mult__": "2.0"}, "fc1_weight": {"__lr_mult__": "0.5"}}

        def list_arguments(self):
            return ["data", "fc1_weight", "fc1_bias"]

    optimizer = opt.SGD(sym=Symbol(), param_idx2name={0: "fc1_weight", 1: "fc1_bias"})
    assert optimizer.lr_mult == {"fc1_weight": 0.5, "fc1_bias": 1.5}
    assert optimizer.wd_mult == {"fc1_bias": 2.0}


def test_counts_start_at_begin_num_update_and_are_kept_per_device():
    optimizer = opt.Adam(begin_num_update=100)
    assert optimizer.num_update == 100
    optimizer._update_count(0)
    optimizer._update_count([1, "k"])
    assert (optimizer.num_update, optimizer._index_update_count) == (101, {0: 101, 1: 101, "k": 101})
    optimizer._set_current_context(1)
    assert optimizer._index_update_count == {}
    optimizer._update_count("k")
    assert optimizer._all_index_update_counts == {0: {0: 101, 1: 101, "k": 101}, 1: {"k": 101}}


def test_create_by_name_in_any_case():
    assert isinstance(opt.create("SGD", momentum=0.9), opt.SGD)
    assert isinstance(opt.Optimizer.create_optimizer("adam"), opt.Adam)
    with pytest.raises(ValueError, match="Cannot find optimizer 'nope'") as caught:
        opt.create("nope")
    assert isinstance(caught.value, MXNetError)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: opt.create(3), "name of an optimizer"),
        (lambda: opt.SGD(momentun=1), "momentun"),
        (lambda: opt.SGD(param_idx2name=[1]), "param_idx2name as a dict"),
        (lambda: opt.Signum(momentum=0.0, wd_lh=0.1), "wd_lh"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_registering_a_name_again_warns(monkeypatch):
    monkeypatch.setattr(opt.Optimizer, "opt_registry", opt.Optimizer.opt_registry)
    monkeypatch.delitem(opt.Optimizer.opt_registry, "sgd")
    opt.register(opt.SGD)
    with pytest.warns(UserWarning, match="overriding existing optimizer"):
        opt.register(opt.SGD)


def test_low_precision_without_master_weights_warns():
    with pytest.warns(UserWarning, match="multi_precision=True"):
        opt.SGD().create_state_multi_precision(0, nd.ones((2,), dtype="float16"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opt.SGD(multi_precision=True).create_state_multi_precision(0, nd.ones((2,), dtype="float16"))


def test_a_user_defined_optimizer_gets_master_weights_from_the_base():
    class Halver(opt.Optimizer):
        def create_state(self, index, weight):
            return nd.zeros(weight.shape, dtype=weight.dtype)

        def update(self, index, weight, grad, state):
            assert weight.dtype == grad.dtype == state.dtype == np.float32
            self._update_count(index)
            weight -= self._get_lr(index) * grad
            state += 1

    optimizer = Halver(learning_rate=0.5, multi_precision=True)
    weights = [nd.ones((2,), dtype="float16"), nd.ones((3,), dtype="float16")]
    states = [optimizer.create_state_multi_precision(i, w) for i, w in enumerate(weights)]
    optimizer.update_multi_precision([0, 1], weights, [nd.ones((2,), dtype="float16"), weights[1].copy()], states)
    assert [w.asnumpy().tolist() for w in weights] == [[0.5, 0.5], [0.5, 0.5, 0.5]]
    assert states[0][1].asnumpy().tolist() == [1, 1]


def test_bfloat16_weights_have_master_weights_too():
    optimizer = opt.SGD(learning_rate=2.0**-10, momentum=0.5, multi_precision=True)
    weight = nd.ones((2,), dtype="bfloat16")
    state = optimizer.create_state_multi_precision(0, weight)
    for _ in range(4):
        optimizer.update_multi_precision(0, weight, nd.ones((2,), dtype="bfloat16"), state)
    assert state[1].dtype == np.float32
    expected = 1 - 2.0**-10 * (1 + 1.5 + 1.75 + 1.875)
    np.testing.assert_allclose(state[1].asnumpy(), expected, rtol=1e-6)
    assert weight.astype("float32").asnumpy().tolist() == [0.9921875, 0.9921875]


def test_lists_of_parameters_are_updated_as_if_one_by_one():
    together, singly = opt.Adam(learning_rate=0.1), opt.Adam(learning_rate=0.1)
    weights = [nd.array([1.0, 2.0]), nd.array([[3.0]])]
    copies = [weight.copy() for weight in weights]
    grads = [nd.array([0.5, -1.0]), nd.array([[2.0]])]
    states = [together.create_state(i, w) for i, w in enumerate(weights)]
    together.update([0, 1], weights, grads, states)
    for i, copy in enumerate(copies):
        singly.update(i, copy, grads[i], singly.create_state(i, copy))
    for weight, copy in zip(weights, copies, strict=True):
        np.testing.assert_array_equal(weight.asnumpy(), copy.asnumpy())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_adamax_leaves_weights_alone_that_never_had_a_gradient(dtype):
    optimizer = opt.Adamax()
    weight = nd.array([1.0, 2.0], dtype=dtype)
    optimizer.update(0, weight, nd.zeros((2,), dtype=dtype), optimizer.create_state(0, weight))
    assert weight.asnumpy().tolist() == [1.0, 2.0]


def test_dcasgd_with_momentum_follows_its_formula():
    optimizer = opt.DCASGD(learning_rate=0.1, momentum=0.5, lamda=0.2, wd=0.1)
    weight = nd.array([1.0, -2.0])
    state = optimizer.create_state(0, weight)
    expected, mom, previous = np.array([1.0, -2.0]), np.zeros(2), np.array([1.0, -2.0])
    for gradient in ([0.5, 1.0], [-1.0, 0.25], [2.0, 0.0]):
        g = np.array(gradient)
        mom = 0.5 * mom - 0.1 * (g + 0.1 * expected + 0.2 * g * g * (expected - previous))
        previous, expected = expected, expected + mom
        optimizer.update(0, weight, nd.array(gradient), state)
    np.testing.assert_allclose(weight.asnumpy(), expected, rtol=1e-6)


def test_lars_corrects_momentum_and_leaves_biases_unscaled():
    # the figures of MXNet 1.9.1 for one parameter, rates 0.1, 0.1, 0.2, 0.05
    class Rates(lr_scheduler.LRScheduler):
        def __call__(self, num_update):
            return (0.0, 0.1, 0.1, 0.2, 0.05)[num_update]

    names = {0: "a_weight", 1: "a_bias"}
    optimizer = opt.LARS(momentum=0.9, eta=0.1, wd=0.01, lr_scheduler=Rates(), param_idx2name=names)
    weights = [nd.array([1.0, 2.0]), nd.array([1.0, 2.0])]
    states = [optimizer.create_state(i, w) for i, w in enumerate(weights)]
    for _ in range(4):
        for i in range(2):
            optimizer.update(i, weights[i], nd.array([0.5, -0.25]), states[i])
    np.testing.assert_allclose(weights[0].asnumpy(), [0.8032344, 2.0887372], rtol=1e-6)
    plain = 1 - 0.05 - 0.095 - (2 * 0.9 * 0.095 + 0.1) - (0.25 * 0.9 * (2 * 0.9 * 0.095 + 0.1) + 0.025)
    np.testing.assert_allclose(weights[1].asnumpy()[0], plain, rtol=1e-6)


def test_adamw_decays_apart_from_the_gradient():
    optimizer = opt.create("adamw", learning_rate=0.1, wd=0.5, eta=0.5, correct_bias=False, beta1=0.5, beta2=0.5)
    weight = nd.array([2.0])
    optimizer.update(0, weight, nd.array([1.0]), optimizer.create_state(0, weight))
    np.testing.assert_allclose(weight.asnumpy(), 2 - 0.5 * (0.1 * 0.5 / np.sqrt(0.5) + 0.5 * 2), rtol=1e-6)


def test_group_adagrad_takes_two_axes_and_no_decay():
    optimizer = opt.contrib.GroupAdaGrad(wd=0.1)
    with pytest.raises(ValueError, match="two axes"):
        optimizer.create_state(0, nd.ones((3,)))
    weight = nd.ones((2, 3))
    with pytest.raises(ValueError, match=r"wd=0\.1"):
        optimizer.update(0, weight, weight.copy(), optimizer.create_state(0, weight))


def test_sgld_adds_the_noise_of_the_context():
    gradient, start = nd.array([0.5, -2.0, 3.0]), np.array([1.0, -2.0, 0.5], np.float32)
    optimizer = opt.SGLD(learning_rate=0.04, wd=0.1, rescale_grad=0.5, clip_gradient=0.6)
    weight = nd.array(start)
    random.seed(5)
    optimizer.update([0], [weight], [gradient], [None])
    random.seed(5)
    noise = random.normal(0, 0.2, shape=(3,)).asnumpy()
    clipped = np.clip(gradient.asnumpy() * 0.5, -0.6, 0.6)
    np.testing.assert_allclose(weight.asnumpy(), start - 0.02 * (clipped + 0.1 * start) + noise, rtol=1e-5)
