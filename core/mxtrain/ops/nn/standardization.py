"""`LayerNorm`, `GroupNorm` and `InstanceNorm`: slices of each sample brought to mean 0 and variance 1.

All three see the data as three axes, take the mean and variance along one of them, and have a gamma and a beta per
index of the middle one: LayerNorm along the middle axis itself, the others along the last.
"""

import math

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels import standardization as kernels
from mxtrain.ops.kernels.precision import deliver, widen
from mxtrain.ops.nn.channel_sum import sum_onto_axis
from mxtrain.ops.nn.checks import require_one_dtype, require_shape
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator

_OUTPUTS = ("output", "mean", "std")
_MIDDLE, _LAST = 1, 2


def _around_axis(data, axis):
    """data as (outer, size of axis, inner)."""
    return data.reshape(_sizes_around(data.shape, shapes.normalize_axis(axis, data.ndim)))


def _sizes_around(shape, axis):
    return (math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))


def _in_groups(data, num_groups):
    """data (N, C, ...) as (N, num_groups, the rest)."""
    if data.ndim < 2 or num_groups < 1 or data.shape[1] % num_groups:
        raise ArgumentError(
            f"Expected: data (N, C, ...), C a multiple of num_groups={num_groups}. Received: data.shape={data.shape}."
        )
    return data.reshape(data.shape[0], num_groups, -1)


def _apply(xp, data, view, gamma, beta, along, eps, statistics_shape, out):
    """The three results: standardized and scaled data, mean and std."""
    require_one_dtype(data, gamma, beta)
    for name, array in (("gamma", gamma), ("beta", beta)):
        require_shape(name, array, (view.shape[1],))
    result, mean, std = kernels.standardize(xp, widen(xp, view), along, eps)
    result *= widen(xp, gamma)[:, None]
    result += widen(xp, beta)[:, None]
    results = (result.reshape(data.shape), mean.reshape(statistics_shape), std.reshape(statistics_shape))
    targets = (None,) * 3 if out is None else out
    return tuple(deliver(value, target, data.dtype) for value, target in zip(results, targets, strict=True))


def _apply_backward(xp, view, along, gy, data, gamma, mean, std, out):
    """Gradients by data, gamma and beta; `view` gives an array shaped like data its three axes."""
    grad, x = view(widen(xp, gy)), view(widen(xp, data))
    shape = (x.shape[0], 1, x.shape[2]) if along == _MIDDLE else (*x.shape[:2], 1)
    mean, std = widen(xp, mean).reshape(shape), widen(xp, std).reshape(shape)
    standard = (x - mean) / std
    by_gamma, by_beta = sum_onto_axis(xp, grad * standard, 1), sum_onto_axis(xp, grad, 1)
    by_data = kernels.standardize_backward(xp, grad * widen(xp, gamma)[:, None], standard, std, along)
    targets = (None,) * 3 if out is None else out
    results = (by_data.reshape(data.shape), by_gamma, by_beta)
    return tuple(deliver(value, target, gy.dtype) for value, target in zip(results, targets, strict=True))


def _compose(F, view, gamma, beta, along, eps):
    """The standardized and scaled view, mean and std, in operators; `view`: three axes."""
    mean = F.mean(view, axis=along, keepdims=True)
    centered = F.broadcast_sub(view, mean)
    std = F.sqrt(F.mean(F.square(centered), axis=along, keepdims=True) + eps)
    scaled = F.broadcast_div(centered, std) * F.Reshape(gamma, shape=(1, -1, 1))
    return scaled + F.Reshape(beta, shape=(1, -1, 1)), mean, std


def _infer_backward(ins, outs, p):
    data = shapes.unify_all([ins[0], ins[1], outs[0]])
    parameter = shapes.unify_all([ins[2], *outs[1:]])
    statistics = shapes.unify(ins[3], ins[4])
    return [data, data, parameter, statistics, statistics], [data, parameter, parameter]


@operator(
    "LayerNorm",
    cases=[
        Case(data=(2, 3), gamma=(3,), beta=(3,), eps=0.1),
        Case(data=(2, 3, 2), gamma=(3,), beta=(3,), axis=1, eps=0.1, output_mean_var=True),
    ],
)
class LayerNorm:
    """(data - mean) / std * gamma + beta along one axis, std = sqrt(biased variance + eps).

    data: any shape, floating. gamma, beta: (data.shape[axis],), data's dtype. Outputs: data's shape; with
    output_mean_var visible too, mean and std, of size 1 along axis. Source: arXiv:1607.06450; MXNet 1.9.1's
    `LayerNorm`.
    """

    outputs = _OUTPUTS

    def visible(p):
        return 3 if p.output_mean_var else 1

    def infer_shape(ins, outs, p):
        data = shapes.unify(ins[0], outs[0])
        if data is None:
            return ins, outs
        axis = shapes.normalize_axis(p.axis, len(data))
        parameter = shapes.unify_all([data[axis : axis + 1], *ins[1:]])
        statistics = shapes.unify_all([(*data[:axis], 1, *data[axis + 1 :]), *outs[1:]])
        return [data, parameter, parameter], [data, statistics, statistics]

    def forward(xp, data, gamma, beta, *, axis: int = -1, eps: float = 1e-5, output_mean_var: bool = False, out=None):
        view = _around_axis(data, axis)
        axis %= data.ndim
        statistics_shape = (*data.shape[:axis], 1, *data.shape[axis + 1 :])
        return _apply(xp, data, view, gamma, beta, _MIDDLE, eps, statistics_shape, out)

    def gradient(F, gy, y, data, gamma, beta, *, axis, **params):
        return F._layer_norm_backward(gy[0], data, gamma, y[1], y[2], axis=axis)

    def composition(F, data, gamma, beta, *, axis, eps, **params):
        axis %= data.ndim
        view = F.Reshape(data, shape=_sizes_around(data.shape, axis))
        y, mean, std = _compose(F, view, gamma, beta, _MIDDLE, eps)
        statistics = (*data.shape[:axis], 1, *data.shape[axis + 1 :])
        return F.Reshape(y, shape=data.shape), F.Reshape(mean, shape=statistics), F.Reshape(std, shape=statistics)


@operator(
    "_layer_norm_backward",
    cases=[Case(gy=(2, 3), data=(2, 3), gamma=(3,), mean=(2, 1), std=(2, 1), low=0.5)],
)
class LayerNormBackward:
    """Gradients of LayerNorm by data, gamma and beta, from gy, data, gamma, mean and std; shapes as there."""

    outputs = ("data", "gamma", "beta")
    infer_shape = _infer_backward
    gradient = NOT_DIFFERENTIABLE

    def forward(xp, gy, data, gamma, mean, std, *, axis: int = -1, out=None):
        return _apply_backward(xp, lambda array: _around_axis(array, axis), _MIDDLE, gy, data, gamma, mean, std, out)


@operator(
    "GroupNorm",
    cases=[
        Case(data=(2, 4, 3), gamma=(2,), beta=(2,), num_groups=2, eps=0.1),
        Case(data=(2, 3), gamma=(1,), beta=(1,), eps=0.1, output_mean_var=True),
    ],
)
class GroupNorm:
    """(data - mean) / std * gamma + beta over groups of channels, std = sqrt(biased variance + eps).

    data: (N, C, ...), floating, C a multiple of num_groups. gamma, beta: (num_groups,), data's dtype. Outputs: data's
    shape; with output_mean_var visible too, mean and std, (N, num_groups).
    Source: arXiv:1803.08494; MXNet 1.9.1's `GroupNorm`, which scales by group as well.
    """

    outputs = _OUTPUTS

    def visible(p):
        return 3 if p.output_mean_var else 1

    def infer_shape(ins, outs, p):
        data = shapes.unify(ins[0], outs[0])
        parameter = shapes.unify_all([(p.num_groups,), *ins[1:]])
        statistics = shapes.unify_all([None if data is None else (data[0], p.num_groups), *outs[1:]])
        return [data, parameter, parameter], [data, statistics, statistics]

    def forward(
        xp, data, gamma, beta, *, num_groups: int = 1, eps: float = 1e-5, output_mean_var: bool = False, out=None
    ):
        view = _in_groups(data, num_groups)
        return _apply(xp, data, view, gamma, beta, _LAST, eps, (data.shape[0], num_groups), out)

    def gradient(F, gy, y, data, gamma, beta, **params):
        return F._group_norm_backward(gy[0], data, gamma, y[1], y[2])

    def composition(F, data, gamma, beta, *, num_groups, eps, **params):
        return _compose_groups(F, data, gamma, beta, num_groups, eps)


def _compose_groups(F, data, gamma, beta, num_groups, eps):
    view = F.Reshape(data, shape=(data.shape[0], num_groups, -1))
    y, mean, std = _compose(F, view, gamma, beta, _LAST, eps)
    return F.Reshape(y, shape=data.shape), *(F.Reshape(value, shape=(0, 0)) for value in (mean, std))


@operator(
    "InstanceNorm",
    cases=[Case(data=(2, 3, 4), gamma=(3,), beta=(3,), eps=0.1)],
)
class InstanceNorm:
    """(data - mean) / std * gamma + beta over the spatial axes of each channel, std = sqrt(biased variance + eps).

    data: (N, C, ...), floating. gamma, beta: (C,), data's dtype. Output: data's shape; hidden ones are mean and std,
    (N, C). Source: arXiv:1607.08022; MXNet 1.9.1's `InstanceNorm`.
    """

    outputs = _OUTPUTS
    visible = 1

    def infer_shape(ins, outs, p):
        data = shapes.unify(ins[0], outs[0])
        if data is None:
            return ins, outs
        parameter = shapes.unify_all([data[1:2], *ins[1:]])
        return [data, parameter, parameter], [data, data[:2], data[:2]]

    def forward(xp, data, gamma, beta, *, eps: float = 1e-3, out=None):
        view = _in_groups(data, data.shape[1])
        return _apply(xp, data, view, gamma, beta, _LAST, eps, data.shape[:2], out)

    def gradient(F, gy, y, data, gamma, beta, **params):
        return F._group_norm_backward(gy[0], data, gamma, y[1], y[2])

    def composition(F, data, gamma, beta, *, eps):
        return _compose_groups(F, data, gamma, beta, data.shape[1], eps)


@operator(
    "_group_norm_backward",
    cases=[Case(gy=(2, 4, 3), data=(2, 4, 3), gamma=(2,), mean=(2, 2), std=(2, 2), low=0.5)],
)
class GroupNormBackward:
    """Gradients of GroupNorm and InstanceNorm by data, gamma and beta, from gy, data, gamma, mean and std.

    There are as many groups as gamma has values.
    """

    outputs = ("data", "gamma", "beta")
    infer_shape = _infer_backward
    gradient = NOT_DIFFERENTIABLE

    def forward(xp, gy, data, gamma, mean, std, *, out=None):
        return _apply_backward(xp, lambda array: _in_groups(array, gamma.size), _LAST, gy, data, gamma, mean, std, out)
