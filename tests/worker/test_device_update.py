"""Updates of many parameters at once equal, bit for bit, updates one by one; states can be read and set as ever."""

from typing import Any

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.optimizer import create, get_updater
from mxtrain_worker.device_update import DeviceUpdate

NAMES = ["a_weight", "b_weight", "a_bias", "b_bias"]
SHAPES = [(7, 5), (3, 11), (7,), (3,)]
OPTIMIZERS = {
    "sgd": {"learning_rate": 0.1, "wd": 0.01},
    "momentum": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "wd": 0.01},
    "without decay": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9},
    "adam": {"learning_rate": 0.01, "wd": 0.01},
    "rmsprop": {"learning_rate": 0.01, "centered": True},
    "lamb": {"learning_rate": 0.01},
}


def executor(dtype: Any = np.float32) -> Any:
    """An executor whose parameters lie in an arena."""
    layer = mx.sym.Variable("data")
    for name, size in (("a", 7), ("b", 3)):
        layer = mx.sym.FullyConnected(layer, num_hidden=size, name=name)
    return layer.simple_bind(mx.cpu(), data=(2, 5), type_dict={"data": dtype})


def updater(case: str) -> Any:
    options = dict(OPTIMIZERS[case])
    return get_updater(create(options.pop("name", case), param_idx2name=dict(enumerate(NAMES)), **options))


class Side:
    """One way to update: its parameters, gradients and updater."""

    def __init__(self, case: str, with_arenas: bool) -> None:
        made = executor()
        self.weights = [made.arg_dict[name] for name in NAMES]
        self.grads = [made.grad_dict[name] for name in NAMES]
        self.updater = updater(case)
        arenas = made.arenas if with_arenas else []
        self.update = DeviceUpdate(self.updater, range(len(NAMES)), self.weights, self.grads, arenas)
        random = np.random.default_rng(0)
        for weight in self.weights:
            weight[:] = random.normal(size=weight.shape).astype(np.float32)

    def step(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        for grad in self.grads:
            grad[:] = random.normal(size=grad.shape).astype(np.float32)
        self.update()

    def values(self) -> list[list[float]]:
        return [weight.asnumpy().ravel().tolist() for weight in self.weights]

    def states(self) -> dict[int, Any]:
        return {
            index: [array.asnumpy().tolist() for array in arrays_of(state)]
            for index, state in sorted(self.updater.states.items())
        }


def arrays_of(state: Any) -> list[Any]:
    if state is None:
        return []
    return [a for part in state for a in arrays_of(part)] if isinstance(state, (tuple, list)) else [state]


def both(case: str) -> tuple[Side, Side]:
    return Side(case, with_arenas=True), Side(case, with_arenas=False)


def assert_equal(slabs: Side, singles: Side) -> None:
    assert slabs.values() == singles.values()
    assert slabs.states() == singles.states()
    assert slabs.updater.optimizer.progress() == singles.updater.optimizer.progress()


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_slabs_equal_singles(case: str) -> None:
    slabs, singles = both(case)
    for seed in range(4):
        slabs.step(seed)
        singles.step(seed)
        assert_equal(slabs, singles)


@pytest.mark.parametrize(("case", "num_slabs"), [("momentum", 2), ("without decay", 1), ("lamb", 0)])
def test_what_is_updated_together(case: str, num_slabs: int) -> None:
    """Weights and biases differ in weight decay, where there is one; Lamb treats each parameter as a whole."""
    side = Side(case, with_arenas=True)
    side.step(0)
    assert len(side.update._slabs) == num_slabs


def test_multipliers_may_change() -> None:
    slabs, singles = both("momentum")
    for seed, multipliers in enumerate(({}, {"a_weight": 0.5}, {"a_weight": 0.5, "b_bias": 0.0})):
        for side in (slabs, singles):
            side.updater.optimizer.set_lr_mult(multipliers)
            side.step(seed)
        assert_equal(slabs, singles)
    for side in (slabs, singles):
        side.updater.optimizer.lr_mult["b_weight"] = 2.0  # changed in place
        side.updater.optimizer.set_learning_rate(0.01)
        side.step(9)
    assert_equal(slabs, singles)


def test_states_may_be_loaded_at_any_time() -> None:
    slabs, _ = both("adam")
    slabs.step(0)
    stored, values = slabs.updater.get_states(), slabs.values()
    slabs.step(1)
    expected = slabs.values()
    for weight, value in zip(slabs.weights, values, strict=True):
        weight[:] = np.array(value, dtype=np.float32).reshape(weight.shape)
    slabs.updater.set_states(stored)
    slabs.step(1)
    assert slabs.values() == expected


def test_a_parameter_may_be_updated_alone() -> None:
    slabs, singles = both("adam")
    for side in (slabs, singles):
        side.step(0)
        side.updater(1, side.grads[1], side.weights[1])
        side.step(1)
        side.step(2)
    assert_equal(slabs, singles)


def test_two_may_take_turns_with_one_updater() -> None:
    slabs, singles = both("momentum")
    for side in (slabs, singles):
        other = Side("momentum", with_arenas=side is slabs)
        other.update._updater = other.updater = side.updater
        for seed in range(3):
            side.step(seed)
            other.step(seed + 10)
    assert_equal(slabs, singles)


def test_an_optimizer_of_our_own_is_asked_for_every_parameter() -> None:
    asked = []

    class Watched(mx.optimizer.SGD):
        def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
            asked.append(index)
            super().update(index, weight, grad, state)

    side = Side("sgd", with_arenas=True)
    side.updater.optimizer = Watched(learning_rate=0.1)
    side.step(0)
    assert len(side.update._slabs) == 0
    assert asked


def test_master_weights_stay_single() -> None:
    made = executor(np.float16)
    optimizer = create("sgd", momentum=0.9, multi_precision=True, learning_rate=0.1)
    weights, grads = ([table[name] for name in NAMES] for table in (made.arg_dict, made.grad_dict))
    update = DeviceUpdate(get_updater(optimizer), range(4), weights, grads, made.arenas)
    for grad in grads:
        grad[:] = 1
    update()
    assert update._slabs == []
    assert all((weight.asnumpy() == np.float16(-0.1)).all() for weight in weights)
