"""`Activation`: the element-wise non-linearities that need no parameters."""

from typing import Literal

from mxtrain.ops import shapes
from mxtrain.ops.kernels.activations import FUNCTIONS, SLOPES
from mxtrain.ops.kernels.precision import deliver, widen
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.types import require_floating

_KINDS = ("relu", "sigmoid", "tanh", "softrelu", "softsign")


@operator("Activation", cases=[Case(data=(2, 3), act_type=kind) for kind in _KINDS])
class Activation:
    """An activation function, element by element.

    relu: max(x, 0); sigmoid: 1 / (1 + exp(-x)); tanh; softrelu: log(1 + exp(x)); softsign: x / (1 + |x|).
    data: any shape, floating. Output: same shape and dtype. Source: MXNet 1.9.1's `Activation`.
    """

    infer_shape = shapes.same
    inplace = (0,)
    elementwise = True

    def forward(xp, data, *, act_type: Literal["relu", "sigmoid", "tanh", "softrelu", "softsign"], out=None):
        if act_type != "relu":
            require_floating(data.dtype)
        x = widen(xp, data)
        if x is data:
            return FUNCTIONS[act_type](xp, x, out)
        return deliver(FUNCTIONS[act_type](xp, x), out, data.dtype)

    def gradient(F, gy, y, data, *, act_type):
        return F._activation_backward(gy, y, act_type=act_type)


@operator("_activation_backward", cases=[Case(gy=(2, 3), y=(2, 3), low=0.1, high=0.9, act_type=k) for k in _KINDS])
class ActivationBackward:
    """Gradient of Activation by its data, from gy and Activation's output y. Both and the output: one shape."""

    infer_shape = shapes.same
    inplace = (0, 1)
    elementwise = True

    def forward(xp, gy, y, *, act_type: Literal["relu", "sigmoid", "tanh", "softrelu", "softsign"], out=None):
        wide = widen(xp, y)
        if wide is y:
            return xp.multiply(gy, SLOPES[act_type](xp, y), out=out)
        return deliver(widen(xp, gy) * SLOPES[act_type](xp, wide), out, gy.dtype)

    def gradient(F, ggx, y, gy, activated, *, act_type):
        by_gy = F._activation_backward(ggx, activated, act_type=act_type)
        curvature = _CURVATURES[act_type](F, activated)
        return by_gy, None if curvature is None else ggx * gy * curvature


# the derivative of the slope, which is a function of the output y, by y
_CURVATURES = {
    "relu": lambda F, y: None,
    "sigmoid": lambda F, y: 1 - 2 * y,
    "tanh": lambda F, y: -2 * y,
    "softrelu": lambda F, y: F.exp(-y),
    "softsign": lambda F, y: 2 * (y - F.sign(y)),
}
