"""Adam and its relatives: updates by moving averages of the gradient and of its size."""

from __future__ import annotations

import functools
import types
from typing import Any

import ml_dtypes
import numpy as np

from mxtrain.ops.kernels.optimizer_updates.blocks import blocked
from mxtrain.ops.kernels.optimizer_updates.gradient import (
    add_scaled,
    average_square,
    clip,
    decayed,
    moving_average,
    single,
)


def _update_moments(
    xp: types.ModuleType, mean: Any, var: Any, grad: Any, beta1: float, beta2: float, scratch: Any
) -> None:
    """The moving averages of the gradient and of its square."""
    moving_average(xp, mean, grad, beta1, scratch)
    average_square(xp, var, grad, beta2, scratch)


def _ratio(xp: types.ModuleType, mean: Any, var: Any, epsilon: float, out: Any) -> None:
    """Computes out = mean / (sqrt(var) + epsilon)."""
    xp.sqrt(var, out=out)
    xp.add(out, epsilon, out=out)
    xp.divide(mean, out, out=out)


@blocked(num_scratch=2)
def adam(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    mean: Any,
    var: Any,
    step: Any,
    scratch: Any,
    *,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
) -> None:
    """Adam: weight -= lr * mean / (sqrt(var) + epsilon), with the averages of clip(rescale_grad * grad + wd * weight).

    lr holds the correction of the bias. Source: operator adam_update of MXNet 1.9.1; arXiv:1412.6980.
    """
    decayed(xp, weight, grad, wd, rescale_grad, clip_gradient, step, scratch)
    _update_moments(xp, mean, var, step, single(beta1), single(beta2), scratch)
    _ratio(xp, mean, var, epsilon, step)
    add_scaled(xp, weight, step, -lr, scratch)


@blocked(num_scratch=2)
def adamw(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    mean: Any,
    var: Any,
    step: Any,
    scratch: Any,
    *,
    lr: float,
    eta: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
) -> None:
    """AdamW: weight -= eta * (lr * mean / (sqrt(var) + epsilon) + wd * weight), the decay kept out of the averages.

    Source: operator contrib.adamw_update of MXNet 1.9.1; arXiv:1711.05101.
    """
    xp.multiply(grad, rescale_grad, out=step)
    clip(xp, step, clip_gradient)
    _update_moments(xp, mean, var, step, single(beta1), single(beta2), scratch)
    _ratio(xp, mean, var, epsilon, step)
    if wd:
        xp.multiply(weight, 1 - eta * wd, out=weight)
    add_scaled(xp, weight, step, -eta * lr, scratch)


@functools.cache
def _smallest(dtype: np.dtype) -> float:
    """The smallest normal number of a dtype, bfloat16 among them."""
    return float(ml_dtypes.finfo(dtype).tiny)


@blocked(num_scratch=2)
def adamax(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    mean: Any,
    largest: Any,
    step: Any,
    scratch: Any,
    *,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
) -> None:
    """AdaMax: weight -= lr * mean / largest, where largest = max(beta2 * largest, |g|).

    lr holds the correction of the bias. Where every gradient so far was 0 the weight stays (MXNet 1.9.1 makes it NaN).
    Source: class Adamax of MXNet 1.9.1; arXiv:1412.6980, section 7.
    """
    decayed(xp, weight, grad, wd, rescale_grad, clip_gradient, step, scratch)
    moving_average(xp, mean, step, beta1, scratch)
    xp.absolute(step, out=step)
    xp.multiply(largest, beta2, out=largest)
    xp.maximum(largest, step, out=largest)
    xp.maximum(largest, _smallest(largest.dtype), out=step)
    xp.divide(mean, step, out=step)
    add_scaled(xp, weight, step, -lr, scratch)


@blocked(num_scratch=2)
def nadam(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    mean: Any,
    var: Any,
    step: Any,
    scratch: Any,
    *,
    lr: float,
    grad_factor: float,
    mean_factor: float,
    var_factor: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
) -> None:
    """NAdam: weight -= lr * (grad_factor * g + mean_factor * mean) / (sqrt(var_factor * var) + epsilon).

    g = clip(rescale_grad * grad + wd * weight); the factors hold the momentum schedule and the correction of the bias.
    Source: class Nadam of MXNet 1.9.1; http://cs229.stanford.edu/proj2015/054_report.pdf.
    """
    decayed(xp, weight, grad, wd, rescale_grad, clip_gradient, step, scratch)
    _update_moments(xp, mean, var, step, beta1, beta2, scratch)
    xp.multiply(step, grad_factor, out=step)
    add_scaled(xp, step, mean, mean_factor, scratch)
    xp.multiply(var, var_factor, out=scratch)
    _ratio(xp, step, scratch, epsilon, scratch)
    xp.multiply(scratch, lr, out=scratch)
    xp.subtract(weight, scratch, out=weight)


@blocked(num_scratch=3)
def ftml(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    d: Any,
    v: Any,
    z: Any,
    step: Any,
    new_d: Any,
    scratch: Any,
    *,
    lr: float,
    t: int,
    beta1: float = 0.6,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
) -> None:
    """Follow the moving leader: weight = -z / d; t counts the updates, from 1.

    v = beta2 * v + (1 - beta2) * g * g; d' = (1 - beta1 ** t) / lr * (sqrt(v / (1 - beta2 ** t)) + epsilon);
    z = beta1 * z + (1 - beta1) * g - (d' - beta1 * d) * weight; d = d'.
    Source: operator ftml_update of MXNet 1.9.1; http://proceedings.mlr.press/v70/zheng17a.
    """
    beta1, beta2 = single(beta1), single(beta2)
    decayed(xp, weight, grad, wd, rescale_grad, clip_gradient, step, scratch)
    moving_average(xp, z, step, beta1, scratch)
    average_square(xp, v, step, beta2, scratch)
    xp.multiply(v, 1 / (1 - beta2**t), out=new_d)
    xp.sqrt(new_d, out=new_d)
    xp.add(new_d, epsilon, out=new_d)
    xp.multiply(new_d, (1 - beta1**t) / lr, out=new_d)
    xp.multiply(d, -beta1, out=d)
    xp.add(d, new_d, out=d)
    xp.multiply(d, weight, out=d)
    xp.subtract(z, d, out=z)
    d[...] = new_d
    xp.divide(z, d, out=weight)
    xp.negative(weight, out=weight)


@blocked(num_scratch=2)
def lamb_direction(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    mean: Any,
    var: Any,
    direction: Any,
    step: Any,
    scratch: Any,
    *,
    mean_factor: float = 1.0,
    var_factor: float = 1.0,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-6,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
) -> None:
    """LAMB: direction = mean_factor * mean / (sqrt(var_factor * var) + epsilon) + wd * weight.

    weight stays as it is. Source: operator lamb_update_phase1 of MXNet 1.9.1; arXiv:1904.00962.
    """
    xp.multiply(grad, rescale_grad, out=step)
    clip(xp, step, clip_gradient)
    _update_moments(xp, mean, var, step, single(beta1), single(beta2), scratch)
    xp.multiply(var, var_factor, out=step)
    xp.multiply(mean, mean_factor, out=direction)
    _ratio(xp, direction, step, epsilon, step)
    direction[...] = step
    if wd:
        add_scaled(xp, direction, weight, wd, scratch)
