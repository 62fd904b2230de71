"""Variants of `BatchNorm`: `_contrib_SyncBatchNorm` and `_contrib_BatchNormWithReLU`."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops.nn.batch_norm import BatchNorm
from mxtrain.ops.operator import Case, operator

_STATES = {"moving_mean": (2,), "moving_var": np.ones(2)}


def _infer(rule):
    """A rule of BatchNorm for an operator without the parameter `axis`."""

    def infer(ins, outs, p):
        p.axis = getattr(p, "axis", 1)
        return rule(ins, outs, p)

    return infer


@operator(
    "_contrib_SyncBatchNorm",
    cases=[
        Case(data=(3, 2, 2, 2), gamma=(2,), beta=(2,), **_STATES, fix_gamma=False, key="a"),
        Case(data=(3, 2), gamma=(2,), beta=(2,), **_STATES, use_global_stats=True, key="b"),
    ],
)
class SyncBatchNorm:
    """`BatchNorm` over axis 1 whose statistics are those of the whole batch.

    Inputs, auxiliary states, parameters and outputs as in `BatchNorm`, but the third output (visible with
    output_mean_var) is the variance. key names the layer and is accepted without effect, as one call sees the whole
    batch. Raises ArgumentError for ndev > 1. Source: arXiv:1803.08904; MXNet 1.9.1.
    """

    aux = BatchNorm.choose_aux
    mutates = BatchNorm.mutates
    outputs = BatchNorm.choose_outputs
    visible = BatchNorm.choose_visible
    infer_shape = _infer(BatchNorm.infer_shape)
    infer_type = _infer(BatchNorm.infer_type)

    def forward(
        xp,
        data,
        gamma,
        beta,
        moving_mean,
        moving_var,
        *,
        eps: float = 1e-3,
        momentum: float = 0.9,
        fix_gamma: bool = True,
        use_global_stats: bool = False,
        output_mean_var: bool = False,
        ndev: int = 1,
        key: str,
        is_train: bool,
    ):
        if ndev != 1:
            raise ArgumentError(
                f"Expected: ndev=1: each call normalises all of its batch. Received: ndev={ndev}. Put the whole batch "
                "on one device, or use BatchNorm on each."
            )
        y, mean, inv_std = BatchNorm.forward(
            xp,
            data,
            gamma,
            beta,
            moving_mean,
            moving_var,
            eps=eps,
            momentum=momentum,
            fix_gamma=fix_gamma,
            use_global_stats=use_global_stats,
            is_train=is_train,
        )
        return y, mean, 1 / (inv_std * inv_std) - inv_std.dtype.type(eps)

    def composition(F, *inputs, eps, is_train, **params):
        y, mean, inv_std = BatchNorm.composition(F, *inputs, eps=eps, is_train=is_train, **params)
        return y, mean, 1 / F.square(inv_std) - eps

    def gradient(F, gy, y, data, gamma, *others, eps, fix_gamma, use_global_stats, is_train, **params):
        inv_std = F.rsqrt(F._plus_scalar(y[2], scalar=eps))
        fixed = use_global_stats or not is_train
        return F._batch_norm_backward(
            gy[0], data, gamma, y[1], inv_std, fix_gamma=fix_gamma, use_global_stats=fixed, axis=1
        )


@operator(
    "_contrib_BatchNormWithReLU",
    cases=[
        Case(data=(3, 2, 2, 2), gamma=(2,), beta=(2,), **_STATES, fix_gamma=False),
        Case(data=(3, 2), gamma=(2,), beta=(2,), **_STATES, use_global_stats=True, axis=-1),
    ],
)
class BatchNormWithReLU:
    """`BatchNorm`, and 0 where its result is negative. Inputs, auxiliary states, parameters and outputs as there."""

    aux = BatchNorm.choose_aux
    mutates = BatchNorm.mutates
    outputs = BatchNorm.choose_outputs
    visible = BatchNorm.choose_visible
    infer_shape = BatchNorm.infer_shape
    infer_type = BatchNorm.infer_type

    def forward(
        xp,
        data,
        gamma,
        beta,
        moving_mean,
        moving_var,
        *,
        eps: float = 1e-3,
        momentum: float = 0.9,
        fix_gamma: bool = True,
        use_global_stats: bool = False,
        output_mean_var: bool = False,
        axis: int = 1,
        cudnn_off: bool = False,
        min_calib_range: float | None = None,
        max_calib_range: float | None = None,
        is_train: bool,
    ):
        y, mean, inv_std = BatchNorm.forward(
            xp,
            data,
            gamma,
            beta,
            moving_mean,
            moving_var,
            eps=eps,
            momentum=momentum,
            fix_gamma=fix_gamma,
            use_global_stats=use_global_stats,
            axis=axis,
            is_train=is_train,
        )
        return xp.maximum(y, 0, out=y), mean, inv_std

    def composition(F, *inputs, is_train, **params):
        y, mean, inv_std = BatchNorm.composition(F, *inputs, is_train=is_train, **params)
        return F.relu(y), mean, inv_std

    def gradient(F, gy, y, data, gamma, *others, fix_gamma, use_global_stats, axis, is_train, **params):
        passed = F.elemwise_mul(gy[0], F._greater_scalar(y[0], scalar=0))
        return F._batch_norm_backward(
            passed,
            data,
            gamma,
            y[1],
            y[2],
            fix_gamma=fix_gamma,
            use_global_stats=use_global_stats or not is_train,
            axis=axis,
        )
