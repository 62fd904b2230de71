"""Optimizers as plain values: what travels to a server."""

import json

import msgpack
import numpy as np
import pytest

from mxtrain import lr_scheduler
from mxtrain import ndarray as nd
from mxtrain import optimizer as opt
from mxtrain.base import MXNetError


def _step(optimizer, weight, state, gradient):
    optimizer.update(0, weight, nd.array(gradient), state)


@pytest.mark.parametrize("name", sorted(opt.Optimizer.opt_registry))
def test_every_optimizer_survives_msgpack_and_json(name):
    optimizer = opt.create(name, wd=0.1, rescale_grad=0.5, clip_gradient=0.7, param_idx2name={0: "w", 1: "b_weight"})
    optimizer.set_lr_mult({"w": 0.5, 1: 2.0})
    optimizer._update_count([0, 1])
    description = optimizer.to_config()
    assert description["name"] == name
    for copy in (msgpack.unpackb(msgpack.packb(description)), json.loads(json.dumps(description))):
        made = opt.from_config(copy)
        assert type(made) is type(optimizer)
        assert made.to_config() == description
        ours = {key: value for key, value in vars(optimizer).items() if key != "sym_info"}
        assert ours == {key: value for key, value in vars(made).items() if key != "sym_info"}


@pytest.mark.parametrize("name", ["adam", "nadam", "lars", "sgd"])
def test_the_copy_goes_on_where_the_original_stands(name):
    scheduler = lr_scheduler.FactorScheduler(2, factor=0.5, base_lr=0.3)
    arguments = {} if name == "sgd" else {"learning_rate": 0.3}
    optimizer = opt.create(name, lr_scheduler=scheduler, **arguments)
    weight = nd.array([1.0, -2.0])
    state = optimizer.create_state(0, weight)
    for gradient in ([0.5, 1.0], [1.0, 0.25], [-1.0, 2.0]):
        _step(optimizer, weight, state, gradient)
    copy = opt.from_config(json.loads(json.dumps(optimizer.to_config())))
    copied_weight = weight.copy()
    copied_state = opt.get_updater(copy).sync_state_context(state, weight.context)
    copied_state = [part.copy() for part in copied_state] if isinstance(state, tuple) else copied_state
    for gradient in ([0.5, -1.0], [0.75, 0.5]):
        _step(optimizer, weight, state, gradient)
        _step(copy, copied_weight, copied_state, gradient)
    np.testing.assert_array_equal(weight.asnumpy(), copied_weight.asnumpy())
    assert optimizer.learning_rate == copy.learning_rate


def test_parameters_of_gluon_become_multipliers_of_their_index():
    class Parameter:
        lr_mult = 0.5
        wd_mult = 2.0

    made = opt.from_config(opt.SGD(param_dict={3: Parameter()}).to_config())
    assert (made._get_lr(3), made.lr_mult, made.wd_mult) == (0.005, {3: 0.5}, {3: 2.0})


def test_numpy_numbers_become_plain_ones():
    config = opt.SGD(learning_rate=np.float32(0.5), rescale_grad=np.float64(0.25)).to_config()["config"]
    assert (type(config["learning_rate"]), config["rescale_grad"]) == (float, 0.25)


def test_a_short_description_is_enough():
    made = opt.from_config({"name": "SGD", "config": {"learning_rate": 0.1, "momentum": 0.9}})
    assert (made.lr, made.momentum, opt.from_config({"name": "adam"}).beta1) == (0.1, 0.9, 0.9)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (None, "name and config"),
        ({"name": "sgd", "config": 3}, "name and config"),
        ({"config": {}}, "Cannot find optimizer ''"),
        ({"name": "os.system"}, "Cannot find optimizer"),
        ({"name": 3}, "name of an optimizer"),
        ({"name": "sgd", "config": {"__class__": 1}}, "__class__"),
        ({"name": "sgd", "config": {"momentum": "much"}}, "momentum"),
        ({"name": "sgd", "config": {"momentum": [1]}}, "momentum"),
        ({"name": "sgd", "config": {"clip_gradient": {}}}, "clip_gradient"),
        ({"name": "sgd", "config": {"param_idx2name": 3}}, "param_idx2name"),
        ({"name": "sgd", "config": {"lr_scheduler": {"name": "nope"}}}, "nope"),
        ({"name": "sgd", "config": {"lr_scheduler": {"name": "FactorScheduler", "config": {"step": 0}}}}, "step"),
        ({"name": "sgd", "config": {"progress": 3}}, "progress"),
        ({"name": "sgd", "config": {"progress": {"update_counts": [[0, [[1]]]]}}}, "progress"),
        ({"name": "nadam", "config": {"progress": {"fields": {"m_schedule": "x"}}}}, "m_schedule"),
        ({"name": "nadam", "config": {"progress": {"fields": {"lr": 1.0}}}}, "lr"),
    ],
)
def test_descriptions_that_fit_nothing_are_refused(description, message):
    with pytest.raises(MXNetError, match=message):
        opt.from_config(description)


def test_what_cannot_travel_says_so():
    class Homemade(opt.SGD):
        pass

    with pytest.raises(MXNetError, match=r"Homemade.*register"):
        Homemade().to_config()
    with pytest.raises(MXNetError, match="LRScheduler"):
        opt.SGD(lr_scheduler=type("Plain", (), {"base_lr": 0.1})()).to_config()


def test_a_registered_class_travels_by_its_constructor_arguments(monkeypatch):
    monkeypatch.setattr(opt.Optimizer, "opt_registry", opt.Optimizer.opt_registry)

    class Damped(opt.SGD):
        def __init__(self, damping=0.5, **kwargs):
            super().__init__(**kwargs)
            self.damping = damping

    monkeypatch.setitem(opt.Optimizer.opt_registry, "damped", Damped)
    made = opt.from_config(Damped(damping=0.25, momentum=0.9).to_config())
    assert (type(made), made.damping, made.momentum) == (Damped, 0.25, 0.9)

    class Forgetful(opt.SGD):
        def __init__(self, damping=0.5, **kwargs):
            super().__init__(**kwargs)

    monkeypatch.setitem(opt.Optimizer.opt_registry, "forgetful", Forgetful)
    with pytest.raises(MXNetError, match="damping"):
        Forgetful().to_config()
