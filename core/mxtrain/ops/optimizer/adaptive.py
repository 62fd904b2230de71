"""Update operators with a step size per element: Adam, FTML, LAMB, RMSProp, FTRL."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.optimizer.row_forms import lazy_update, row_forms
from mxtrain.ops.optimizer.steps import declare_update, target_of
from mxtrain.ops.sparse.containers import ROW_SPARSE


def _adam(
    xp,
    weight,
    grad,
    mean,
    var,
    *,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float = -1.0,
    lazy_update: bool = True,
    out=None,
):
    weight = target_of(weight, out, grad, mean, var)
    options = {"lr": lr, "beta1": beta1, "beta2": beta2, "epsilon": epsilon, "wd": wd, "rescale_grad": rescale_grad}
    kernels.adam(xp, weight, grad, mean, var, clip_gradient=clip_gradient, **options)
    return weight


def _adagrad(
    xp,
    weight,
    grad,
    history,
    *,
    lr: float,
    epsilon: float = 1e-7,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float = -1.0,
    out=None,
):
    if wd:
        raise ArgumentError(f"Expected: no weight decay. Received: wd={wd}.")
    weight = target_of(weight, out, grad, history)
    options = {"lr": lr, "epsilon": epsilon, "rescale_grad": rescale_grad, "clip_gradient": clip_gradient}
    kernels.adagrad(xp, weight, grad, history, **options)
    return weight


def _ftml(
    xp,
    weight,
    grad,
    d,
    v,
    z,
    *,
    lr: float,
    beta1: float = 0.6,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    t: int,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_grad: float = -1.0,
    out=None,
):
    if t < 1:
        raise ArgumentError(f"Expected: t >= 1, the number of this update. Received: t={t}.")
    weight = target_of(weight, out, grad, d, v, z)
    options = {"lr": lr, "beta1": beta1, "beta2": beta2, "epsilon": epsilon, "wd": wd, "rescale_grad": rescale_grad}
    kernels.ftml(xp, weight, grad, d, v, z, t=t, clip_gradient=clip_grad, **options)
    return weight


def _lamb_phase1(
    xp,
    weight,
    grad,
    mean,
    var,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-6,
    t: int,
    bias_correction: bool = True,
    wd: float,
    rescale_grad: float = 1.0,
    clip_gradient: float = -1.0,
    out=None,
):
    if t < 1:
        raise ArgumentError(f"Expected: t >= 1, the number of this update. Received: t={t}.")
    direction = target_of(weight, None, grad, mean, var) if out is None or out is weight else out
    kernels.lamb_direction(
        xp,
        weight,
        grad,
        mean,
        var,
        direction,
        mean_factor=1 / (1 - beta1**t) if bias_correction else 1.0,
        var_factor=1 / (1 - beta2**t) if bias_correction else 1.0,
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
        wd=wd,
        rescale_grad=rescale_grad,
        clip_gradient=clip_gradient,
    )
    if out is weight:
        out[...] = direction
        return out
    return direction


def _lamb_phase2(xp, weight, g, r1, r2, *, lr: float, lower_bound: float = -1.0, upper_bound: float = -1.0, out=None):
    step = lr * trust_ratio(xp, r1, r2, lower_bound, upper_bound)
    weight = target_of(weight, out, g)
    weight -= g * step.astype(weight.dtype)
    return weight


def trust_ratio(xp, r1, r2, lower_bound, upper_bound):
    """r1 / r2 with r1, the weight's norm, kept within the bounds; 1 where one of them is 0."""
    for norm in (r1, r2):
        if norm.size != 1:
            raise ArgumentError(f"Expected: norms with one element. Received: shape {norm.shape}.")
    if lower_bound >= 0:
        r1 = xp.maximum(r1, lower_bound)
    if upper_bound >= 0:
        r1 = xp.minimum(r1, upper_bound)
    usable = (r1 != 0) & (r2 != 0)
    return xp.where(usable, r1 / xp.where(usable, r2, 1), 1).reshape(())


def _rmsprop(
    xp,
    weight,
    grad,
    n,
    *,
    lr: float,
    gamma1: float = 0.95,
    epsilon: float = 1e-8,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float = -1.0,
    clip_weights: float = -1.0,
    out=None,
):
    weight = target_of(weight, out, grad, n)
    options = {"lr": lr, "gamma1": gamma1, "epsilon": epsilon, "wd": wd, "rescale_grad": rescale_grad}
    kernels.rmsprop(xp, weight, grad, n, clip_gradient=clip_gradient, clip_weights=clip_weights, **options)
    return weight


def _rmspropalex(
    xp,
    weight,
    grad,
    n,
    g,
    delta,
    *,
    lr: float,
    gamma1: float = 0.95,
    gamma2: float = 0.9,
    epsilon: float = 1e-8,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float = -1.0,
    clip_weights: float = -1.0,
    out=None,
):
    weight = target_of(weight, out, grad, n, g, delta)
    options = {"lr": lr, "gamma1": gamma1, "gamma2": gamma2, "epsilon": epsilon, "wd": wd, "rescale_grad": rescale_grad}
    kernels.rmspropalex(
        xp, weight, grad, n, g, delta, clip_gradient=clip_gradient, clip_weights=clip_weights, **options
    )
    return weight


def _ftrl(
    xp,
    weight,
    grad,
    z,
    n,
    *,
    lr: float,
    lamda1: float = 0.01,
    beta: float = 1.0,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float = -1.0,
    out=None,
):
    weight = target_of(weight, out, grad, z, n)
    options = {"lr": lr, "lamda1": lamda1, "beta": beta, "wd": wd, "rescale_grad": rescale_grad}
    kernels.ftrl(xp, weight, grad, z, n, clip_gradient=clip_gradient, **options)
    return weight


_EXAMPLE = {"lr": 0.1, "wd": 0.01, "rescale_grad": 0.5}

declare_update(
    "adam_update",
    _adam,
    "Adam: weight -= lr * mean / (sqrt(var) + epsilon), with the moving averages of the gradient and of its square.",
    ("mean", "var"),
    _EXAMPLE,
    row_forms(_adam, 2, is_lazy=lazy_update),
)
declare_update(
    "_sparse_adagrad_update",
    _adagrad,
    "AdaGrad: weight -= lr * g / sqrt(history + epsilon), where history is the sum of all g * g. wd must be 0.",
    ("history",),
    {"lr": 0.1, "rescale_grad": 0.5},
    row_forms(_adagrad, 1),
)
declare_update(
    "ftml_update",
    _ftml,
    "Follow the moving leader: weight = -z / d. t: the number of this update, from 1; clip_grad: as clip_gradient.",
    ("d", "v", "z"),
    {**_EXAMPLE, "t": 2},
)
declare_update(
    "lamb_update_phase1",
    _lamb_phase1,
    "LAMB's direction: mean / (sqrt(var) + epsilon) + wd * weight, the averages corrected with bias_correction. "
    "t: the number of this update, from 1. The output is the direction, no weight.",
    ("mean", "var"),
    {"wd": 0.01, "t": 2},
)


@operator(
    "lamb_update_phase2",
    cases=[Case(weight=(2, 3), g=(2, 3), r1=np.array([2.0]), r2=np.array([4.0]), lr=0.1, differentiable=False)],
)
class LambUpdatePhase2:
    """LAMB's step: weight -= lr * r1 / r2 * g; r1 / r2 counts as 1 where one of them is 0.

    weight, g: one shape; g from lamb_update_phase1. r1, r2: (1,), the norms of weight and g; lower_bound and
    upper_bound limit r1 where they are not negative. Output: the new weight; give `out=weight` to update it.
    Source: MXNet 1.9.1; arXiv:1904.00962.
    """

    inplace = (0,)
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        weight = shapes.unify_all([*ins[:2], *outs])
        return [weight, weight, *ins[2:]], [weight]

    forward = _lamb_phase2


declare_update(
    "rmsprop_update",
    _rmsprop,
    "RMSProp: weight -= lr * g / sqrt(n + epsilon), where n is a moving average of g * g.",
    ("n",),
    _EXAMPLE,
)
declare_update(
    "rmspropalex_update",
    _rmspropalex,
    "Graves' RMSProp: delta = gamma2 * delta - lr * grad / sqrt(n - g * g + epsilon); weight += delta.",
    ("n", "g", "delta"),
    {**_EXAMPLE, "n": np.full((2, 3), 2.0)},  # an average of squares is larger than the square of the average
)
declare_update(
    "ftrl_update",
    _ftrl,
    "FTRL: weight = (sign(z) * lamda1 - z) / ((beta + sqrt(n)) / lr + wd) where |z| > lamda1, else 0.",
    ("z", "n"),
    _EXAMPLE,
    row_forms(_ftrl, 2, stypes=(ROW_SPARSE,)),
)
