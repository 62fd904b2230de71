"""Functions of one number with parameters, put together from straight and curved pieces."""

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.types import require_floating


@operator("hard_sigmoid", cases=[Case(data=(2, 3)), Case(data=(2, 3), alpha=0.5, beta=0.1, low=0.1, high=0.9)])
class HardSigmoid:
    """max(0, min(1, alpha * data + beta)), element by element. data: any shape, floating. Output: the same."""

    infer_shape = shapes.same
    inplace = (0,)
    elementwise = True

    def forward(xp, data, *, alpha: float = 0.2, beta: float = 0.5, out=None):
        require_floating(data.dtype)
        result = xp.multiply(data, data.dtype.type(alpha), out=out)
        result += data.dtype.type(beta)
        xp.maximum(result, 0, out=result)
        return xp.minimum(result, 1, out=result)

    def gradient(F, gy, y, data, *, alpha, beta):
        return gy * alpha * (y > 0) * (y < 1)


@operator("smooth_l1", cases=[Case(data=(2, 3), low=0.1, high=0.9), Case(data=(2, 3), scalar=2, low=0.3, high=0.9)])
class SmoothL1:
    """Huber's function: 0.5 * (scalar * x)^2 where |x| < 1 / scalar^2, else |x| - 0.5 / scalar^2.

    data: any shape, floating. Output: the same. Source: arXiv:1504.08083, eq. 3, with MXNet 1.9.1's `scalar`.
    """

    infer_shape = shapes.same
    elementwise = True

    def forward(xp, data, *, scalar: float = 1.0):
        require_floating(data.dtype)
        if scalar == 0:
            raise ArgumentError("Expected: scalar != 0. Received: scalar=0.")
        square = scalar * scalar
        size = xp.abs(data)
        return xp.where(size < 1 / square, (0.5 * square) * data * data, size - 0.5 / square).astype(
            data.dtype, copy=False
        )

    def gradient(F, gy, y, data, *, scalar):
        square = scalar * scalar
        return gy * F.where(F.abs(data) < 1 / square, data * square, F.sign(data))
