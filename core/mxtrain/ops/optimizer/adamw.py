"""AdamW: Adam with the weight decay apart, of one parameter or of several.

The rescaling factor of the gradient is an input, so that a loss scaler may compute it: where it is 0, infinite or NaN,
nothing is updated.
"""

import math
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, declare_operator
from mxtrain.ops.optimizer.groups import MASTER, declare_group_update, require_one_each, split, targets_of, update_each
from mxtrain.ops.optimizer.steps import FLOAT32
from mxtrain.ops.parameters import Floats

_NAMES = ("weight", "grad", "mean", "var")
_FACTOR = ("rescale_grad",)


def _run(xp: Any, data: Any, names: Any, count: int, lrs: Any, wds: Any, etas: Any, **options: Any) -> tuple[Any, ...]:
    groups = split(data, names, _FACTOR, count)
    require_one_each(count, lrs=lrs, wds=wds, etas=etas)
    if data[-1].size != 1:
        raise ArgumentError(f"Expected: rescale_grad with one element. Received: shape {data[-1].shape}.")
    factor = float(data[-1].reshape(-1)[0])
    if factor == 0 or not math.isfinite(factor):
        return tuple(targets_of(groups, names))
    keywords = [
        {"lr": lr, "wd": wd, "eta": eta, "rescale_grad": factor, **options}
        for lr, wd, eta in zip(lrs, wds, etas, strict=True)
    ]
    return update_each(xp, kernels.adamw, groups, names, keywords)


def _adamw(
    xp,
    weight,
    grad,
    mean,
    var,
    rescale_grad,
    *,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    wd: float = 0.0,
    eta: float,
    clip_gradient: float = -1.0,
):
    data = (weight, grad, mean, var, rescale_grad)
    options = {"beta1": beta1, "beta2": beta2, "epsilon": epsilon, "clip_gradient": clip_gradient}
    return _run(xp, data, _NAMES, 1, (lr,), (wd,), (eta,), **options)[0]


def _mp_adamw(
    xp,
    weight,
    grad,
    mean,
    var,
    weight32,
    rescale_grad,
    *,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    wd: float = 0.0,
    eta: float,
    clip_gradient: float = -1.0,
):
    data = (weight, grad, mean, var, weight32, rescale_grad)
    options = {"beta1": beta1, "beta2": beta2, "epsilon": epsilon, "clip_gradient": clip_gradient}
    return _run(xp, data, (*_NAMES, MASTER), 1, (lr,), (wd,), (eta,), **options)[0]


def _infer_shape(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
    shape = shapes.unify_all([*ins[:-1], *outs])
    return [*[shape] * (len(ins) - 1), ins[-1]], [shape]


def _infer_mp_type(ins: types.Types, outs: types.Types, p: Any) -> tuple[types.Types, types.Types]:
    dtype = types.unify_all([*ins[:2], *outs])
    return [dtype, dtype, *[FLOAT32] * (len(ins) - 3), ins[-1]], [dtype]


def _infer_type(ins: types.Types, outs: types.Types, p: Any) -> tuple[types.Types, types.Types]:
    dtype = types.unify_all([*ins[:-1], *outs])
    return [*[dtype] * (len(ins) - 1), ins[-1]], [dtype]


def _several(names):
    def forward(
        xp,
        *data,
        lrs: Floats,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        wds: Floats,
        etas: Floats,
        clip_gradient: float = -1.0,
        num_weights: int = 1,
    ):
        options = {"beta1": beta1, "beta2": beta2, "epsilon": epsilon, "clip_gradient": clip_gradient}
        return _run(xp, data, names, num_weights, lrs, wds, etas, **options)

    return forward


_MEANING = "weight -= eta * (lr * mean / (sqrt(var) + epsilon) + wd * weight)"
_STATE = np.full((2, 3), 0.5, np.float32)

for _name, _forward, _rule, _arrays in (
    ("_adamw_update", _adamw, _infer_type, {"mean": (2, 3), "var": (2, 3)}),
    ("_mp_adamw_update", _mp_adamw, _infer_mp_type, {"mean": _STATE, "var": _STATE, MASTER: _STATE}),
):
    declare_operator(
        _name,
        doc=f"AdamW: {_MEANING}.\n\nInputs: of one shape, the states changed in place; rescale_grad: one number. "
        "Output: the new weight; give `out=weight` to update it. Source: MXNet 1.9.1; arXiv:1711.05101.",
        cases=[
            Case(
                {"weight": (2, 3), "grad": (2, 3), **_arrays, "rescale_grad": np.array([0.5]), "lr": 0.1, "eta": 0.7},
                wd=0.01,
                low=0.1,
                high=0.9,
                differentiable=False,
            )
        ],
        forward=_forward,
        gradient=NOT_DIFFERENTIABLE,
        infer_shape=_infer_shape,
        infer_type=_rule,
        mutates=tuple(_arrays),
    )
for _prefix, _inputs in (("", _NAMES), ("mp_", (*_NAMES, MASTER))):
    declare_group_update(
        f"_multi_{_prefix}adamw_update",
        _several(_inputs),
        f"AdamW on several parameters: {_MEANING}.",
        _inputs,
        {"lrs": (0.1, 0.2), "wds": (0.01, 0.02), "etas": (0.7, 0.8)},
        extra=_FACTOR,
        extra_examples=(np.array([0.5]),),
    )
