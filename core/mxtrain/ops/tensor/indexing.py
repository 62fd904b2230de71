"""`take`: slices of an array at positions along an axis."""

from typing import Literal

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels import gathering
from mxtrain.ops.kernels.positions import as_positions, zeroed
from mxtrain.ops.kernels.scatter import add_at
from mxtrain.ops.kernels.sparse.selection import take_rows
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.storage import form


def _rows_of_matrix(xp, a, indices, *, axis, mode):
    if indices.ndim != 1:
        raise ArgumentError(f"Expected: indices of one axis for rows of a csr matrix. Received: {indices.shape}.")
    return take_rows(xp, a, as_positions(xp, indices, a.shape[0], mode))


@operator(
    "take",
    cases=[
        Case(a=(4, 2), indices=np.array([0, 3, 1, 1])),
        Case(a=(2, 4), indices=np.array([[0, -9], [2, 9]]), axis=-1),
        Case(a=(4, 2), indices=np.array([5, -1]), mode="wrap"),
    ],
)
class Take:
    """The slices of `a` along an axis at the positions in `indices`.

    a: any shape. indices: any shape and dtype; mode "clip" moves indices outside the axis to its ends, "wrap" counts
    modulo its size, "raise" refuses them. Output: the shape of `a` with the axis replaced by the axes of indices.
    Source: MXNet 1.9.1.
    """

    def infer_shape(ins, outs, p):
        if ins[0] is None or ins[1] is None:
            return ins, outs
        axis = shapes.normalize_axis(p.axis, len(ins[0]))
        return ins, [shapes.unify((*ins[0][:axis], *ins[1], *ins[0][axis + 1 :]), outs[0])]

    infer_type = types.like_input(0)
    storage = [form("csr, default -> csr", _rows_of_matrix, when=lambda p: p.axis == 0 and p.mode != "raise")]

    def forward(xp, a, indices, *, axis: int = 0, mode: Literal["clip", "wrap", "raise"] = "clip", out=None):
        axis = shapes.normalize_axis(axis, a.ndim)
        if xp is np and mode != "raise" and a.shape[axis]:
            return gathering.take(a, indices, axis, mode, out)
        positions = as_positions(xp, indices, a.shape[axis], mode)
        return xp.take(a, positions, axis=axis, out=out)

    def gradient(F, gy, y, a, indices, *, axis, mode):
        return F._take_gradient(gy, indices, a, axis=axis, mode=mode), None


@operator(
    "_take_gradient",
    cases=[
        Case(gy=(4, 2), indices=np.array([0, 3, 1, 1]), like=(4, 2)),
        Case(gy=(2, 2, 2), indices=np.array([[0, -9], [2, 9]]), like=(2, 4), axis=-1),
    ],
)
class TakeGradient:
    """The gradient of `take` by `a`: each slice of gy added where it was taken from. Output: the shape of like."""

    def infer_shape(ins, outs, p):
        like = shapes.unify(ins[2], outs[0])
        return [*ins[:2], like], [like]

    infer_type = types.like_input(0)

    def forward(xp, gy, indices, like, *, axis: int = 0, mode: Literal["clip", "wrap", "raise"] = "clip", out=None):
        axis = shapes.normalize_axis(axis, like.ndim)
        result = zeroed(xp, like.shape, gy.dtype, out)
        positions = as_positions(xp, indices, like.shape[axis], mode).reshape(-1)
        lead, tail = like.shape[:axis], like.shape[axis + 1 :]
        # the indexed axis in front
        parts = xp.moveaxis(gy.reshape(*lead, positions.size, *tail), axis, 0)
        add_at(xp, xp.moveaxis(result, axis, 0), positions, parts)
        return result

    def gradient(F, gy, y, out_gradient, indices, like, *, axis, mode):
        return F.take(gy, indices, axis=axis, mode=mode), None, None
