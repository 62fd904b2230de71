"""`softmax`, `softmin`, `log_softmax` and `SoftmaxActivation`."""

from typing import Literal

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels import softmax as kernels
from mxtrain.ops.kernels.precision import deliver, widen
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, declare_operator, operator
from mxtrain.ops.parameters import DType

_WIDE = (np.dtype(np.float32), np.dtype(np.float64))
_FORWARD = {"softmax": kernels.softmax, "softmin": kernels.softmax, "log_softmax": kernels.log_softmax}


def _without_axis(shape, axis):
    axis = shapes.normalize_axis(axis, len(shape))
    return (*shape[:axis], *shape[axis + 1 :])


def _outside(xp, data, length, axis):
    """Where the position along `axis` is not below the row's length."""
    if length.dtype.kind not in "iu":
        raise ArgumentTypeError(f"Expected: length of an integer dtype. Received: length of {length.dtype.name}.")
    require_shape("length", length, _without_axis(data.shape, axis))
    axis = axis % data.ndim
    positions = xp.arange(data.shape[axis]).reshape(-1, *(1,) * (data.ndim - 1 - axis))
    return positions >= xp.expand_dims(length, axis)


def _scaled(x, name, temperature):
    """The data in float32 or wider, negated for softmin and divided by the temperature."""
    factor = (-1 if name == "softmin" else 1) / (temperature or 1)
    return x if factor == 1 else x * factor


def _result_type(ins, outs, p):
    data = ins[0]
    out = outs[0] or (p.dtype if p.dtype is not None else data)
    return [data or (outs[0] if p.dtype is None else None), *ins[1:]], [out]


def _infer_length(ins, outs, p):
    data = shapes.unify(ins[0], outs[0])
    if len(ins) == 1:
        return [data], [data]
    return [data, shapes.unify(ins[1], None if data is None else _without_axis(data, p.axis))], [data]


def _compute(xp, name, data, length, axis, temperature, dtype, out):
    shapes.normalize_axis(axis, data.ndim)
    if length is None and temperature is None and dtype is None and data.dtype in _WIDE and name != "softmin":
        return _FORWARD[name](xp, data, axis, out)
    types.require_floating(data.dtype)
    dtype = data.dtype if dtype is None else dtype
    wide = widen(xp, data)
    x = _scaled(wide if dtype.itemsize <= wide.dtype.itemsize else wide.astype(dtype), name, temperature)
    if length is None:
        if x.dtype == dtype:
            return _FORWARD[name](xp, x, axis, out)
        return deliver(_FORWARD[name](xp, x, axis), out, dtype)
    outside = _outside(xp, data, length, axis)
    # a row of length 0 would be all -inf, hence the lowest finite number
    result = _FORWARD[name](xp, xp.where(outside, xp.finfo(x.dtype).min, x), axis)
    result[outside] = 0
    return deliver(result, out, dtype)


def _declare_with_length(name, meaning):
    def inputs(p):
        return ("data", "length") if p.use_length else ("data",)

    def forward(
        xp,
        data,
        length=None,
        *,
        axis: int = -1,
        temperature: float | None = None,
        dtype: DType | None = None,
        use_length: bool = False,
        out=None,
    ):
        return _compute(xp, name, data, length, axis, temperature, dtype, out)

    _declare(name, meaning, inputs, forward)


def _declare_without_length(name, meaning):
    def forward(
        xp,
        data,
        *,
        axis: int = -1,
        temperature: float | None = None,
        dtype: DType | None = None,
        use_length: bool = False,
        out=None,
    ):
        if use_length:
            raise ArgumentError(f"Expected: use_length=False, since {name} takes no length. Received: True.")
        return _compute(xp, name, data, None, axis, temperature, dtype, out)

    _declare(name, meaning, ("data",), forward)


def _declare(name, meaning, inputs, forward):
    def gradient(F, gy, y, data, length=None, *, axis, temperature, **params):
        by_data = F._softmax_backward(gy, y, data, axis=axis, temperature=temperature, function=name)
        return by_data, None

    def composition(F, data, length=None, *, axis, temperature, dtype, use_length):
        x = data if dtype is None else F.Cast(data, dtype=dtype)
        x = F._mul_scalar(x, scalar=(-1 if name == "softmin" else 1) / (temperature or 1))
        shifted = F.broadcast_sub(x, F.BlockGrad(F.max(x, axis=axis, keepdims=True)))
        powers = F.exp(shifted)
        if length is not None:
            inside = F.softmax(data, length, axis=axis, use_length=True, temperature=temperature)
            powers = powers * F.BlockGrad(F._greater_scalar(inside, scalar=0))
        total = F.sum(powers, axis=axis, keepdims=True)
        if name == "log_softmax":
            return F.broadcast_sub(shifted, F.log(total))
        return F.broadcast_div(powers, total + F.BlockGrad(F._equal_scalar(total, scalar=0)))

    cases = [Case(data=(2, 3)), Case(data=(2, 3, 2), axis=1, temperature=2.0)]
    if callable(inputs):
        cases.append(Case(data=(2, 3), length=np.array([2, 1], np.int32), use_length=True))
    declare_operator(
        name,
        doc=f"{meaning}\n\ndata: any shape, floating. axis: what sums to 1. temperature: divides data first. "
        "dtype: the result's, data's by default.\n"
        "length (with use_length): for each row along axis, how many values count; an integer array shaped like data "
        "without that axis.\nOutput: data's shape; 0 where the position is beyond the length.",
        cases=cases,
        forward=forward,
        gradient=gradient,
        composition=composition,
        inputs=inputs,
        infer_shape=_infer_length,
        infer_type=_result_type,
    )


_declare_with_length("softmax", "exp(data) / sum(exp(data)) along an axis.")
_declare_without_length("softmin", "exp(-data) / sum(exp(-data)) along an axis.")
_declare_without_length("log_softmax", "data - log(sum(exp(data))) along an axis.")


@operator(
    "_softmax_backward",
    cases=[
        Case(gy=(2, 3), y=(2, 3), data=(2, 3)),
        Case(gy=(2, 3), y=(2, 3), data=(2, 3), axis=0, temperature=2.0, function="log_softmax"),
    ],
)
class SoftmaxBackward:
    """Gradient of softmax, softmin or log_softmax by data, from gy and the result y. Output: data's shape and dtype."""

    infer_shape = shapes.same
    infer_type = types.like_input(2)
    gradient = NOT_DIFFERENTIABLE

    def forward(
        xp,
        gy,
        y,
        data,
        *,
        axis: int = -1,
        temperature: float | None = None,
        function: Literal["softmax", "softmin", "log_softmax"] = "softmax",
        out=None,
    ):
        grad, result = widen(xp, gy), widen(xp, y)
        compute = kernels.log_softmax_backward if function == "log_softmax" else kernels.softmax_backward
        factor = (-1 if function == "softmin" else 1) / (temperature or 1)
        direct = out is not None and result.dtype == out.dtype
        by_data = compute(xp, grad, result, axis, out if direct else None)
        if factor != 1:
            by_data *= factor
        return deliver(by_data, out, data.dtype)


@operator("SoftmaxActivation", cases=[Case(data=(2, 3)), Case(data=(2, 3, 2), mode="channel")])
class SoftmaxActivation:
    """Softmax over the last axis ("instance") or over axis 1 ("channel").

    data: at least 2 axes, floating. Output: same shape and dtype. Source: MXNet 1.9.1's `SoftmaxActivation`, whose
    gradient of "instance" with more than 2 axes is not the function's derivative.
    """

    infer_shape = shapes.same

    def forward(xp, data, *, mode: Literal["instance", "channel"] = "instance", out=None):
        return _compute(xp, "softmax", data, None, _MODE_AXES[mode], None, None, out)

    def gradient(F, gy, y, data, *, mode):
        return F._softmax_backward(gy, y, data, axis=_MODE_AXES[mode])

    def composition(F, data, *, mode):
        return F.softmax(data, axis=_MODE_AXES[mode])


_MODE_AXES = {"instance": -1, "channel": 1}
