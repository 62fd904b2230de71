"""One element along an axis for each position of the other axes: pick, batch_take."""

import math
from typing import Any, Literal

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.positions import as_positions, zeroed
from mxtrain.ops.operator import Case, operator


@operator("batch_take", cases=[Case(a=(3, 4), indices=np.array([0, 3, 9]))])
class BatchTake:
    """One element of each row. a: (N, M). indices: N numbers, moved into [0, M). Output: (N,), dtype of a."""

    def infer_shape(ins, outs, p):
        return ins, [shapes.unify(ins[1], outs[0])]

    infer_type = types.like_input(0)

    def forward(xp, a, indices):
        if a.ndim != 2 or a.shape[0] != indices.size:
            raise ArgumentError(f"Expected: (N, M) and N indices. Received: {a.shape} and {indices.shape}.")
        positions = as_positions(xp, indices, a.shape[1], "clip")
        return a[xp.arange(a.shape[0]), positions.reshape(-1)].reshape(indices.shape)

    def gradient(F, gy, y, a, indices):
        return F._pick_gradient(gy, indices, a), None


def _picked_shape(shape: tuple[int, ...], axis: int, keepdims: bool) -> tuple[int, ...]:
    axis = shapes.normalize_axis(axis, len(shape))
    return tuple(1 if n == axis else size for n, size in enumerate(shape) if keepdims or n != axis) or (1,)


def _pick_key(xp: Any, shape: tuple[int, ...], index: Any, axis: int, mode: str) -> tuple[Any, ...]:
    """The key of the picked elements in an array of a shape; it gives them with `axis` of size 1."""
    axis = shapes.normalize_axis(axis, len(shape))
    kept = tuple(1 if n == axis else size for n, size in enumerate(shape))
    if index.size != math.prod(kept):
        raise ArgumentError(
            f"Expected: an index of shape {_picked_shape(shape, axis, False)}. Received: {index.shape}."
        )
    key = [xp.arange(size).reshape((1,) * n + (size,) + (1,) * (len(shape) - n - 1)) for n, size in enumerate(shape)]
    key[axis] = as_positions(xp, index, shape[axis], mode).reshape(kept)
    return tuple(key)


@operator(
    "pick",
    "choose_element_0index",
    cases=[
        Case(data=(2, 3), index=np.array([0, 9])),
        Case(data=(2, 3), index=np.array([[1], [0]]), keepdims=True),
        Case(data=(2, 3), index=np.array([-1, 2, 1]), axis=0, mode="wrap"),
    ],
)
class Pick:
    """One element along an axis for each position of the other axes.

    data: any shape. index: data's shape without the axis (or with size 1 in it), any dtype; mode "clip" moves indices
    outside the axis to its ends, "wrap" counts modulo its size. Output: the shape of index as keepdims says; dtype of
    data. Source: MXNet 1.9.1.
    """

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        index = ins[1]
        if index is None or len(index) != len(ins[0]):
            index = shapes.unify(_picked_shape(ins[0], p.axis, False), index)
        return [ins[0], index], [shapes.unify(_picked_shape(ins[0], p.axis, p.keepdims), outs[0])]

    infer_type = types.like_input(0)

    def forward(xp, data, index, *, axis: int = -1, keepdims: bool = False, mode: Literal["clip", "wrap"] = "clip"):
        return data[_pick_key(xp, data.shape, index, axis, mode)].reshape(_picked_shape(data.shape, axis, keepdims))

    def gradient(F, gy, y, data, index, *, axis, keepdims, mode):
        return F._pick_gradient(gy, index, data, axis=axis, mode=mode), None


@operator("_pick_gradient", cases=[Case(gy=(2,), index=np.array([0, 9]), like=(2, 3))])
class PickGradient:
    """The gradient of `pick` by data: gy at the picked elements, else 0. Output: the shape of like, dtype of gy."""

    def infer_shape(ins, outs, p):
        like = shapes.unify(ins[2], outs[0])
        return [*ins[:2], like], [like]

    infer_type = types.like_input(0)

    def forward(xp, gy, index, like, *, axis: int = -1, mode: Literal["clip", "wrap"] = "clip", out=None):
        result = zeroed(xp, like.shape, gy.dtype, out)
        key = _pick_key(xp, like.shape, index, axis, mode)
        result[key] = gy.reshape(_picked_shape(like.shape, axis, True))
        return result

    def gradient(F, gy, y, out_gradient, index, like, *, axis, mode):
        return F.reshape_like(F.pick(gy, index, axis=axis, mode=mode), out_gradient), None, None
