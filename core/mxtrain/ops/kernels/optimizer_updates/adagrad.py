"""Updates that divide the gradient by a history of its size: AdaGrad, AdaDelta, RMSProp, FTRL."""

from __future__ import annotations

import types
from typing import Any

from mxtrain.ops.kernels.optimizer_updates.blocks import blocked
from mxtrain.ops.kernels.optimizer_updates.gradient import (
    add_scaled,
    average_square,
    clip,
    decayed,
    moving_average,
    single,
)


def _divide_by_root(xp: types.ModuleType, target: Any, square: Any, epsilon: float, scratch: Any) -> None:
    """Computes target /= sqrt(square + epsilon)."""
    xp.add(square, epsilon, out=scratch)
    xp.sqrt(scratch, out=scratch)
    xp.divide(target, scratch, out=target)


@blocked(num_scratch=2)
def adagrad(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    history: Any,
    step: Any,
    scratch: Any,
    *,
    lr: float,
    epsilon: float = 1e-7,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
) -> None:
    """AdaGrad: history += g * g; weight -= lr * (g / sqrt(history + epsilon) + wd * weight).

    g = clip(rescale_grad * grad). Source: class AdaGrad of MXNet 1.9.1; http://www.jmlr.org/papers/volume12/duchi11a/duchi11a.pdf.
    """
    xp.multiply(grad, rescale_grad, out=step)
    clip(xp, step, clip_gradient)
    xp.multiply(step, step, out=scratch)
    xp.add(history, scratch, out=history)
    _divide_by_root(xp, step, history, epsilon, scratch)
    if wd:
        add_scaled(xp, step, weight, wd, scratch)
    add_scaled(xp, weight, step, -lr, scratch)


@blocked(num_scratch=2)
def adadelta(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    square_grad: Any,
    square_delta: Any,
    step: Any,
    scratch: Any,
    *,
    rho: float = 0.9,
    epsilon: float = 1e-5,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
) -> None:
    """AdaDelta: weight -= delta + wd * weight, delta = sqrt(square_delta + epsilon) / sqrt(square_grad + epsilon) * g.

    square_grad and square_delta are moving averages of g * g and delta * delta; g = clip(rescale_grad * grad). There
    is no learning rate. Source: class AdaDelta of MXNet 1.9.1; arXiv:1212.5701.
    """
    xp.multiply(grad, rescale_grad, out=step)
    clip(xp, step, clip_gradient)
    average_square(xp, square_grad, step, rho, scratch)
    _divide_by_root(xp, step, square_grad, epsilon, scratch)
    xp.add(square_delta, epsilon, out=scratch)
    xp.sqrt(scratch, out=scratch)
    xp.multiply(step, scratch, out=step)
    if wd:
        xp.multiply(weight, 1 - wd, out=weight)
    xp.subtract(weight, step, out=weight)
    average_square(xp, square_delta, step, rho, scratch)


@blocked(num_scratch=2)
def rmsprop(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    n: Any,
    step: Any,
    scratch: Any,
    *,
    lr: float,
    gamma1: float = 0.95,
    epsilon: float = 1e-8,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
    clip_weights: float | None = None,
) -> None:
    """RMSProp: weight -= lr * g / sqrt(n + epsilon), then clip(weight, clip_weights).

    g = clip(rescale_grad * grad + wd * weight); n: a moving average of g * g.
    Source: operator rmsprop_update of MXNet 1.9.1.
    """
    decayed(xp, weight, grad, wd, rescale_grad, clip_gradient, step, scratch)
    average_square(xp, n, step, single(gamma1), scratch)
    _divide_by_root(xp, step, n, epsilon, scratch)
    add_scaled(xp, weight, step, -lr, scratch)
    clip(xp, weight, _limit(clip_weights))


@blocked(num_scratch=3)
def rmspropalex(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    n: Any,
    g: Any,
    delta: Any,
    step: Any,
    variance: Any,
    scratch: Any,
    *,
    lr: float,
    gamma1: float = 0.95,
    gamma2: float = 0.9,
    epsilon: float = 1e-8,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
    clip_weights: float | None = None,
) -> None:
    """Graves' RMSProp: delta = gamma2 * delta - lr * step / sqrt(n - g * g + epsilon); weight += delta.

    Then clip(weight, clip_weights). step = clip(rescale_grad * grad + wd * weight); n and g are the moving averages of
    step * step and of step.
    Source: operator rmspropalex_update of MXNet 1.9.1; arXiv:1308.0850, eq. 38 to 45.
    """
    decayed(xp, weight, grad, wd, rescale_grad, clip_gradient, step, scratch)
    gamma1 = single(gamma1)
    average_square(xp, n, step, gamma1, scratch)
    moving_average(xp, g, step, gamma1, scratch)
    xp.multiply(g, g, out=variance)
    xp.subtract(n, variance, out=variance)
    _divide_by_root(xp, step, variance, epsilon, scratch)
    xp.multiply(delta, gamma2, out=delta)
    add_scaled(xp, delta, step, -lr, scratch)
    xp.add(weight, delta, out=weight)
    clip(xp, weight, _limit(clip_weights))


@blocked(num_scratch=3)
def ftrl(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    z: Any,
    n: Any,
    step: Any,
    root: Any,
    scratch: Any,
    *,
    lr: float,
    lamda1: float = 0.01,
    beta: float = 1.0,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
) -> None:
    """FTRL: weight = (sign(z) * lamda1 - z) / ((beta + sqrt(n)) / lr + wd) where |z| > lamda1, else 0.

    z += g - (sqrt(n + g * g) - sqrt(n)) * weight / lr; n += g * g; g = clip(rescale_grad * grad).
    Source: operator ftrl_update of MXNet 1.9.1; http://dl.acm.org/citation.cfm?id=2488200.
    """
    xp.multiply(grad, rescale_grad, out=step)
    clip(xp, step, clip_gradient)
    xp.add(z, step, out=z)
    xp.sqrt(n, out=root)
    xp.multiply(step, step, out=step)
    xp.add(n, step, out=n)
    xp.sqrt(n, out=step)
    xp.subtract(step, root, out=root)
    xp.multiply(root, weight, out=root)
    add_scaled(xp, z, root, -1 / lr, scratch)
    # the divisor, (beta + sqrt(n)) / lr + wd
    xp.add(step, beta, out=step)
    xp.multiply(step, 1 / lr, out=step)
    xp.add(step, wd, out=step)
    # sign(z) * lamda1 - z where |z| > lamda1, else 0, is what clipping z to [-lamda1, lamda1] takes away, negated
    xp.minimum(z, lamda1, out=weight)
    xp.maximum(weight, -lamda1, out=weight)
    xp.subtract(weight, z, out=weight)
    xp.divide(weight, step, out=weight)


def group_adagrad(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    history: Any,
    *,
    lr: float,
    epsilon: float = 1e-5,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
) -> None:
    """Row-wise AdaGrad: history += mean(g * g) of each row; weight -= lr * g / sqrt(history + epsilon).

    g = clip(rescale_grad * grad). weight, grad: (rows, columns). history: (rows, 1).
    Source: operator contrib.group_adagrad_update of MXNet 1.9.1.
    """
    step = xp.multiply(grad, rescale_grad)
    clip(xp, step, clip_gradient)
    history += xp.mean(step * step, axis=1, keepdims=True)
    step /= xp.sqrt(history + epsilon)
    step *= lr
    weight -= step


def _limit(clip_weights: float | None) -> float | None:
    """MXNet reads 0 and None as no limit on the weights."""
    return clip_weights or None
