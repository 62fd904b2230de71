"""`LeakyReLU`: the rectifiers that let something through below zero."""

import math
from typing import Literal

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels.error_function import erf
from mxtrain.ops.kernels.precision import deliver, widen
from mxtrain.ops.nn.channel_sum import sum_onto_axis
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator

_SELU_SCALE = 1.0507009873554804934193349852946  # Source: arXiv:1706.02515, section 2
_SELU_ALPHA = 1.6732632423543772848170429916717


def _leaky(xp, x, slope):
    return xp.where(x > 0, x, slope * x)


def _elu(xp, x, slope):
    return xp.where(x > 0, x, slope * xp.expm1(xp.minimum(x, 0)))


def _selu(xp, x, slope):
    return _SELU_SCALE * _elu(xp, x, _SELU_ALPHA)


def _gelu(xp, x, slope):
    result = erf(xp, x * x.dtype.type(math.sqrt(0.5)))
    result += 1
    result *= x
    result *= 0.5
    return result


def _leaky_slope(xp, x, slope):
    return xp.where(x > 0, x.dtype.type(1), x.dtype.type(slope))


def _elu_slope(xp, x, slope):
    return xp.where(x > 0, x.dtype.type(1), slope * xp.exp(xp.minimum(x, 0)))


def _selu_slope(xp, x, slope):
    return _SELU_SCALE * _elu_slope(xp, x, _SELU_ALPHA)


def _gelu_slope(xp, x, slope):
    density = xp.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return 0.5 * (1 + erf(xp, x / math.sqrt(2))) + x * density


_FUNCTIONS = {"leaky": _leaky, "elu": _elu, "selu": _selu, "gelu": _gelu}
_SLOPES = {"leaky": _leaky_slope, "elu": _elu_slope, "selu": _selu_slope, "gelu": _gelu_slope}


def _along_channels(gamma, ndim):
    """gamma so that it broadcasts: (C,) along axis 1 of data (axis 0 where there is no other), (N, C) along both."""
    shape = (-1,) if gamma.ndim == 1 else gamma.shape
    return gamma.reshape(*shape, *(1,) * max(ndim - 2, 0))


def _onto_gamma(xp, products, gamma):
    """The sums of products (N, C, ...) over the axes along which gamma was repeated."""
    if gamma.size == 1:
        return products.sum().reshape(gamma.shape)
    if gamma.ndim == 1:
        return sum_onto_axis(xp, products, 1)
    sums = products.reshape(*products.shape[:2], -1).sum(axis=-1)
    repeated = tuple(axis for axis in (0, 1) if gamma.shape[axis] == 1)
    return sums.sum(axis=repeated, keepdims=True)


def _infer_gamma(data, gamma):
    if data is None:
        return gamma
    channels = data[1] if len(data) > 1 else 1
    if gamma is None:
        return (channels,)
    allowed = (channels,) if len(gamma) == 1 else data[:2]
    if len(gamma) > 2 or len(gamma) != len(allowed) or not all(map(_repeats, gamma, allowed)):
        raise ArgumentError(
            f"Expected: gamma of shape ({channels},) or {data[:2]}, or of sizes 1 in their place. "
            f"Received: gamma of shape {gamma}."
        )
    return gamma


def _repeats(size, whole):
    """Whether an axis of gamma fits one of data (-1: unknown)."""
    return size in (1, -1, whole) or whole == -1


def _require_gamma(data, gamma):
    if gamma is None:
        raise ArgumentError("Expected: the input gamma with act_type='prelu'. Received: none.")
    _infer_gamma(data.shape, gamma.shape)


@operator(
    "LeakyReLU",
    cases=[
        *(Case(data=(2, 3), act_type=kind) for kind in ("leaky", "elu", "selu", "gelu")),
        Case(data=(2, 3, 2), gamma=(3,), act_type="prelu"),
        Case(data=(2, 3), gamma=(1,), act_type="prelu"),
        Case(data=(2, 3, 2), gamma=(2, 3), act_type="prelu"),
        Case(data=(2, 3, 2), gamma=(1, 3), act_type="prelu"),
        Case(data=(2, 3), act_type="rrelu", differentiable=False),
    ],
)
class LeakyReLU:
    """A rectifier, element by element: x where x > 0, and below zero what act_type tells.

    leaky: slope * x. prelu: gamma * x. elu: slope * (exp(x) - 1). rrelu: r * x, with r drawn from [lower_bound,
    upper_bound] in training, and their mean in prediction. selu (arXiv:1706.02515) and gelu (arXiv:1606.08415) are
    smooth functions of all x.
    data: any shape, floating. gamma (prelu only): (data.shape[1],) or data.shape[:2], sizes may be 1.
    Output: same shape and dtype; with rrelu a second one holds the factors that it multiplied with.
    Source: MXNet 1.9.1's `LeakyReLU`, whose gradient of selu below zero is not the function's derivative.
    """

    variable_attributes = {"gamma": {"__init__": '["Constant", {"value": 0.25}]'}}

    def inputs(p):
        return ("data", "gamma") if p.act_type == "prelu" else ("data",)

    def outputs(p):
        return ("output", "mask") if p.act_type == "rrelu" else ("output",)

    def infer_shape(ins, outs, p):
        data = shapes.unify_all([ins[0], *outs])
        gamma = [_infer_gamma(data, ins[1])] if p.act_type == "prelu" else []
        return [data, *gamma], [data] * len(outs)

    def elementwise(p):
        return p.act_type in _FUNCTIONS

    def forward(
        xp,
        data,
        gamma=None,
        *,
        act_type: Literal["leaky", "prelu", "elu", "selu", "gelu", "rrelu"] = "leaky",
        slope: float = 0.25,
        lower_bound: float = 0.125,
        upper_bound: float = 0.334,
        is_train: bool,
        rng,
        out=None,
    ):
        x = widen(xp, data)
        targets = (None, None) if out is None else out
        if act_type == "rrelu":
            mask = _draw_slopes(xp, x, lower_bound, upper_bound, rng if is_train else None)
            return deliver(x * mask, targets[0], data.dtype), deliver(mask, targets[1], data.dtype)
        if act_type == "prelu":
            _require_gamma(data, gamma)
            result = _leaky(xp, x, _along_channels(widen(xp, gamma), data.ndim))
        else:
            result = _FUNCTIONS[act_type](xp, x, slope)
        return (deliver(result, targets[0], data.dtype),)

    def gradient(F, gy, y, data, gamma=None, *, act_type, slope, **params):
        if act_type == "rrelu":
            return (gy[0] * y[1],)
        if act_type == "prelu":
            return tuple(F._prelu_backward(gy[0], data, gamma))
        return (F._leaky_relu_backward(gy[0], data, act_type=act_type, slope=slope),)

    def composition(F, data, gamma=None, *, act_type, slope, **params):
        if act_type == "rrelu":
            return None
        if act_type == "gelu":
            return (0.5 * data * (F.erf(data / math.sqrt(2)) + 1),)
        if act_type == "prelu":
            shape = _along_channels(gamma, data.ndim).shape
            below = data * F.Reshape(gamma, shape=(*(1,) * (data.ndim - len(shape)), *shape))
        elif act_type == "leaky":
            below = data * slope
        else:
            factor = _SELU_ALPHA if act_type == "selu" else slope
            below = F.expm1(F._minimum_scalar(data, scalar=0)) * factor
        y = F.where(data > 0, data, below)
        return (y * _SELU_SCALE if act_type == "selu" else y,)


def _draw_slopes(xp, x, lower, upper, rng):
    """The factor of each element: 1 above zero, below a number from [lower, upper], drawn or their mean."""
    if rng is None:
        drawn = (lower + upper) / 2
    else:
        # generators know these two dtypes
        wide = "float64" if x.dtype.itemsize == 8 else "float32"
        drawn = lower + (upper - lower) * rng.generator.random(x.shape, dtype=wide)
    return xp.where(x > 0, x.dtype.type(1), drawn).astype(x.dtype, copy=False)


@operator(
    "_leaky_relu_backward",
    cases=[Case(gy=(2, 3), data=(2, 3), act_type=kind) for kind in ("leaky", "elu", "selu", "gelu")],
)
class LeakyReLUBackward:
    """Gradient of LeakyReLU (leaky, elu, selu, gelu) by its data, from gy and data. All of one shape and dtype."""

    infer_shape = shapes.same
    inplace = (0, 1)
    elementwise = True
    gradient = NOT_DIFFERENTIABLE

    def forward(
        xp, gy, data, *, act_type: Literal["leaky", "elu", "selu", "gelu"] = "leaky", slope: float = 0.25, out=None
    ):
        return deliver(widen(xp, gy) * _SLOPES[act_type](xp, widen(xp, data), slope), out, gy.dtype)


@operator(
    "_prelu_backward",
    cases=[
        Case(gy=(2, 3, 2), data=(2, 3, 2), gamma=(3,)),
        Case(gy=(2, 3), data=(2, 3), gamma=(1,)),
        Case(gy=(2, 3, 2), data=(2, 3, 2), gamma=(2, 1)),
    ],
)
class PReLUBackward:
    """Gradients of LeakyReLU with act_type prelu by data and gamma, from gy, data and gamma."""

    outputs = ("data", "gamma")
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        data = shapes.unify_all([ins[0], ins[1], outs[0]])
        gamma = shapes.unify(ins[2], outs[1])
        return [data, data, gamma], [data, gamma]

    def forward(xp, gy, data, gamma, *, out=None):
        grad, x, factors = widen(xp, gy), widen(xp, data), widen(xp, gamma)
        targets = (None, None) if out is None else out
        by_data = xp.where(x > 0, grad, grad * _along_channels(factors, data.ndim))
        products = xp.where(x > 0, 0, grad * x)
        by_gamma = _onto_gamma(xp, products, gamma)
        return deliver(by_data, targets[0], gy.dtype), deliver(by_gamma, targets[1], gamma.dtype)
