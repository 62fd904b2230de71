"""Operators that select elements by an array of indices."""

from typing import Any, Literal

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.scatter import add_at
from mxtrain.ops.operator import ZERO_GRADIENT, Case, operator
from mxtrain.ops.parameters import DType, Shape

FIRST_TYPE_ONLY = types.like_input(0)


def as_positions(xp: Any, indices: Any, size: int, mode: str) -> Any:
    """Indices (any dtype; fractions are dropped) as integers within [0, size).

    mode: "clip" moves those outside to the nearest end, "wrap" counts modulo size, "raise" raises ArgumentError.
    """
    positions = indices if indices.dtype.kind in "iu" else indices.astype(np.int64)
    if size == 0 and positions.size:
        raise ArgumentError("Expected: an axis with elements to take from. Received: one of size 0.")
    if mode == "clip":
        return positions.clip(0, size - 1)
    if mode == "wrap":
        return positions % size if positions.dtype.kind == "i" else positions.astype(np.int64) % size
    if positions.size and not (int(positions.min()) >= 0 and int(positions.max()) < size):
        raise ArgumentError(
            f"Expected: indices in [0, {size}). Received: indices from {positions.min()} to {positions.max()}."
        )
    return positions


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

    infer_type = FIRST_TYPE_ONLY

    def forward(xp, a, indices, *, axis: int = 0, mode: Literal["clip", "wrap", "raise"] = "clip", out=None):
        axis = shapes.normalize_axis(axis, a.ndim)
        if xp is np and mode != "raise" and a.shape[axis]:
            return np.take(a, indices.astype(np.int64, copy=False), axis=axis, out=out, mode=mode)
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

    infer_type = FIRST_TYPE_ONLY

    def forward(xp, gy, indices, like, *, axis: int = 0, mode: Literal["clip", "wrap", "raise"] = "clip", out=None):
        axis = shapes.normalize_axis(axis, like.ndim)
        result = _zeros(xp, like.shape, gy.dtype, out)
        positions = as_positions(xp, indices, like.shape[axis], mode).reshape(-1)
        lead, tail = like.shape[:axis], like.shape[axis + 1 :]
        # the indexed axis in front
        parts = xp.moveaxis(gy.reshape(*lead, positions.size, *tail), axis, 0)
        add_at(xp, xp.moveaxis(result, axis, 0), positions, parts)
        return result

    def gradient(F, gy, y, out_gradient, indices, like, *, axis, mode):
        return F.take(gy, indices, axis=axis, mode=mode), None, None


def _zeros(xp: Any, shape: tuple[int, ...], dtype: Any, out: Any) -> Any:
    if out is None:
        return xp.zeros(shape, dtype)
    out[...] = 0
    return out


@operator("batch_take", cases=[Case(a=(3, 4), indices=np.array([0, 3, 9]))])
class BatchTake:
    """One element of each row. a: (N, M). indices: N numbers, moved into [0, M). Output: (N,), dtype of a."""

    def infer_shape(ins, outs, p):
        return ins, [shapes.unify(ins[1], outs[0])]

    infer_type = FIRST_TYPE_ONLY

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
    if index.size != _product(kept):
        raise ArgumentError(
            f"Expected: an index of shape {_picked_shape(shape, axis, False)}. Received: {index.shape}."
        )
    key = [xp.arange(size).reshape((1,) * n + (size,) + (1,) * (len(shape) - n - 1)) for n, size in enumerate(shape)]
    key[axis] = as_positions(xp, index, shape[axis], mode).reshape(kept)
    return tuple(key)


def _product(sizes: tuple[int, ...]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product


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

    infer_type = FIRST_TYPE_ONLY

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

    infer_type = FIRST_TYPE_ONLY

    def forward(xp, gy, index, like, *, axis: int = -1, mode: Literal["clip", "wrap"] = "clip", out=None):
        result = _zeros(xp, like.shape, gy.dtype, out)
        key = _pick_key(xp, like.shape, index, axis, mode)
        result[key] = gy.reshape(_picked_shape(like.shape, axis, True))
        return result

    def gradient(F, gy, y, out_gradient, index, like, *, axis, mode):
        return F.reshape_like(F.pick(gy, index, axis=axis, mode=mode), out_gradient), None, None


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
        result.reshape(-1, depth)[rows, positions[rows]] = on_value
        return result


def _require_matching(condition: tuple[int, ...], x: tuple[int, ...]) -> None:
    if condition != x and not (len(condition) == 1 and condition[0] == x[0]):
        raise ArgumentError(f"Expected: a condition of shape {x} or {x[:1]}. Received: {condition}.")


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

    def infer_shape(ins, outs, p):
        if not shapes.is_known(ins[0]):  # as in MXNet, which then does not know whether rows or elements are chosen
            return ins, outs
        shape = shapes.unify_all([*ins[1:], *outs])
        return [ins[0], shape, shape], [shape]

    def infer_type(ins, outs, p):
        dtype = types.unify_all([*ins[1:], *outs])
        return [ins[0], dtype, dtype], [dtype]

    def forward(xp, condition, x, y):
        shapes.unify(x.shape, y.shape)
        types.unify(x.dtype, y.dtype)
        _require_matching(condition.shape, x.shape)
        chosen = condition if condition.dtype == np.bool_ else condition != 0
        return xp.where(chosen.reshape(chosen.shape + (1,) * (x.ndim - chosen.ndim)), x, y)

    def gradient(F, gy, y, condition, x, other):
        zero = F.zeros_like(gy)
        return None, F.where(condition, gy, zero), F.where(condition, zero, gy)


def _gathered(data: tuple[int, ...], indices: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of `gather_nd`."""
    if not indices or not 0 < indices[0] <= len(data):
        raise ArgumentError(
            f"Expected: indices of shape (M, ...), 0 < M <= {len(data)} axes of data. Received: {indices}."
        )
    return (*indices[1:], *data[indices[0] :])


def _nd_key(xp: Any, indices: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """The key that rows of indices make: one index per leading axis, negative ones from the end."""
    rows = indices.astype(np.int64)
    for row, size in zip(rows, shape, strict=False):
        if row.size and not (-size <= int(row.min()) and int(row.max()) < size):
            raise ArgumentError(
                f"Expected: indices in [{-size}, {size}). Received: {int(row.min())}..{int(row.max())}."
            )
    return tuple(rows)


@operator(
    "gather_nd",
    cases=[
        Case(data=(3, 4), indices=np.array([[0, 2, 2], [1, 3, 3]])),
        Case(data=(3, 4), indices=np.array([[0, 2, 1]])),
    ],
)
class GatherNd:
    """The parts of data at positions given by index vectors: output[j] = data[indices[:, j]].

    data: any shape. indices: (M, ...), any dtype. Output: (..., the axes of data from M on), dtype of data.
    """

    def infer_shape(ins, outs, p):
        if ins[0] is None or ins[1] is None or ins[1][:1] == (-1,):
            return ins, outs
        return ins, [shapes.unify(_gathered(*ins), outs[0])]

    infer_type = FIRST_TYPE_ONLY

    def forward(xp, data, indices):
        _gathered(data.shape, indices.shape)
        return data[_nd_key(xp, indices, data.shape)]

    def gradient(F, gy, y, data, indices):
        return F._gather_nd_gradient(gy, indices, data), None


@operator("_gather_nd_gradient", cases=[Case(gy=(3,), indices=np.array([[0, 2, 2], [1, 3, 3]]), like=(3, 4))])
class GatherNdGradient:
    """The gradient of gather_nd by data: parts of gy added where they came from. Output: the shape of like."""

    def infer_shape(ins, outs, p):
        like = shapes.unify(ins[2], outs[0])
        return [*ins[:2], like], [like]

    infer_type = FIRST_TYPE_ONLY

    def forward(xp, gy, indices, like, *, out=None):
        result = _zeros(xp, like.shape, gy.dtype, out)
        xp.add.at(result, _nd_key(xp, indices, like.shape), gy)
        return result

    def gradient(F, gy, y, out_gradient, indices, like):
        return F.gather_nd(gy, indices), None, None


@operator(
    "scatter_nd",
    cases=[
        Case(data=(2,), indices=np.array([[0, 2], [1, 3]]), shape=(3, 4)),
        Case(data=(2, 4), indices=np.array([[0, 2]]), shape=(3, 4)),
    ],
)
class ScatterNd:
    """Zeros of `shape` with the parts of data at positions given by index vectors: output[indices[:, j]] = data[j].

    data: (..., the axes of the output from M on). indices: (M, ...), any dtype; of equal vectors the last counts.
    Output: shape `shape`, dtype of data.
    """

    infer_type = FIRST_TYPE_ONLY

    def infer_shape(ins, outs, p):
        if ins[1] is not None and ins[1][:1] != (-1,):
            ins = [shapes.unify(ins[0], _gathered(p.shape, ins[1])), ins[1]]
        return ins, [shapes.unify(p.shape, outs[0])]

    def forward(xp, data, indices, *, shape: Shape, out=None):
        shapes.unify(data.shape, _gathered(shape, indices.shape))
        result = _zeros(xp, shape, data.dtype, out)
        result[_nd_key(xp, indices, shape)] = data
        return result

    def gradient(F, gy, y, data, indices, *, shape):
        return F.gather_nd(gy, indices), None
