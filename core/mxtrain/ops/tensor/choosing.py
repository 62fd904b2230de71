"""`where` and `one_hot`: arrays made of two kinds of elements."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.selection import select
from mxtrain.ops.kernels.sparse.places import places_of
from mxtrain.ops.operator import ZERO_GRADIENT, Case, operator
from mxtrain.ops.parameters import DType
from mxtrain.ops.storage import form


@operator(
    "one_hot",
    cases=[
        Case(indices=np.array([0, 2, -1, 5]), depth=3),
        Case(indices=np.array([[1, 2]]), depth=3, on_value=5, off_value=-1, dtype="int32"),
    ],
)
class OneHot:
    """A new last axis of size `depth` with on_value at the index and off_value elsewhere.

    indices: any shape and dtype; one outside [0, depth) gives off_value everywhere. Output: dtype `dtype`.
    """

    infer_type = types.from_parameter
    gradient = ZERO_GRADIENT

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [shapes.unify((*ins[0], p.depth), outs[0])]

    def forward(
        xp,
        indices,
        *,
        depth: int,
        on_value: float = 1.0,
        off_value: float = 0.0,
        dtype: DType = np.dtype(np.float32),
        out=None,
    ):
        if depth < 0:
            raise ArgumentError(f"Expected: depth >= 0. Received: {depth}.")
        result = xp.empty((*indices.shape, depth), dtype) if out is None else out
        result[...] = off_value
        positions = indices.astype(np.int64).reshape(-1)
        rows = xp.nonzero((positions >= 0) & (positions < depth))[0]
        result.reshape(positions.size, depth)[rows, positions[rows]] = on_value
        return result


def _require_matching(condition: tuple[int, ...], x: tuple[int, ...]) -> None:
    if condition != x and not (len(condition) == 1 and condition[0] == x[0]):
        raise ArgumentError(f"Expected: a condition of shape {x} or {x[:1]}. Received: {condition}.")


def _where_stored(xp, condition, x, y):
    """y, with x where the condition stores something other than 0."""
    shapes.unify(x.shape, y.shape)
    types.unify(x.dtype, y.dtype)
    if condition.shape != tuple(x.shape):
        raise ArgumentError(f"Expected: a condition of shape {tuple(x.shape)}. Received: {condition.shape}.")
    places = places_of(xp, condition)[condition.values != 0]
    result = y.copy()
    result.reshape(-1)[places] = x.reshape(-1)[places]
    return result


@operator(
    "where",
    cases=[
        Case(condition=np.array([[1, 0, 1], [0, 1, 1]]), x=(2, 3), y=(2, 3)),
        Case(condition=np.array([1, 0]), x=(2, 3), y=(2, 3)),
    ],
)
class Where:
    """Elements of x where the condition is not 0, else of y.

    condition: the shape of x, or (N,) to choose whole rows; any dtype. x, y: one shape (N, ...) and dtype.
    Output: the same.
    """

    elementwise = True
    storage = [form("csr, default, default -> default", _where_stored)]

    def infer_shape(ins, outs, p):
        if not shapes.is_known(ins[0]):  # as in MXNet, which then does not know whether rows or elements are chosen
            return ins, outs
        shape = shapes.unify_all([*ins[1:], *outs])
        return [ins[0], shape, shape], [shape]

    def infer_type(ins, outs, p):
        dtype = types.unify_all([*ins[1:], *outs])
        return [ins[0], dtype, dtype], [dtype]

    def forward(xp, condition, x, y, *, out=None):
        shapes.unify(x.shape, y.shape)
        types.unify(x.dtype, y.dtype)
        _require_matching(condition.shape, x.shape)
        chosen = condition if condition.dtype == np.bool_ else condition != 0
        if chosen.shape == x.shape:
            return select(xp, chosen, x, y, out)
        result = xp.where(chosen.reshape(chosen.shape + (1,) * (x.ndim - chosen.ndim)), x, y)
        if out is None:
            return result
        out[...] = result
        return out

    def gradient(F, gy, y, condition, x, other):
        zero = F.zeros_like(gy)
        return None, F.where(condition, gy, zero), F.where(condition, zero, gy)
