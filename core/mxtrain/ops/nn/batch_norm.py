"""`BatchNorm`: each channel brought to mean 0 and variance 1 over the batch, and its gradient."""

import math

import numpy as np

from mxtrain.ops import shapes, types
from mxtrain.ops.kernels import normalization as kernels
from mxtrain.ops.kernels.precision import deliver, widen
from mxtrain.ops.nn.checks import require_one_dtype, require_shape
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator


def _by_channel(data, axis):
    """The data as (outer, channels, inner)."""
    axis = shapes.normalize_axis(axis, data.ndim)
    shape = data.shape
    return data.reshape(math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))


def _parameter_type(dtype):
    """gamma, beta and the statistics of 16-bit data are kept in float32."""
    return np.dtype(np.float32) if dtype is not None and dtype.itemsize == 2 else dtype


@operator(
    "BatchNorm",
    "BatchNorm_v1",
    cases=[
        Case(data=(3, 2, 2, 2), gamma=(2,), beta=(2,), moving_mean=(2,), moving_var=np.ones(2), fix_gamma=False),
        Case(data=(4, 3), gamma=(3,), beta=(3,), moving_mean=(3,), moving_var=np.ones(3), axis=-1, eps=0.1),
        Case(data=(3, 2), gamma=(2,), beta=(2,), moving_mean=(2,), moving_var=np.ones(2), use_global_stats=True),
    ],
)
class BatchNorm:
    """Batch normalisation: (data - mean) / sqrt(var + eps) * gamma + beta, for each index of `axis`.

    data: at least 2 axes, floating; C = data.shape[axis]. gamma (taken as 1 with fix_gamma), beta: (C,).
    moving_mean, moving_var: (C,), auxiliary states; in training they move towards the batch's mean and (biased)
    variance, moving = momentum * moving + (1 - momentum) * batch. Prediction, and use_global_stats, normalise by them.
    Outputs: data's shape and dtype; with output_mean_var visible too, mean and 1 / sqrt(var + eps), (C,) each.
    All (C,) arrays are float32 for 16-bit data, else of data's dtype. cudnn_off and the calibration ranges are accepted
    and have no effect. Source: arXiv:1502.03167; MXNet 1.9.1's `BatchNorm`, which moves the statistics in backward on
    a CPU and in forward on a GPU: here always in forward.
    """

    aux = ("moving_mean", "moving_var")
    mutates = ("moving_mean", "moving_var")
    variable_attributes = {
        "moving_mean": {"__init__": '["zero", {}]'},
        "moving_var": {"__init__": '["one", {}]'},
    }
    outputs = ("output", "mean", "var")

    def refuse_sparse(p):
        return "expected dense arrays with fix_gamma=True, as in MXNet." if p.fix_gamma else None

    def visible(p):
        return 3 if p.output_mean_var else 1

    def infer_shape(ins, outs, p):
        data = shapes.unify(ins[0], outs[0])
        channels = None if data is None else (data[shapes.normalize_axis(p.axis, len(data))],)
        channels = shapes.unify_all([channels, *ins[1:], *outs[1:]])
        return [data, *[channels] * 4], [data, channels, channels]

    def infer_type(ins, outs, p):
        data = types.unify(ins[0], outs[0])
        parameter = types.unify_all([_parameter_type(data), *ins[1:], *outs[1:]])
        return [data, *[parameter] * 4], [data, parameter, parameter]

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
        out=None,
    ):
        x = _by_channel(widen(xp, data), axis)
        states = {"gamma": gamma, "beta": beta, "moving_mean": moving_mean, "moving_var": moving_var}
        for name, array in states.items():
            require_shape(name, array, (x.shape[1],))
        require_one_dtype(*states.values())
        direct = out is not None and x.dtype == data.dtype
        result = _by_channel(out[0], axis) if direct else xp.empty(x.shape, x.dtype)
        scale = None if fix_gamma else gamma
        if is_train and not use_global_stats:
            mean, var, inv_std = kernels.normalize_by_batch(xp, x, scale, beta, eps, result)
            _move(moving_mean, mean, momentum)
            _move(moving_var, var, momentum)
        else:
            mean, inv_std = moving_mean.copy(), 1 / xp.sqrt(moving_var + eps)
            kernels.normalize_by_given(xp, x, scale, beta, mean, inv_std, result)
        y, *statistics = (None,) * 3 if out is None else out
        y = y if direct else deliver(result.reshape(data.shape), y, data.dtype)
        mean, inv_std = (
            deliver(value, target, gamma.dtype) for value, target in zip((mean, inv_std), statistics, strict=True)
        )
        return y, mean, inv_std

    def gradient(F, gy, y, data, gamma, *others, fix_gamma, use_global_stats, axis, is_train, **params):
        return F._batch_norm_backward(
            gy[0],
            data,
            gamma,
            y[1],
            y[2],
            fix_gamma=fix_gamma,
            use_global_stats=use_global_stats or not is_train,
            axis=axis,
        )

    def composition(
        F, data, gamma, beta, moving_mean, moving_var, *, eps, fix_gamma, use_global_stats, axis=1, is_train, **params
    ):
        x = F.Cast(data, dtype=gamma.dtype)
        mean, var = moving_mean, moving_var
        if is_train and not use_global_stats:
            mean = F.mean(x, axis=axis, exclude=True)
            var = F.mean(F.square(x - F._spread_along_axis(mean, x, axis=axis)), axis=axis, exclude=True)
        inv_std = F.rsqrt(var + eps)
        scale = inv_std if fix_gamma else inv_std * gamma
        shift = beta - mean * scale
        y = x * F._spread_along_axis(scale, x, axis=axis) + F._spread_along_axis(shift, x, axis=axis)
        return F.Cast(y, dtype=data.dtype), mean, inv_std


def _move(moving, batch, momentum):
    """Move an auxiliary state towards the batch's value, in place."""
    moving *= momentum
    moving += batch * (1 - momentum)


@operator(
    "_batch_norm_backward",
    cases=[
        Case(gy=(3, 2, 2), data=(3, 2, 2), gamma=(2,), mean=(2,), inv_std=(2,), fix_gamma=False),
        Case(gy=(3, 2), data=(3, 2), gamma=(2,), mean=(2,), inv_std=(2,), use_global_stats=True),
    ],
)
class BatchNormBackward:
    """Gradients of BatchNorm by data, gamma (0 with fix_gamma) and beta, from gy, data, gamma and the statistics.

    use_global_stats: the statistics were constants. Shapes and dtypes as in BatchNorm.
    """

    outputs = ("data", "gamma", "beta")
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        data = shapes.unify_all([ins[0], ins[1], outs[0]])
        channels = None if data is None else (data[shapes.normalize_axis(p.axis, len(data))],)
        channels = shapes.unify_all([channels, *ins[2:], *outs[1:]])
        return [data, data, *[channels] * 3], [data, channels, channels]

    def infer_type(ins, outs, p):
        data = types.unify_all([ins[0], ins[1], outs[0]])
        parameter = types.unify_all([_parameter_type(data), *ins[2:], *outs[1:]])
        return [data, data, *[parameter] * 3], [data, parameter, parameter]

    def forward(
        xp,
        gy,
        data,
        gamma,
        mean,
        inv_std,
        *,
        fix_gamma: bool = True,
        use_global_stats: bool = False,
        axis: int = 1,
        out=None,
    ):
        require_shape("gy", gy, data.shape)
        wide, x = _by_channel(widen(xp, gy), axis), _by_channel(widen(xp, data), axis)
        for name, array in (("gamma", gamma), ("mean", mean), ("inv_std", inv_std)):
            require_shape(name, array, (x.shape[1],))
        direct = out is not None and wide.dtype == gy.dtype
        result = _by_channel(out[0], axis) if direct else xp.empty(x.shape, x.dtype)
        kernel = kernels.backward_by_given if use_global_stats else kernels.backward_by_batch
        by_gamma, by_beta = kernel(xp, wide, x, None if fix_gamma else gamma, mean, inv_std, result)
        if fix_gamma:
            by_gamma = xp.zeros_like(by_gamma)
        targets = (None,) * 3 if out is None else out
        by_data = targets[0] if direct else deliver(result.reshape(data.shape), targets[0], gy.dtype)
        return by_data, deliver(by_gamma, targets[1], gamma.dtype), deliver(by_beta, targets[2], gamma.dtype)
