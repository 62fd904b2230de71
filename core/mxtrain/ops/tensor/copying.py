"""Operators that copy their input: on one device, between devices, to another element type."""

from mxtrain.ops import shapes
from mxtrain.ops.operator import ZERO_GRADIENT, Case, operator
from mxtrain.ops.parameters import DType


@operator("_copy", "identity", cases=[Case(data=(2, 3))])
class Copy:
    """A copy. data: any shape and dtype. Output: the same."""

    infer_shape = shapes.same
    inplace = (0,)

    def forward(xp, data, *, out=None):
        if out is None:
            return data.copy()
        if out is not data:
            out[...] = data
        return out

    def gradient(F, gy, y, data):
        return gy


@operator("BlockGrad", "stop_gradient", cases=[Case(data=(2, 3))])
class BlockGrad:
    """A copy through which no gradient flows. data: any shape and dtype. Output: the same."""

    infer_shape = shapes.same
    inplace = (0,)

    def forward(xp, data, *, out=None):
        if out is None:
            return data.copy()
        if out is not data:
            out[...] = data
        return out

    gradient = ZERO_GRADIENT


@operator(
    "Cast", "cast", cases=[Case(data=(2, 3), dtype="float64"), Case(data=(2, 3), dtype="int32", differentiable=False)]
)
class Cast:
    """The values converted to another element type, as C converts them. data: any shape. Output: dtype `dtype`."""

    infer_shape = shapes.same

    def infer_type(ins, outs, p):
        return ins, [p.dtype]

    def forward(xp, data, *, dtype: DType, out=None):
        if out is None:
            return data.astype(dtype)
        out[...] = data.astype(dtype, copy=False)
        return out

    def gradient(F, gy, y, data, *, dtype):
        return F._cast_like(gy, data)


@operator("_cast_like", cases=[Case(data=(2, 3), like=(2, 3))])
class CastLike:
    """The values of `data` in the element type of `like`."""

    infer_shape = shapes.like_input(0)

    def infer_type(ins, outs, p):
        return ins, [ins[1]]

    def forward(xp, data, like, *, out=None):
        if out is None:
            return data.astype(like.dtype)
        out[...] = data.astype(like.dtype, copy=False)
        return out

    def gradient(F, gy, y, data, like):
        return F._cast_like(gy, data), None
