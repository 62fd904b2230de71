"""Sorting: sort, argsort, topk."""

from typing import Any, Literal

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels import ordering as kernels
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, ZERO_GRADIENT, Case, operator
from mxtrain.ops.parameters import DType

FLOAT32 = np.dtype(np.float32)


def _flat_if_none(data: Any, axis: int | None) -> tuple[Any, int]:
    """The array to order and its axis; flattened where axis is None."""
    return (data.reshape(-1), 0) if axis is None else (data, shapes.normalize_axis(axis, data.ndim))


def _infer_order(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
    if ins[0] is None:
        return ins, outs
    if p.axis is not None:
        shapes.normalize_axis(p.axis, len(ins[0]))
        return ins, [shapes.unify(ins[0], outs[0])]
    return ins, [(_product(ins[0]),)]


def _product(sizes: tuple[int, ...]) -> int:
    product = 1
    for size in sizes:
        if size == -1:
            return -1
        product *= size
    return product


@operator("sort", cases=[Case(data=(2, 3)), Case(data=(3, 2), axis=0, is_ascend=False), Case(data=(2, 2), axis=None)])
class Sort:
    """The elements along an axis in rising (is_ascend) or falling order.

    data: any shape. axis: None sorts the flattened array. Output: shape (or number of elements) and dtype of data.
    """

    listed_outputs = ("output0", "output1")  # MXNet hides the positions
    infer_shape = _infer_order

    def forward(xp, data, *, axis: int | None = -1, is_ascend: bool = True):
        data, axis = _flat_if_none(data, axis)
        ordered = kernels.sort(xp, data, axis)
        return ordered if is_ascend else xp.flip(ordered, axis)

    def gradient(F, gy, y, data, *, axis, is_ascend):
        order = F.argsort(data, axis=axis, is_ascend=is_ascend, dtype="int64")
        return F._take_along_gradient(gy, order, data, axis=axis)


def _require_exact(dtype: np.dtype, size: int) -> None:
    """Raise ArgumentError for a dtype that cannot hold every position below `size`."""
    limit = np.iinfo(dtype).max if dtype.kind in "iu" else 2 ** (np.finfo(dtype).nmant + 1)
    if size - 1 > limit:
        raise ArgumentError(
            f"Expected: a dtype that holds positions up to {size - 1}. Received: {dtype.name}, exact up to {limit}."
        )


@operator("argsort", cases=[Case(data=(2, 3)), Case(data=(3, 2), axis=0, is_ascend=False), Case(data=(4,), axis=None)])
class Argsort:
    """The positions that sort an axis in rising (is_ascend) or falling order; equal elements keep their order.

    data: any shape. axis: None orders the flattened array. Output: shape of data, dtype `dtype`.
    """

    infer_shape = _infer_order
    gradient = ZERO_GRADIENT

    def infer_type(ins, outs, p):
        return ins, [p.dtype]

    def forward(xp, data, *, axis: int | None = -1, is_ascend: bool = True, dtype: DType = FLOAT32):
        data, axis = _flat_if_none(data, axis)
        _require_exact(dtype, data.shape[axis])
        return kernels.first_positions(xp, data, axis, data.shape[axis], is_ascend).astype(dtype)


def _take_along(xp: Any, data: Any, positions: Any, axis: int) -> Any:
    return xp.take_along_axis(data, positions, axis)


def _key_along(xp: Any, positions: Any, axis: int) -> tuple[Any, ...]:
    """The key that positions along an axis make, for assignment."""
    key = [
        xp.arange(size).reshape((1,) * n + (size,) + (1,) * (positions.ndim - n - 1))
        for n, size in enumerate(positions.shape)
    ]
    key[axis] = positions
    return tuple(key)


@operator(
    "_take_along_gradient",
    cases=[
        Case(gy=(2, 2), positions=np.array([[0, 2], [1, 0]]), like=(2, 3)),
        Case(gy=(2,), positions=np.array([3, 0]), like=(2, 2), axis=None),
    ],
)
class TakeAlongGradient:
    """gy written at positions along an axis of zeros: the gradient of sort and topk. Output: the shape of like.

    positions: the shape of gy, distinct along the axis. axis: None for positions in the flattened array.
    """

    def infer_shape(ins, outs, p):
        like = shapes.unify(ins[2], outs[0])
        shape = shapes.unify(ins[0], ins[1])
        return [shape, shape, like], [like]

    def infer_type(ins, outs, p):
        return ins, [ins[0]]

    def forward(xp, gy, positions, like, *, axis: int | None = -1):
        result = xp.zeros(like.shape, gy.dtype)
        target, axis = _flat_if_none(result, axis)
        target[_key_along(xp, positions.astype(np.int64, copy=False), axis)] = gy
        return result

    def gradient(F, gy, y, out_gradient, positions, like, *, axis):
        return F._take_along(gy, positions, axis=axis), None, None


@operator(
    "_take_along",
    cases=[
        Case(data=(2, 3), positions=np.array([[0, 2], [1, 0]])),
        Case(data=(2, 2), positions=np.array([3, 0]), axis=None),
    ],
)
class TakeAlong:
    """The elements of data at positions along an axis (None: of the flattened array). Output: shape of positions."""

    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        return ins, [shapes.unify(ins[1], outs[0])]

    def infer_type(ins, outs, p):
        return ins, [ins[0]]

    def forward(xp, data, positions, *, axis: int | None = -1):
        data, axis = _flat_if_none(data, axis)
        return _take_along(xp, data, positions.astype(np.int64, copy=False), axis)


_RETURNS = ("value", "indices", "mask", "both")


@operator(
    "topk",
    cases=[
        Case(data=(2, 4), k=2, ret_typ="value"),
        Case(data=(2, 4), k=2, ret_typ="both", axis=0, is_ascend=True),
        Case(data=(2, 4), k=3, axis=None, dtype="int32"),
        Case(data=(2, 4), k=2, ret_typ="mask"),
    ],
)
class Topk:
    """The k largest (or smallest, is_ascend) elements along an axis, in order; all of them where k < 1.

    data: any shape. axis: None takes the flattened array. ret_typ: "value" gives the elements, "indices" their
    positions in `dtype`, "both" both, "mask" an array like data with 1 at the chosen elements, else 0.
    Source: MXNet 1.9.1; elements that are equal come in the order of their positions.
    """

    def outputs(p):
        return ["output0", "output1"] if p.ret_typ == "both" else ["output"]

    def listed_outputs(p):
        return ["output0", "output1"] if p.ret_typ in ("value", "both") else ["output"]

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        if p.ret_typ == "mask":
            return ins, [shapes.unify(ins[0], outs[0])]
        shape = (_product(ins[0]),) if p.axis is None else ins[0]
        axis = 0 if p.axis is None else shapes.normalize_axis(p.axis, len(shape))
        if shape[axis] == -1 and p.k < 1:
            return ins, outs
        part = (*shape[:axis], _count(p.k, shape[axis]), *shape[axis + 1 :])
        return ins, [shapes.unify(part, out) for out in outs]

    def infer_type(ins, outs, p):
        if p.ret_typ == "indices":
            return ins, [p.dtype]
        return ins, [ins[0], p.dtype][: len(outs)]

    def forward(
        xp,
        data,
        *,
        axis: int | None = -1,
        k: int = 1,
        ret_typ: Literal["value", "indices", "mask", "both"] = "indices",
        is_ascend: bool = False,
        dtype: DType = FLOAT32,
    ):
        flat, axis = _flat_if_none(data, axis)
        order = kernels.first_positions(xp, flat, axis, _count(k, flat.shape[axis]), is_ascend)
        if ret_typ == "mask":
            mask = xp.zeros(flat.shape, data.dtype)
            mask[_key_along(xp, order, axis)] = 1
            return (mask.reshape(data.shape),)
        values = _take_along(xp, flat, order, axis) if ret_typ != "indices" else None
        if ret_typ == "value":
            return (values,)
        _require_exact(dtype, flat.shape[axis])
        return (order.astype(dtype),) if values is None else (values, order.astype(dtype))

    def gradient(F, gy, y, data, *, axis, k, ret_typ, is_ascend, dtype):
        if ret_typ in ("indices", "mask"):
            return F.zeros_like(data)
        order = F.topk(data, axis=axis, k=k, ret_typ="indices", is_ascend=is_ascend, dtype="int64")
        return F._take_along_gradient(gy[0], order, data, axis=axis)


def _count(k: int, size: int) -> int:
    if k > size != -1:
        raise ArgumentError(f"Expected: k of at most {size}, the size of the axis. Received: k={k}.")
    return size if k < 1 else k
