"""What a csr matrix stores, and where: getnnz and edge_id."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.sparse.places import places_of
from mxtrain.ops.kernels.sparse.selection import require_rows
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.storage import form


def _count(xp, data, *, axis):
    if axis not in (None, 1):
        raise ArgumentError(f"Expected: axis=None (all) or axis=1 (per row). Received: axis={axis}.")
    return xp.diff(data.indptr) if axis == 1 else xp.asarray([len(data.indices)], dtype=np.int64)


@operator("_contrib_getnnz", cases=[Case(data=(2, 3)), Case(data=(2, 3), axis=1)])
class GetNnz:
    """How many values a csr matrix stores: in all, or (axis=1) in each row.

    data: (M, N); of a dense one the elements other than 0 are counted. Output: (1,) or (M,), int64.
    Source: MXNet 1.9.1's `contrib.getnnz`.
    """

    gradient = NOT_DIFFERENTIABLE
    infer_type = types.outputs_are(np.int64)
    storage = [form("csr -> default", _count)]

    def infer_shape(ins, outs, p):
        return ins, [(1,) if p.axis is None else outs[0] if ins[0] is None else ins[0][:1]]

    def forward(xp, data, *, axis: int | None = None):
        if axis not in (None, 1) or data.ndim != 2:
            raise ArgumentError(f"Expected: a matrix, axis=None or axis=1. Received: {data.shape}, axis={axis}.")
        return (data != 0).sum(axis=axis, dtype=np.int64).reshape(-1)


def _look_up(xp, data, u, v):
    rows, columns = _ends(data, u, v)
    stored, wanted = places_of(xp, data), rows * data.shape[1] + columns
    position = xp.searchsorted(stored, wanted)
    found = xp.zeros(wanted.shape, np.bool_)
    inside = position < len(stored)
    found[inside] = stored[position[inside]] == wanted[inside]
    values = xp.full(wanted.shape, -1, data.dtype)
    values[found] = data.values[position[found]]
    return values


def _ends(data, u, v):
    """Both ends of the edges as row and column numbers. Raises for ends that are not in the matrix."""
    if u.shape != v.shape or u.ndim != 1:
        raise ArgumentError(f"Expected: u and v of one length. Received: {u.shape} and {v.shape}.")
    rows, columns = u.astype(np.int64), v.astype(np.int64)
    require_rows(rows, data.shape[0])
    require_rows(columns, data.shape[1])
    return rows, columns


@operator(
    "_contrib_edge_id",
    cases=[Case(data=(3, 3), u=np.array([0.0, 2.0]), v=np.array([1.0, 2.0]), low=0.5, differentiable=False)],
)
class EdgeId:
    """The values of a csr matrix at (u, v), -1 where none is stored: the numbers of a graph's edges from u to v.

    data: (M, N). u, v: (K,), any dtype. Output: (K,), dtype of data. Source: MXNet 1.9.1's `contrib.edge_id`.
    """

    gradient = NOT_DIFFERENTIABLE
    infer_type = types.like_input(0)
    storage = [form("csr, default, default -> default", _look_up)]

    def infer_shape(ins, outs, p):
        ends = shapes.unify_all([ins[1], ins[2], outs[0]])
        return [ins[0], ends, ends], [ends]

    def forward(xp, data, u, v):
        values = data[_ends(data, u, v)]
        return xp.where(values == 0, data.dtype.type(-1), values)
