"""Functions of each element: `_contrib_quadratic`, `_contrib_div_sqrt_dim`, some with gradients of their own."""

import numpy as np

from mxtrain.ops import shapes
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.operator import Case, declare_operator, operator
from mxtrain.ops.storage import on_values


@operator(
    "_contrib_quadratic", cases=[Case(data=(2, 3), a=2.0, b=-1.0, c=0.5), Case(data=(3,)), Case(data=(2, 3), b=2.0)]
)
class Quadratic:
    """a * data^2 + b * data + c. data: any shape. Output: same shape and dtype."""

    infer_shape = shapes.same
    storage = on_values("csr", when=lambda p: p.c == 0)

    def forward(xp, data, *, a: float = 0.0, b: float = 0.0, c: float = 0.0):
        wide = data.astype(np.float64) if data.dtype.kind in "iu" else widen(xp, data)
        kind = wide.dtype.type
        return ((kind(a) * wide + kind(b)) * wide + kind(c)).astype(data.dtype, copy=False)

    def gradient(F, gy, y, data, *, a, b, c):
        return F._contrib_backward_quadratic(gy, data, a=a, b=b, c=c)


@operator("_contrib_backward_quadratic", cases=[Case(gy=(2, 3), data=(2, 3), a=2.0, b=-1.0)])
class QuadraticBackward:
    """The gradient of `_contrib_quadratic`: gy * (2 * a * data + b). All of one shape and dtype."""

    infer_shape = shapes.same

    def forward(xp, gy, data, *, a: float = 0.0, b: float = 0.0, c: float = 0.0):
        wide = widen(xp, data)
        return (widen(xp, gy) * (wide.dtype.type(2 * a) * wide + wide.dtype.type(b))).astype(gy.dtype, copy=False)

    def gradient(F, ggx, y, gy, data, *, a, b, c):
        by_gy = F._contrib_backward_quadratic(ggx, data, a=a, b=b, c=c)
        return by_gy, F._mul_scalar(F.elemwise_mul(ggx, gy), scalar=2 * a)


@operator("_contrib_div_sqrt_dim", cases=[Case(data=(2, 3))])
class DivSqrtDim:
    """data divided by the square root of the size of its last axis. Output: same shape and dtype."""

    infer_shape = shapes.same

    def forward(xp, data):
        return (widen(xp, data) / widen(xp, data).dtype.type(np.sqrt(data.shape[-1]))).astype(data.dtype, copy=False)

    def gradient(F, gy, y, data):
        return F._contrib_div_sqrt_dim(gy)


@operator("_contrib_gradientmultiplier", cases=[Case(data=(2, 3), scalar=1.0), Case(data=(2,), scalar=1, is_int=False)])
class GradientMultiplier:
    """The data itself, whose gradient is multiplied by a scalar. data: any shape. Output: same shape and dtype.

    is_int is accepted and has no effect.
    """

    infer_shape = shapes.same

    def forward(xp, data, *, scalar: float = 1.0, is_int: bool = True):
        return data.copy()

    def gradient(F, gy, y, data, *, scalar, is_int):
        return F._contrib_backward_gradientmultiplier(gy, scalar=scalar)


@operator("_contrib_backward_gradientmultiplier", cases=[Case(data=(2, 3), scalar=0.5)])
class BackwardGradientMultiplier:
    """data * scalar: the gradient of `_contrib_gradientmultiplier`. Output: same shape and dtype."""

    infer_shape = shapes.same

    def forward(xp, data, *, scalar: float = 1.0, is_int: bool = True):
        return data * data.dtype.type(scalar)

    def gradient(F, gy, y, data, *, scalar, is_int):
        return F._contrib_backward_gradientmultiplier(gy, scalar=scalar)


def _round(xp, data):
    """To the nearest whole number, halves away from 0."""
    return (xp.sign(data) * xp.floor(xp.abs(data) + data.dtype.type(0.5))).astype(data.dtype, copy=False)


def _sign(xp, data):
    return xp.sign(data)


for _name, _meaning, _compute in (
    ("_contrib_round_ste", "The nearest whole number, halves away from 0", _round),
    ("_contrib_sign_ste", "The sign, -1, 0 or 1", _sign),
):
    declare_operator(
        _name,
        doc=f"{_meaning}, with the gradient of the identity (a straight-through estimator).\n\n"
        "data: any shape. Output: same shape and dtype. Source: arXiv:1308.3432.",
        # steps: their numerical gradient is 0 almost everywhere, the declared one 1
        cases=[Case(data=(2, 3), low=-3.0, high=3.0, differentiable=False)],
        forward=_compute,
        gradient=lambda F, gy, y, data: F.identity(gy),
        infer_shape=shapes.same,
    )
