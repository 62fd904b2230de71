"""Update operators along the gradient: SGD with momentum, Nesterov's form, sign descent."""

from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.ops.optimizer.row_forms import lazy_update, row_forms
from mxtrain.ops.optimizer.steps import declare_update, master_of, target_of


def _sgd(
    xp,
    weight,
    grad,
    *,
    lr: float,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float = -1.0,
    lazy_update: bool = True,
    out=None,
):
    weight = target_of(weight, out, grad)
    kernels.sgd(xp, weight, grad, lr=lr, wd=wd, rescale_grad=rescale_grad, clip_gradient=clip_gradient)
    return weight


def _mp_sgd(
    xp,
    weight,
    grad,
    weight32,
    *,
    lr: float,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float = -1.0,
    lazy_update: bool = True,
    out=None,
):
    target = master_of(weight, weight32, out, grad)
    options = {"lr": lr, "wd": wd, "rescale_grad": rescale_grad, "clip_gradient": clip_gradient}
    kernels.sgd(xp, weight32, grad, low_precision=target, **options)
    return target


def _sgd_mom(
    xp,
    weight,
    grad,
    mom,
    *,
    lr: float,
    momentum: float = 0.0,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float = -1.0,
    lazy_update: bool = True,
    out=None,
):
    weight = target_of(weight, out, grad, mom)
    options = {"lr": lr, "momentum": momentum, "wd": wd, "rescale_grad": rescale_grad, "clip_gradient": clip_gradient}
    kernels.sgd_mom(xp, weight, grad, mom, **options)
    return weight


def _mp_sgd_mom(
    xp,
    weight,
    grad,
    mom,
    weight32,
    *,
    lr: float,
    momentum: float = 0.0,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float = -1.0,
    lazy_update: bool = True,
    out=None,
):
    target = master_of(weight, weight32, out, grad, mom)
    options = {"lr": lr, "momentum": momentum, "wd": wd, "rescale_grad": rescale_grad, "clip_gradient": clip_gradient}
    kernels.sgd_mom(xp, weight32, grad, mom, low_precision=target, **options)
    return target


def _nag_mom(
    xp,
    weight,
    grad,
    mom,
    *,
    lr: float,
    momentum: float = 0.0,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float = -1.0,
    out=None,
):
    weight = target_of(weight, out, grad, mom)
    options = {"lr": lr, "momentum": momentum, "wd": wd, "rescale_grad": rescale_grad, "clip_gradient": clip_gradient}
    kernels.nag_mom(xp, weight, grad, mom, **options)
    return weight


def _mp_nag_mom(
    xp,
    weight,
    grad,
    mom,
    weight32,
    *,
    lr: float,
    momentum: float = 0.0,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float = -1.0,
    out=None,
):
    target = master_of(weight, weight32, out, grad, mom)
    options = {"lr": lr, "momentum": momentum, "wd": wd, "rescale_grad": rescale_grad, "clip_gradient": clip_gradient}
    kernels.nag_mom(xp, weight32, grad, mom, low_precision=target, **options)
    return target


def _signsgd(
    xp,
    weight,
    grad,
    *,
    lr: float,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float = -1.0,
    out=None,
):
    weight = target_of(weight, out, grad)
    kernels.signsgd(xp, weight, grad, lr=lr, wd=wd, rescale_grad=rescale_grad, clip_gradient=clip_gradient)
    return weight


def _signum(
    xp,
    weight,
    grad,
    mom,
    *,
    lr: float,
    momentum: float = 0.0,
    wd: float = 0.0,
    rescale_grad: float = 1.0,
    clip_gradient: float = -1.0,
    wd_lh: float = 0.0,
    out=None,
):
    weight = target_of(weight, out, grad, mom)
    options = {"lr": lr, "momentum": momentum, "wd": wd, "rescale_grad": rescale_grad, "clip_gradient": clip_gradient}
    kernels.signum(xp, weight, grad, mom, wd_lh=wd_lh, **options)
    return weight


_G = "g = clip(rescale_grad * grad)"
_MOMENTUM = {"lr": 0.1, "momentum": 0.9, "wd": 0.01, "clip_gradient": 0.5}
_PLAIN = {"lr": 0.1, "wd": 0.01, "rescale_grad": 0.5}

declare_update(
    "sgd_update",
    _sgd,
    f"SGD: weight = (1 - lr * wd) * weight - lr * g, {_G}.",
    (),
    _PLAIN,
    row_forms(_sgd, 0, is_lazy=lazy_update),
)
declare_update("mp_sgd_update", _mp_sgd, "sgd_update on the float32 copy weight32.", ("weight32",), _PLAIN)
declare_update(
    "sgd_mom_update",
    _sgd_mom,
    f"SGD with momentum: mom = momentum * mom - lr * (wd * weight + g), {_G}; weight += mom.",
    ("mom",),
    _MOMENTUM,
    row_forms(_sgd_mom, 1, is_lazy=lazy_update),
)
declare_update(
    "mp_sgd_mom_update", _mp_sgd_mom, "sgd_mom_update on the float32 copy weight32.", ("mom", "weight32"), _MOMENTUM
)
declare_update(
    "nag_mom_update",
    _nag_mom,
    f"Nesterov momentum: step = -lr * (g + wd * weight), {_G}; mom = momentum * mom + step; "
    "weight += momentum * mom + step.",
    ("mom",),
    _MOMENTUM,
)
declare_update(
    "mp_nag_mom_update", _mp_nag_mom, "nag_mom_update on the float32 copy weight32.", ("mom", "weight32"), _MOMENTUM
)
declare_update(
    "signsgd_update", _signsgd, "Sign descent: weight = (1 - lr * wd) * weight - lr * sign(grad).", (), _PLAIN
)
declare_update(
    "signum_update",
    _signum,
    f"Signum: mom = momentum * mom - (1 - momentum) * (wd * weight + g), {_G}; "
    "weight = (1 - lr * wd_lh) * weight + lr * sign(mom).",
    ("mom",),
    _MOMENTUM,
)
