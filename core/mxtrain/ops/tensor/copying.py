"""Operators that copy their input: on one device, between devices, to another element type."""

from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.precision import converted
from mxtrain.ops.kernels.sparse.conversion import convert
from mxtrain.ops.operator import ZERO_GRADIENT, Case, operator
from mxtrain.ops.parameters import DType
from mxtrain.ops.sparse.containers import STORAGE_TYPES, storage_of
from mxtrain.ops.storage import form, on_values


@operator("_copy", "identity", cases=[Case(data=(2, 3))])
class Copy:
    """A copy. data: any shape and dtype. Output: the same."""

    infer_shape = shapes.same
    storage = on_values("csr", "row_sparse")
    inplace = (0,)
    elementwise = True

    def forward(xp, data, *, out=None):
        if out is None:
            return data.copy()
        if out is not data:
            out[...] = data
        return out

    def gradient(F, gy, y, data):
        return gy


def _in_storage_of_rhs(xp, lhs, rhs):
    shapes.unify(lhs.shape, rhs.shape)
    types.unify(lhs.dtype, rhs.dtype)
    value = convert(xp, lhs, storage_of(rhs))
    return lhs.copy() if value is lhs else value


@operator("_identity_with_attr_like_rhs", cases=[Case(lhs=(2, 3), rhs=(2, 3))])
class IdentityWithAttrLikeRhs:
    """A copy of lhs in the storage of rhs; tells inference that rhs has its shape and dtype. Output: the same."""

    infer_shape = shapes.same
    inplace = (0,)
    storage = [
        form(f"{lhs}, {rhs} -> {rhs}", _in_storage_of_rhs)
        for lhs in STORAGE_TYPES
        for rhs in STORAGE_TYPES
        if (lhs, rhs) != ("default", "default")
    ]

    def forward(xp, lhs, rhs, *, out=None):
        shapes.unify(lhs.shape, rhs.shape)
        types.unify(lhs.dtype, rhs.dtype)
        if out is None:
            return lhs.copy()
        if out is not lhs:
            out[...] = lhs
        return out

    def gradient(F, gy, y, lhs, rhs):
        return gy, None


@operator("BlockGrad", "stop_gradient", cases=[Case(data=(2, 3))])
class BlockGrad:
    """A copy through which no gradient flows. data: any shape and dtype. Output: the same."""

    infer_shape = shapes.same
    storage = on_values("csr", "row_sparse")
    inplace = (0,)
    elementwise = True

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
    elementwise = True

    def infer_type(ins, outs, p):
        return ins, [p.dtype]

    def forward(xp, data, *, dtype: DType, out=None):
        return converted(xp, data, dtype, out)

    def gradient(F, gy, y, data, *, dtype):
        return F._cast_like(gy, data)


@operator("_cast_like", cases=[Case(data=(2, 3), like=(2, 3))])
class CastLike:
    """The values of `data` in the element type of `like`."""

    infer_shape = shapes.like_input(0)

    def infer_type(ins, outs, p):
        return ins, [ins[1]]

    def forward(xp, data, like, *, out=None):
        return converted(xp, data, like.dtype, out)

    def gradient(F, gy, y, data, like):
        return F._cast_like(gy, data), None


@operator("_CrossDeviceCopy", cases=[Case(data=(2, 3))])
class CrossDeviceCopy:
    """A copy on another device, put into a graph where a value crosses. data: any shape and dtype. Output: the same."""

    infer_shape = shapes.same

    def forward(xp, data):
        return data.copy()

    def gradient(F, gy, y, data):
        return gy  # the copy back is made where the gradient is read


@operator("_copyto", cases=[Case(data=(2, 3))])
class CopyTo:
    """A copy that may lie on another device.

    data: any shape and dtype. Output: the same.
    """

    infer_shape = shapes.same
    storage = on_values("csr", "row_sparse")

    def forward(xp, data):
        return data.copy()

    def gradient(F, gy, y, data):
        return gy.as_in_context(data.context) if hasattr(data, "as_in_context") else F._copy(gy)
