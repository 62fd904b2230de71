"""LAMB's two phases on 16-bit weights with a float32 copy."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.optimizer.adaptive import trust_ratio
from mxtrain.ops.optimizer.steps import FLOAT32, master_of

_STATE = np.full((2, 3), 0.5, np.float32)
_NORM = np.array([2.0], np.float32)


@operator(
    "mp_lamb_update_phase1",
    cases=[
        Case(
            {"weight": (2, 3), "grad": (2, 3), "mean": _STATE, "var": _STATE, "weight32": _STATE, "t": 2, "wd": 0.01},
            differentiable=False,
        )
    ],
)
class MpLambUpdatePhase1:
    """lamb_update_phase1 on the float32 copy weight32.

    weight, grad: of one shape and floating dtype. mean, var: float32, changed in place. weight32: float32, unchanged.
    t: the number of this update, from 1. Output: the direction, float32. Source: MXNet 1.9.1; arXiv:1904.00962.
    """

    infer_shape = shapes.same
    gradient = NOT_DIFFERENTIABLE
    mutates = ("mean", "var")

    def infer_type(ins, outs, p):
        dtype = types.unify(ins[0], ins[1])
        return [dtype, dtype, FLOAT32, FLOAT32, FLOAT32], [FLOAT32]

    def forward(
        xp,
        weight,
        grad,
        mean,
        var,
        weight32,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-6,
        t: int,
        bias_correction: bool = True,
        wd: float,
        rescale_grad: float = 1.0,
        clip_gradient: float = -1.0,
    ):
        if t < 1:
            raise ArgumentError(f"Expected: t >= 1, the number of this update. Received: t={t}.")
        master_of(weight, weight32, None, grad, mean, var)
        direction = xp.empty_like(weight32)
        options = {"beta1": beta1, "beta2": beta2, "epsilon": epsilon, "wd": wd, "rescale_grad": rescale_grad}
        if bias_correction:
            options |= {"mean_factor": 1 / (1 - beta1**t), "var_factor": 1 / (1 - beta2**t)}
        kernels.lamb_direction(xp, weight32, grad, mean, var, direction, clip_gradient=clip_gradient, **options)
        return direction


@operator(
    "mp_lamb_update_phase2",
    cases=[
        Case(
            {"weight": (2, 3), "g": _STATE, "r1": _NORM, "r2": 2 * _NORM, "weight32": _STATE, "lr": 0.1},
            differentiable=False,
        )
    ],
)
class MpLambUpdatePhase2:
    """lamb_update_phase2 from the float32 copy weight32, in the dtype of weight.

    weight: floating. g: the direction of mp_lamb_update_phase1; r1, r2: (1,), the norms of weight32 and g; all float32.
    weight32 is read and, as in MXNet 1.9.1, stays as it is. Output: the new weight; give `out=weight` to update it.
    Source: MXNet 1.9.1; arXiv:1904.00962.
    """

    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        weight = shapes.unify_all([*ins[:2], ins[4], *outs])
        return [weight, weight, *ins[2:4], weight], [weight]

    def infer_type(ins, outs, p):
        weight = types.unify(ins[0], outs[0])
        return [weight, FLOAT32, FLOAT32, FLOAT32, FLOAT32], [weight]

    def forward(xp, weight, g, r1, r2, weight32, *, lr: float, lower_bound: float = -1.0, upper_bound: float = -1.0):
        shapes.unify_all([weight.shape, g.shape, weight32.shape])
        for array in (g, r1, r2, weight32):
            types.unify(FLOAT32, array.dtype)
        types.require_floating(weight.dtype)
        step = (lr * trust_ratio(xp, r1, r2, lower_bound, upper_bound)).astype(FLOAT32)
        return (weight32 - g * step).astype(weight.dtype)
