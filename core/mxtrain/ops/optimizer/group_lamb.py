"""LAMB on several parameters at once."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.ops.optimizer.adaptive import trust_ratio
from mxtrain.ops.optimizer.groups import MASTER, declare_group_update, require_one_each, split, targets_of
from mxtrain.ops.parameters import Floats, Shape

_NAMES = ("weight", "grad", "mean", "var")


def _norm(xp: Any, array: Any) -> Any:
    return xp.sqrt(xp.square(array.astype(np.float32, copy=False)).sum()).reshape(1)


def _step(
    xp: Any, weight: Any, grad: Any, mean: Any, var: Any, lr: float, step: int, correct: bool, bounds: Any, options: Any
) -> None:
    """One update of weight, mean and var in place."""
    direction = xp.empty_like(weight)
    factors = {
        "mean_factor": 1 / (1 - options["beta1"] ** step) if correct else 1.0,
        "var_factor": 1 / (1 - options["beta2"] ** step) if correct else 1.0,
    }
    kernels.lamb_direction(xp, weight, grad, mean, var, direction, **factors, **options)
    ratio = trust_ratio(xp, _norm(xp, weight), _norm(xp, direction), *bounds)
    weight -= direction * (lr * ratio).astype(weight.dtype)


def _make(names: Sequence[str]) -> Callable[..., Any]:
    def forward(
        xp,
        *data,
        learning_rates: Floats,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-6,
        wds: Floats,
        rescale_grad: float = 1.0,
        lower_bound: float = -1.0,
        upper_bound: float = -1.0,
        clip_gradient: float = -1.0,
        bias_correction: bool = True,
        step_count: Shape,
        num_tensors: int = 1,
    ):
        groups = split(data, names, (), num_tensors)
        require_one_each(num_tensors, learning_rates=learning_rates, wds=wds, step_count=step_count)
        if min(step_count) < 1:
            raise ArgumentError(f"Expected: step_count >= 1, the numbers of the updates. Received: {step_count}.")
        shared = {"beta1": beta1, "beta2": beta2, "epsilon": epsilon, "rescale_grad": rescale_grad}
        targets = targets_of(groups, names)
        for n, ((_, grad, mean, var, *master), target) in enumerate(zip(groups, targets, strict=True)):
            options = {**shared, "wd": wds[n], "clip_gradient": clip_gradient}
            weight = master[0] if master else target
            bounds = (lower_bound, upper_bound)
            _step(xp, weight, grad, mean, var, learning_rates[n], step_count[n], bias_correction, bounds, options)
            if master:
                target[...] = weight
        return tuple(targets)

    return forward


for _prefix, _inputs in (("", _NAMES), ("mp_", (*_NAMES, MASTER))):
    declare_group_update(
        f"_multi_{_prefix}lamb_update",
        _make(_inputs),
        "LAMB on several parameters: weight -= lr * |weight| / |d| * d, d as of lamb_update_phase1. "
        "lower_bound, upper_bound: of |weight|, where not negative. step_count: of the updates, from 1.",
        _inputs,
        {"learning_rates": (0.1, 0.2), "wds": (0.01, 0.02), "step_count": (2, 3)},
        counter="num_tensors",
    )
