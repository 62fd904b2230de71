"""Operators on rows and positions: `_contrib_index_copy`, `_contrib_boolean_mask`, `_contrib_index_array`, ..."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.nn.partial_shapes import sizes_product
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, ZERO_GRADIENT, Case, operator
from mxtrain.ops.parameters import Shape


def _positions(xp, index, count):
    """Row numbers. Raises ArgumentError (on a CPU) for one outside [0, count)."""
    rows = index.astype(np.int64)
    if xp is np and rows.size and not 0 <= rows.min() <= rows.max() < count:
        raise ArgumentError(f"Expected: rows in [0, {count}). Received: {rows.min()} to {rows.max()}.")
    return rows


@operator(
    "_contrib_index_copy",
    cases=[Case(old_tensor=(4, 2), index_vector=np.array([3, 0]), new_tensor=(2, 2))],
)
class IndexCopy:
    """A copy of one array, some of whose rows are those of another.

    old_tensor: (N, ...). index_vector: (M,), row numbers, of equal ones the last counts. new_tensor: (M, ...).
    Output: shape and dtype of old_tensor.
    """

    infer_type = types.like_input(0)

    def infer_shape(ins, outs, p):
        old, index, new = ins
        old = shapes.unify(old, outs[0])
        if new is not None and index is not None:
            index = shapes.unify(index, new[:1])
        if old is not None:
            new = shapes.unify(new, (-1 if index is None else index[0], *old[1:]))
        return [old, index, new], [old]

    def forward(xp, old_tensor, index_vector, new_tensor):
        if new_tensor.shape != (*index_vector.shape, *old_tensor.shape[1:]) or index_vector.ndim != 1:
            raise ArgumentError(
                f"Expected: index_vector of (M,) and new_tensor of (M, {str(old_tensor.shape[1:])[1:]}. "
                f"Received: {index_vector.shape} and {new_tensor.shape}."
            )
        result = old_tensor.copy()
        result[_positions(xp, index_vector, len(old_tensor))] = new_tensor
        return result

    def gradient(F, gy, y, old_tensor, index_vector, new_tensor):
        by_old, by_new = F._contrib_backward_index_copy(gy, index_vector)
        return by_old, None, by_new


@operator("_contrib_backward_index_copy", cases=[Case(gy=(4, 2), index_vector=np.array([3, 0]))])
class IndexCopyBackward:
    """The gradients of `_contrib_index_copy`: gy but for the rows index_vector, which are 0, and these rows."""

    outputs = ("old_tensor", "new_tensor")
    gradient = NOT_DIFFERENTIABLE

    def infer_type(ins, outs, p):
        dtype = types.unify_all([ins[0], *outs])
        return [dtype, ins[1]], [dtype, dtype]

    def infer_shape(ins, outs, p):
        gy = shapes.unify(ins[0], outs[0])
        rows = None if gy is None else (-1 if ins[1] is None else ins[1][0], *gy[1:])
        return [gy, ins[1]], [gy, shapes.unify(outs[1], rows)]

    def forward(xp, gy, index_vector):
        rows = _positions(xp, index_vector, len(gy))
        by_old = gy.copy()
        by_old[rows] = 0
        return by_old, gy[rows]


def _chosen(xp, data, index, axis):
    """The positions along an axis where the mask is not 0."""
    axis = shapes.normalize_axis(axis, data.ndim)
    if index.shape != (data.shape[axis],):
        raise ArgumentError(f"Expected: a mask of shape ({data.shape[axis]},). Received: {index.shape}.")
    return xp.nonzero(index)[0], axis


@operator("_contrib_boolean_mask", cases=[Case(data=(3, 2), index=np.array([1, 1, 1]))])
class BooleanMask:
    """The parts of data along an axis where a mask is not 0.

    data: any shape. index: (data.shape[axis],), any dtype. Output: data's shape, but the axis as long as values of
    the mask that are not 0; dtype of data.
    """

    infer_type = types.like_input(0)

    def infer_shape(ins, outs, p):
        data, index = ins
        if data is None:
            return ins, outs
        axis = shapes.normalize_axis(p.axis, len(data))
        return [data, shapes.unify(index, data[axis : axis + 1])], [(*data[:axis], -1, *data[axis + 1 :])]

    def forward(xp, data, index, *, axis: int = 0):
        places, axis = _chosen(xp, data, index, axis)
        return xp.take(data, places, axis=axis)

    def gradient(F, gy, y, data, index, *, axis):
        return F._boolean_mask_backward(gy, data, index, axis=axis), None


@operator("_boolean_mask_backward", cases=[Case(gy=(2, 2), data=(2, 2), index=np.array([1, 1]))])
class BooleanMaskBackward:
    """The gradient of `_contrib_boolean_mask` by data: gy where the mask is not 0, else 0. Output: data's shape."""

    infer_type = types.like_input(0)
    infer_shape = shapes.like_input(1)

    def forward(xp, gy, data, index, *, axis: int = 0):
        places, axis = _chosen(xp, data, index, axis)
        result = xp.zeros(data.shape, gy.dtype)
        result[(slice(None),) * axis + (places,)] = gy
        return result

    def gradient(F, ggx, y, gy, data, index, *, axis):
        return F._contrib_boolean_mask(ggx, index, axis=axis), None, None


@operator("_contrib_index_array", cases=[Case(data=(2, 3)), Case(data=(2, 3, 2), axes=(-1, 0))])
class IndexArray:
    """The position of each element: output[i, j, ...] = (i, j, ...), or those of `axes` only.

    data: any shape, of which only the shape matters. Output: (data's shape, axes), int64.
    """

    infer_type = types.outputs_are(np.int64)
    gradient = ZERO_GRADIENT

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [shapes.unify(outs[0], (*ins[0], len(ins[0]) if p.axes is None else len(p.axes)))]

    def forward(xp, data, *, axes: Shape | None = None):
        axes = range(data.ndim) if axes is None else [shapes.normalize_axis(axis, data.ndim) for axis in axes]
        result = xp.empty((*data.shape, len(axes)), np.int64)
        for place, axis in enumerate(axes):
            result[..., place] = xp.arange(data.shape[axis]).reshape(-1, *(1,) * (data.ndim - 1 - axis))
        return result


@operator("_contrib_arange_like", cases=[Case(data=(2, 3), start=1, step=0.5, repeat=2), Case(data=(2, 3), axis=-1)])
class ArangeLike:
    """Evenly spaced numbers: start, start + step, ..., each `repeat` times.

    data: gives the shape, or with axis the number of elements of a vector; and the dtype. Output: data's shape, or
    (data.shape[axis],). ctx is accepted and has no effect.
    """

    gradient = ZERO_GRADIENT

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        shape = ins[0] if p.axis is None else (ins[0][shapes.normalize_axis(p.axis, len(ins[0]))],)
        return ins, [shapes.unify(outs[0], shape)]

    def forward(
        xp, data, *, start: float = 0.0, step: float = 1.0, repeat: int = 1, ctx: str = "", axis: int | None = None
    ):
        if repeat < 1:
            raise ArgumentError(f"Expected: repeat >= 1. Received: {repeat}.")
        shape = data.shape if axis is None else (data.shape[shapes.normalize_axis(axis, data.ndim)],)
        steps = xp.arange(sizes_product(shape)) // repeat
        return (start + step * steps).astype(data.dtype).reshape(shape)


@operator("_contrib_allclose", cases=[Case(a=(2, 3), b=(2, 3)), Case(a=np.array([1.0]), b=np.array([1.0]), rtol=0.1)])
class Allclose:
    """1 where |a - b| <= atol + rtol * |b| for all elements, else 0; equal_nan: NaN equals NaN.

    a, b: one shape and dtype. Output: (), uint8.
    """

    gradient = ZERO_GRADIENT

    def infer_type(ins, outs, p):
        dtype = types.unify_all(ins)
        return [dtype, dtype], [np.dtype(np.uint8)]

    def infer_shape(ins, outs, p):
        shape = shapes.unify_all(ins)
        return [shape, shape], [()]

    def forward(xp, a, b, *, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = True):
        shapes.unify(a.shape, b.shape)
        types.unify(a.dtype, b.dtype)
        return xp.asarray(xp.allclose(a, b, rtol, atol, equal_nan), dtype=np.uint8)
