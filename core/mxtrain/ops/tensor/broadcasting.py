"""Operators that repeat an array along axes of size 1."""

from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Shape


def _require_broadcastable(source: tuple[int, ...], target: tuple[int, ...]) -> tuple[int, ...]:
    """The target. Raises ArgumentError unless each axis of the source has its size, or 1."""
    fits = len(source) == len(target) and all(a in (b, 1, -1) or b == -1 for a, b in zip(source, target, strict=True))
    if not fits:
        raise ArgumentError(
            f"Expected: a target with as many axes as {source}, equal but where that is 1. Received: {target}."
        )
    return target


def _repeated(xp: Any, data: Any, shape: tuple[int, ...], out: Any) -> Any:
    result = xp.empty(shape, data.dtype) if out is None else out
    result[...] = data
    return result


def _to_shape(source: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of `broadcast_to`: 0 keeps a size."""
    if len(source) != len(shape):
        raise ArgumentError(f"Expected: a target with {len(source)} axes, as data has. Received: shape={shape}.")
    target = tuple(a if b == 0 else b for a, b in zip(source, shape, strict=True))
    return _require_broadcastable(source, target)


@operator("broadcast_to", cases=[Case(data=(1, 3), shape=(2, 3)), Case(data=(1, 3, 1), shape=(2, 0, 2))])
class BroadcastTo:
    """Data repeated along its axes of size 1. shape: the wanted sizes, 0 to keep one. Output: dtype of data."""

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [shapes.unify(_to_shape(ins[0], p.shape), outs[0])]

    def forward(xp, data, *, shape: Shape = (), out=None):
        return _repeated(xp, data, _to_shape(data.shape, shape), out)

    def gradient(F, gy, y, data, *, shape):
        return F._sum_to_shape_of(gy, data)


def _along_axes(source: tuple[int, ...], axes: tuple[int, ...], sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of `broadcast_axis`."""
    if len(axes) != len(sizes):
        raise ArgumentError(f"Expected: one size per axis. Received: axis={axes}, size={sizes}.")
    target = list(source)
    for axis, size in zip(axes, sizes, strict=True):
        position = shapes.normalize_axis(axis, len(source))
        if source[position] not in (1, -1):
            raise ArgumentError(f"Expected: size 1 in axis {axis} of {source}. Received: {source[position]}.")
        target[position] = size
    return tuple(target)


@operator(
    "broadcast_axis",
    "broadcast_axes",
    cases=[Case(data=(1, 3), axis=0, size=2), Case(data=(1, 3, 1), axis=(0, 2), size=(2, 2))],
)
class BroadcastAxis:
    """Data repeated along the given axes, of size 1 so far. axis, size: as many of each. Output: dtype of data."""

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [shapes.unify(_along_axes(ins[0], p.axis, p.size), outs[0])]

    def forward(xp, data, *, axis: Shape = (), size: Shape = (), out=None):
        return _repeated(xp, data, _along_axes(data.shape, axis, size), out)

    def gradient(F, gy, y, data, *, axis, size):
        return F._sum_to_shape_of(gy, data)


def _like(lhs: Any, rhs: Any, lhs_axes: Any, rhs_axes: Any) -> tuple[int, ...]:
    """The shape of `broadcast_like`."""
    if lhs_axes is None and rhs_axes is None:
        return _require_broadcastable(lhs, rhs)
    if not lhs_axes or not rhs_axes or len(lhs_axes) != len(rhs_axes):
        raise ArgumentError(
            f"Expected: as many lhs_axes as rhs_axes. Received: lhs_axes={lhs_axes}, rhs_axes={rhs_axes}."
        )
    target = list(lhs)
    for left, right in zip(lhs_axes, rhs_axes, strict=True):
        target[shapes.normalize_axis(left, len(lhs))] = rhs[shapes.normalize_axis(right, len(rhs))]
    return _require_broadcastable(lhs, tuple(target))


@operator(
    "broadcast_like",
    cases=[Case(lhs=(1, 3), rhs=(2, 3)), Case(lhs=(1, 3), rhs=(5, 2), lhs_axes=(0,), rhs_axes=(-1,))],
)
class BroadcastLike:
    """The values of lhs repeated along its axes of size 1 to the shape of rhs, in all axes or in those named.

    Output: dtype of lhs; the values of rhs are unused. Source: MXNet 1.9.1.
    """

    def infer_shape(ins, outs, p):
        if ins[0] is None or ins[1] is None:
            return ins, outs
        return ins, [shapes.unify(_like(*ins, p.lhs_axes, p.rhs_axes), outs[0])]

    def infer_type(ins, outs, p):
        return ins, [ins[0]]

    def forward(xp, lhs, rhs, *, lhs_axes: Shape | None = None, rhs_axes: Shape | None = None, out=None):
        return _repeated(xp, lhs, _like(lhs.shape, rhs.shape, lhs_axes, rhs_axes), out)

    def gradient(F, gy, y, lhs, rhs, *, lhs_axes, rhs_axes):
        return F._sum_to_shape_of(gy, lhs), None
