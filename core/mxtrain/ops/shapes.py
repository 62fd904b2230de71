"""Partial shapes, how two of them agree, and the shape rules that many operators share.

A partial shape is None (nothing known) or a tuple whose unknown sizes are -1. A rule takes the partial shapes of the
inputs (auxiliary states last) and outputs and the parameters, and returns both lists with all that it can conclude:
forwards from the data, and backwards from outputs to inputs.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from mxtrain.base import ArgumentError

PartialShape: TypeAlias = tuple[int, ...] | None
Shapes: TypeAlias = list[PartialShape]
ShapeRule: TypeAlias = Any  # (ins, outs, params) -> (ins, outs)


def is_known(shape: PartialShape) -> bool:
    """Whether every size of a partial shape is known."""
    return shape is not None and -1 not in shape


def unify(first: PartialShape, second: PartialShape) -> PartialShape:
    """What two statements about one shape say together. Raises ArgumentError where they disagree."""
    if first is None or second is None:
        return second if first is None else first
    if first == second:
        return first
    if len(first) != len(second):
        raise ArgumentError(f"Expected: shape {first}. Received: shape {second}.")
    return tuple(_unify_size(a, b, first, second) for a, b in zip(first, second, strict=True))


def _unify_size(a: int, b: int, first: PartialShape, second: PartialShape) -> int:
    if a == -1 or a == b:
        return b
    if b == -1:
        return a
    raise ArgumentError(f"Expected: shape {first}. Received: shape {second}.")


def unify_all(shapes: Sequence[PartialShape]) -> PartialShape:
    """What several statements about one shape say together."""
    known: PartialShape = None
    for shape in shapes:
        known = unify(known, shape)
    return known


def same(ins: Shapes, outs: Shapes, p: Any) -> tuple[Shapes, Shapes]:
    """All inputs and outputs have one shape."""
    shape = unify_all([*ins, *outs])
    return [shape] * len(ins), [shape] * len(outs)


def unknown(ins: Shapes, outs: Shapes, p: Any) -> tuple[Shapes, Shapes]:
    """Nothing can be concluded (the output's shape depends on values)."""
    return ins, outs


def like_input(index: int) -> ShapeRule:
    """The only output has the shape of the input at `index`; the other inputs are left alone."""

    def rule(ins: Shapes, outs: Shapes, p: Any) -> tuple[Shapes, Shapes]:
        shape = unify(ins[index], outs[0])
        ins = list(ins)
        ins[index] = shape
        return ins, [shape]

    return rule


def broadcast_shapes(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of two broadcast together (sizes may be -1). Raises ArgumentError where they do not broadcast."""
    rank = max(len(first), len(second))
    a = (1,) * (rank - len(first)) + tuple(first)
    b = (1,) * (rank - len(second)) + tuple(second)
    return tuple(_broadcast_size(x, y, first, second) for x, y in zip(a, b, strict=True))


def _broadcast_size(x: int, y: int, first: tuple[int, ...], second: tuple[int, ...]) -> int:
    if x == y or y == 1:
        return x
    if x == 1:
        return y
    if -1 in (x, y):
        return max(x, y)
    raise ArgumentError(f"Expected: shapes that broadcast together. Received: {first} and {second}.")


def broadcast(ins: Shapes, outs: Shapes, p: Any) -> tuple[Shapes, Shapes]:
    """Two inputs broadcast against each other."""
    lhs, rhs = ins
    if lhs is None or rhs is None:
        return ins, outs
    return ins, [broadcast_shapes(lhs, rhs)]


def normalize_axes(axes: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Axes as sorted non-negative numbers; None or () means all. Raises ArgumentError for one outside the array."""
    if axes is None or (isinstance(axes, tuple) and not axes):
        return tuple(range(ndim))
    listed = (axes,) if isinstance(axes, int) else tuple(axes)
    return tuple(sorted({normalize_axis(axis, ndim) for axis in listed}))


def normalize_axis(axis: int, ndim: int) -> int:
    """One axis as a non-negative number. Raises ArgumentError for one outside the array."""
    if not -ndim <= axis < ndim:
        raise ArgumentError(f"Expected: an axis in [{-ndim}, {ndim}). Received: axis={axis}.")
    return axis % ndim
