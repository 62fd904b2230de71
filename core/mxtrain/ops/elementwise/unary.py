"""Functions of one number, element by element."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from mxtrain.ops import shapes
from mxtrain.ops.elementwise.binary import require_numbers
from mxtrain.ops.kernels import activations
from mxtrain.ops.kernels.error_function import erf
from mxtrain.ops.kernels.gamma_function import digamma, gamma, log_gamma, trigamma
from mxtrain.ops.kernels.inverse_error_function import inverse_erf
from mxtrain.ops.kernels.precision import deliver
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, ZERO_GRADIENT, Case, declare_operator
from mxtrain.ops.storage import on_values

Compute = Callable[[Any, Any, Any], Any]  # (xp, data, out) -> result
# of those that map 0 to 0, these keep sparse arrays sparse, as in MXNet 1.9.1
KEEP_SPARSE = frozenset(
    (
        *("abs", "arcsin", "arcsinh", "arctan", "arctanh", "cbrt", "ceil", "degrees", "expm1", "fix", "floor", "log1p"),
        *("negative", "radians", "relu", "rint", "round", "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh"),
        *("trunc", "_relu_slope"),
    )
)


def _declare(
    name: str,
    *aliases: str,
    meaning: str,
    compute: Compute,
    gradient: Any,
    low: float = -0.9,
    high: float = 0.9,
    keeps_integers: bool = False,
    differentiable_once: str = "",
) -> None:
    takes_truth = name == "logical_not"

    def forward(xp, data, *, out=None):
        if not takes_truth and data.dtype.kind == "b":
            require_numbers(data.dtype)
        if keeps_integers or data.dtype.kind not in "iu":
            return compute(xp, data, out)
        # an integer array stays one: the exact result without its fraction, as in MXNet
        return deliver(compute(xp, data.astype(np.float64), None), out, data.dtype)

    declare_operator(
        name,
        *aliases,
        doc=f"{meaning[0].upper()}{meaning[1:]}, element by element.\n\ndata: any shape. Output: same shape and dtype.",
        cases=[Case(data=(2, 3), low=low, high=high)],
        forward=forward,
        gradient=gradient,
        differentiable_once=differentiable_once,
        infer_shape=shapes.same,
        inplace=(0,),
        elementwise=True,
        storage=on_values("csr", "row_sparse") if name in KEEP_SPARSE else (),
    )


def _ufunc(name: str) -> Compute:
    function = getattr(np, name)
    return lambda xp, data, out: (function if xp is np else getattr(xp, name))(data, out=out)


def _times(factor: float) -> Compute:
    return lambda xp, data, out: xp.multiply(data, data.dtype.type(factor), out=out)


def _constant_slope(factor: float) -> Callable[..., Any]:
    return lambda F, gy, y, data: gy * factor


def _wide(function: Callable[[Any, Any], Any]) -> Compute:
    """A function that computes in float64."""
    return lambda xp, data, out: deliver(function(xp, data.astype(np.float64, copy=False)), out, data.dtype)


def _zero_for_integers(xp: Any, data: Any, out: Any) -> Any:
    out = xp.empty_like(data) if out is None else out
    out[...] = 0 if data.dtype.kind in "iu" else data
    return out


def _sign(xp: Any, data: Any, out: Any) -> Any:
    return xp.subtract(data > 0, data < 0, out=out, dtype=data.dtype)  # 0 for NaN


def _round(xp: Any, data: Any, out: Any) -> Any:
    """Halves go away from zero."""
    whole = xp.trunc(data)
    return xp.add(whole, _sign(xp, data, None) * (xp.abs(data - whole) >= 0.5), out=out)


def _rint(xp: Any, data: Any, out: Any) -> Any:
    """Halves go down."""
    below = xp.floor(data)
    return xp.add(below, data - below > 0.5, out=out)


def _rsqrt(xp: Any, data: Any, out: Any) -> Any:
    root = xp.sqrt(data, out=out)
    return xp.divide(data.dtype.type(1), root, out=root)


def _rcbrt(xp: Any, data: Any, out: Any) -> Any:
    root = xp.cbrt(data, out=out)
    return xp.divide(data.dtype.type(1), root, out=root)


def _reciprocal(xp: Any, data: Any, out: Any) -> Any:
    return xp.divide(data.dtype.type(1), data, out=out)


def _logical_not(xp: Any, data: Any, out: Any) -> Any:
    return deliver(data == 0, out, data.dtype)


def _erf(xp: Any, data: Any, out: Any) -> Any:
    narrow = data.dtype == np.float32
    return deliver(erf(xp, data if narrow else data.astype(np.float64, copy=False)), out, data.dtype)


# name, NumPy's name, meaning, gradient, range of the test inputs
for _name, _numpy, _meaning, _gradient, _low, _high in (
    ("sqrt", "sqrt", "the square root", lambda F, gy, y, data: gy * 0.5 / y, 0.5, 1.5),
    ("cbrt", "cbrt", "the cubic root", lambda F, gy, y, data: gy / (3 * y) / y, 0.5, 1.5),
    ("exp", "exp", "e to the power of data", lambda F, gy, y, data: gy * y, -0.9, 0.9),
    ("expm1", "expm1", "exp(data) - 1", lambda F, gy, y, data: gy * (y + 1), -0.9, 0.9),
    ("log", "log", "the natural logarithm", lambda F, gy, y, data: gy / data, 0.5, 1.5),
    ("log2", "log2", "the logarithm to base 2", lambda F, gy, y, data: gy / (data * math.log(2)), 0.5, 1.5),
    ("log10", "log10", "the logarithm to base 10", lambda F, gy, y, data: gy / (data * math.log(10)), 0.5, 1.5),
    ("log1p", "log1p", "log(1 + data)", lambda F, gy, y, data: gy / (data + 1), -0.5, 1.5),
    ("sin", "sin", "the sine", lambda F, gy, y, data: gy * F.cos(data), -0.9, 0.9),
    ("cos", "cos", "the cosine", lambda F, gy, y, data: -gy * F.sin(data), -0.9, 0.9),
    ("tan", "tan", "the tangent", lambda F, gy, y, data: gy * (y * y + 1), -0.9, 0.9),
    ("arcsin", "arcsin", "the inverse sine", lambda F, gy, y, data: gy / F.sqrt(1 - data * data), -0.9, 0.9),
    ("arccos", "arccos", "the inverse cosine", lambda F, gy, y, data: -gy / F.sqrt(1 - data * data), -0.9, 0.9),
    ("arctan", "arctan", "the inverse tangent", lambda F, gy, y, data: gy / (data * data + 1), -0.9, 0.9),
    ("sinh", "sinh", "the hyperbolic sine", lambda F, gy, y, data: gy * F.cosh(data), -0.9, 0.9),
    ("cosh", "cosh", "the hyperbolic cosine", lambda F, gy, y, data: gy * F.sinh(data), -0.9, 0.9),
    ("tanh", "tanh", "the hyperbolic tangent", lambda F, gy, y, data: gy * (1 - y * y), -0.9, 0.9),
    (
        "arcsinh",
        "arcsinh",
        "the inverse hyperbolic sine",
        lambda F, gy, y, data: gy / F.sqrt(data * data + 1),
        -0.9,
        0.9,
    ),
    (
        "arccosh",
        "arccosh",
        "the inverse hyperbolic cosine",
        lambda F, gy, y, data: gy / F.sqrt(data * data - 1),
        1.3,
        2.5,
    ),
    (
        "arctanh",
        "arctanh",
        "the inverse hyperbolic tangent",
        lambda F, gy, y, data: gy / (1 - data * data),
        -0.9,
        0.9,
    ),
):
    _declare(_name, meaning=_meaning, compute=_ufunc(_numpy), gradient=_gradient, low=_low, high=_high)

for _name, _meaning, _factor in (
    ("degrees", "radians as degrees", 180 / math.pi),
    ("radians", "degrees as radians", math.pi / 180),
):
    _declare(_name, meaning=_meaning, compute=_times(_factor), gradient=_constant_slope(_factor))

# those that leave integers what they are: name, meaning, computation, gradient
for _name, _meaning, _compute, _gradient in (
    ("negative", "-data", _ufunc("negative"), lambda F, gy, y, data: -gy),
    ("abs", "the absolute value", _ufunc("abs"), lambda F, gy, y, data: F.elemwise_mul(gy, F.sign(data))),
    ("sign", "-1, 0 or 1, the sign; 0 for NaN", _sign, ZERO_GRADIENT),
    ("square", "data * data", _ufunc("square"), lambda F, gy, y, data: F.elemwise_mul(gy, data) * 2),
    ("relu", "the larger of data and 0", activations.relu, lambda F, gy, y, data: F.elemwise_mul(gy, F._relu_slope(y))),
    ("_relu_slope", "the derivative of relu from its result; NaN for NaN", _ufunc("sign"), ZERO_GRADIENT),
    ("logical_not", "1 where data is 0, else 0", _logical_not, ZERO_GRADIENT),
    (
        "_zero_for_integers",
        "data of a floating dtype, 0 of any other",
        _zero_for_integers,
        lambda F, gy, y, data: F._zero_for_integers(gy),
    ),
):
    _declare(_name, meaning=_meaning, compute=_compute, gradient=_gradient, low=0.1, keeps_integers=True)

# name, meaning, computation
for _name, _meaning, _compute in (
    ("floor", "the largest integer that is not larger", _ufunc("floor")),
    ("ceil", "the smallest integer that is not smaller", _ufunc("ceil")),
    ("trunc", "the integer towards zero", _ufunc("trunc")),
    ("fix", "the integer towards zero", _ufunc("trunc")),
    ("round", "the nearest integer, away from zero for halves", _round),
    ("rint", "the nearest integer, the smaller one for halves", _rint),
):
    _declare(_name, meaning=_meaning, compute=_compute, gradient=ZERO_GRADIENT, low=0.1, high=0.4)

# name, meaning, computation, gradient, range of the test inputs
for _name, _meaning, _compute, _gradient, _low, _high in (
    ("rsqrt", "1 / sqrt(data)", _rsqrt, lambda F, gy, y, data: gy * -0.5 * y / data, 0.5, 1.5),
    ("rcbrt", "1 / cbrt(data)", _rcbrt, lambda F, gy, y, data: gy * y / data / -3, 0.5, 1.5),
    ("reciprocal", "1 / data", _reciprocal, lambda F, gy, y, data: -gy * y * y, 0.5, 1.5),
    (
        "sigmoid",
        "1 / (1 + exp(-data))",
        activations.sigmoid,
        lambda F, gy, y, data: gy * y * (1 - y),
        -2.0,
        2.0,
    ),
    (
        "softsign",
        "data / (1 + |data|)",
        activations.softsign,
        lambda F, gy, y, data: gy / F.square(F.abs(data) + 1),
        0.1,
        2.0,
    ),
    (
        "erf",
        "the error function",
        _erf,
        lambda F, gy, y, data: gy * F.exp(-data * data) * (2 / math.sqrt(math.pi)),
        -0.9,
        0.9,
    ),
    (
        "erfinv",
        "the inverse of the error function",
        _wide(inverse_erf),
        lambda F, gy, y, data: gy * F.exp(y * y) * (math.sqrt(math.pi) / 2),
        -0.7,
        0.7,
    ),
    ("gamma", "the gamma function", _wide(gamma), lambda F, gy, y, data: gy * y * F._digamma(data), 0.5, 2.5),
    (
        "gammaln",
        "the logarithm of the gamma function's magnitude",
        _wide(log_gamma),
        lambda F, gy, y, data: gy * F._digamma(data),
        0.5,
        2.5,
    ),
    ("_trigamma", "the second derivative of gammaln", _wide(trigamma), NOT_DIFFERENTIABLE, 0.5, 2.5),
):
    _declare(_name, meaning=_meaning, compute=_compute, gradient=_gradient, low=_low, high=_high)

_declare(
    "_digamma",
    meaning="the derivative of gammaln",
    compute=_wide(digamma),
    gradient=lambda F, gy, y, data: gy * F._trigamma(data),
    low=0.5,
    high=2.5,
    differentiable_once="MXNet has no polygamma functions of higher order",
)
