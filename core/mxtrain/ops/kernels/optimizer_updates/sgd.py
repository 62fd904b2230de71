"""Updates along the gradient: SGD, its momentum and Nesterov forms, sign descent, delay compensation."""

from __future__ import annotations

import types
from typing import Any

from mxtrain.ops.kernels.optimizer_updates.blocks import blocked
from mxtrain.ops.kernels.optimizer_updates.gradient import add_scaled, clip, is_clipped, rescaled


def _subtract_gradient(
    xp: types.ModuleType,
    target: Any,
    grad: Any,
    lr: float,
    rescale_grad: float,
    clip_gradient: float | None,
    scratch: Any,
) -> None:
    """Computes target -= lr * clip(rescale_grad * grad); without a limit both factors are one multiplication."""
    if is_clipped(clip_gradient):
        xp.multiply(grad, rescale_grad, out=scratch)
        clip(xp, scratch, clip_gradient)
        xp.multiply(scratch, -lr, out=scratch)
    else:
        xp.multiply(grad, -lr * rescale_grad, out=scratch)
    xp.add(target, scratch, out=target)


@blocked(num_scratch=1)
def sgd(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    scratch: Any,
    *,
    lr: float,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
) -> None:
    """SGD: weight = (1 - lr * wd) * weight - lr * clip(rescale_grad * grad).

    Source: operator sgd_update of MXNet 1.9.1.
    """
    if wd:
        xp.multiply(weight, 1 - lr * wd, out=weight)
    _subtract_gradient(xp, weight, grad, lr, rescale_grad, clip_gradient, scratch)


@blocked(num_scratch=1)
def sgd_mom(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    mom: Any,
    scratch: Any,
    *,
    lr: float,
    momentum: float = 0.0,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
) -> None:
    """SGD with momentum: mom = momentum * mom - lr * (wd * weight + clip(rescale_grad * grad)); weight += mom.

    Source: operator sgd_mom_update of MXNet 1.9.1.
    """
    xp.multiply(mom, momentum, out=mom)
    if wd:
        add_scaled(xp, mom, weight, -lr * wd, scratch)
    _subtract_gradient(xp, mom, grad, lr, rescale_grad, clip_gradient, scratch)
    xp.add(weight, mom, out=weight)


@blocked(num_scratch=2)
def nag_mom(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    mom: Any,
    step: Any,
    scratch: Any,
    *,
    lr: float,
    momentum: float = 0.0,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
) -> None:
    """Nesterov momentum: the weight makes the step that the momentum is about to make, and one more.

    weight += momentum**2 * mom - lr * (momentum + 1) * (g + wd * weight); then, with the new weight as in MXNet 1.9.1,
    mom = momentum * mom - lr * (g + wd * weight). g = clip(rescale_grad * grad).
    Source: operator nag_mom_update of MXNet 1.9.1.
    """
    gradient = rescaled(xp, grad, rescale_grad, clip_gradient, step)
    if wd:
        xp.multiply(weight, 1 - lr * (momentum + 1) * wd, out=weight)
    add_scaled(xp, weight, gradient, -lr * (momentum + 1), scratch)
    xp.multiply(mom, momentum, out=mom)
    add_scaled(xp, weight, mom, momentum, scratch)
    add_scaled(xp, mom, gradient, -lr, scratch)
    if wd:
        add_scaled(xp, mom, weight, -lr * wd, scratch)


@blocked(num_scratch=1)
def signsgd(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    scratch: Any,
    *,
    lr: float,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
) -> None:
    """Sign descent: weight = (1 - lr * wd) * weight - lr * sign(grad); rescaling and clipping do not change a sign.

    Source: operator signsgd_update of MXNet 1.9.1; arXiv:1802.04434.
    """
    if wd:
        xp.multiply(weight, 1 - lr * wd, out=weight)
    xp.sign(grad, out=scratch)
    xp.multiply(scratch, lr, out=scratch)
    xp.subtract(weight, scratch, out=weight)


@blocked(num_scratch=2)
def signum(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    mom: Any,
    step: Any,
    scratch: Any,
    *,
    lr: float,
    momentum: float = 0.0,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
    wd_lh: float = 0.0,
) -> None:
    """Signum: mom = momentum * mom - (1 - momentum) * (wd * weight + clip(rescale_grad * grad)).

    weight = (1 - lr * wd_lh) * weight + lr * sign(mom). Source: operator signum_update of MXNet 1.9.1.
    """
    xp.multiply(rescaled(xp, grad, rescale_grad, clip_gradient, step), momentum - 1, out=step)
    xp.multiply(mom, momentum, out=mom)
    xp.add(mom, step, out=mom)
    if wd:
        add_scaled(xp, mom, weight, wd * (momentum - 1), scratch)
    if wd_lh:
        xp.multiply(weight, 1 - lr * wd_lh, out=weight)
    xp.sign(mom, out=step)
    add_scaled(xp, weight, step, lr, scratch)


@blocked(num_scratch=2)
def dcasgd(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    previous: Any,
    step: Any,
    scratch: Any,
    *,
    lr: float,
    lamda: float,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
) -> None:
    """previous, weight = weight, weight - lr * (g + wd * weight + lamda * g * g * (weight - previous)).

    g = clip(rescale_grad * grad). Source: arXiv:1609.08326; class DCASGD of MXNet 1.9.1 without momentum.
    """
    xp.multiply(grad, rescale_grad, out=step)
    clip(xp, step, clip_gradient)
    _compensate_delay(xp, weight, previous, step, lamda, scratch)
    if wd:
        add_scaled(xp, step, weight, wd, scratch)
    previous[...] = weight
    add_scaled(xp, weight, step, -lr, scratch)


@blocked(num_scratch=2)
def dcasgd_mom(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    mom: Any,
    previous: Any,
    step: Any,
    scratch: Any,
    *,
    lr: float,
    lamda: float,
    momentum: float,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float | None = None,
) -> None:
    """As dcasgd, with mom = momentum * mom - lr * (...); weight += mom.

    Source: arXiv:1609.08326. MXNet 1.9.1 documents this form; its class raises ValueError on the first update.
    """
    xp.multiply(grad, rescale_grad, out=step)
    clip(xp, step, clip_gradient)
    _compensate_delay(xp, weight, previous, step, lamda, scratch)
    if wd:
        add_scaled(xp, step, weight, wd, scratch)
    previous[...] = weight
    xp.multiply(mom, momentum, out=mom)
    add_scaled(xp, mom, step, -lr, scratch)
    xp.add(weight, mom, out=weight)


def _compensate_delay(xp: types.ModuleType, weight: Any, previous: Any, grad: Any, lamda: float, scratch: Any) -> None:
    """Computes grad += lamda * grad * grad * (weight - previous)."""
    xp.subtract(weight, previous, out=scratch)
    xp.multiply(scratch, grad, out=scratch)
    xp.multiply(scratch, grad, out=scratch)
    xp.multiply(scratch, lamda, out=scratch)
    xp.add(grad, scratch, out=grad)
