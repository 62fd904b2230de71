"""Functions of one number, element by element."""

from collections.abc import Callable
from typing import Any

from mxtrain.ops import shapes
from mxtrain.ops.operator import ZERO_GRADIENT, Case, declare_operator


def _declare(
    *names: str, meaning: str, compute: Callable[..., Any], gradient: Any, low: float = -0.9, high: float = 0.9
) -> None:
    def forward(xp, data, *, out=None):
        return compute(xp, data, out)

    declare_operator(
        *names,
        doc=f"{meaning[0].upper()}{meaning[1:]}, element by element.\n\ndata: any shape. Output: same shape and dtype.",
        cases=[Case(data=(2, 3), low=low, high=high)],
        forward=forward,
        gradient=gradient,
        infer_shape=shapes.same,
        inplace=(0,),
    )


def _ufunc(name: str) -> Callable[..., Any]:
    return lambda xp, data, out: getattr(xp, name)(data, out=out)


# name, NumPy's name, meaning, gradient, range of the test inputs
for _name, _numpy, _meaning, _gradient, _low, _high in (
    ("negative", "negative", "-data", lambda F, gy, y, data: -gy, -0.9, 0.9),
    ("abs", "abs", "the absolute value", lambda F, gy, y, data: gy * F.sign(data), 0.1, 0.9),
    ("sign", "sign", "-1, 0 or 1, the sign", ZERO_GRADIENT, 0.1, 0.9),
    ("square", "square", "data * data", lambda F, gy, y, data: gy * data * 2, -0.9, 0.9),
    ("sqrt", "sqrt", "the square root", lambda F, gy, y, data: gy * 0.5 / y, 0.5, 1.5),
    ("exp", "exp", "e to the power of data", lambda F, gy, y, data: gy * y, -0.9, 0.9),
    ("log", "log", "the natural logarithm", lambda F, gy, y, data: gy / data, 0.5, 1.5),
    ("floor", "floor", "the largest integer that is not larger", ZERO_GRADIENT, 0.1, 0.9),
    ("tanh", "tanh", "the hyperbolic tangent", lambda F, gy, y, data: gy * (1 - y * y), -0.9, 0.9),
):
    _declare(_name, meaning=_meaning, compute=_ufunc(_numpy), gradient=_gradient, low=_low, high=_high)
