"""Operators that give the same values another shape."""

import math

from mxtrain.ops import shapes
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Shape
from mxtrain.ops.reshape import target_shape


@operator("Reshape", "reshape", cases=[Case(data=(2, 3), shape=(3, 2)), Case(data=(2, 3, 4), shape=(-3, 0))])
class Reshape:
    """The same values in another shape.

    shape: sizes, or the codes 0 (keep), -1 (what is left), -2 (all remaining), -3 (merge two), -4 (split one).
    reverse: read the codes from the right. target_shape: the older form, in which 0 takes what is left; keep_highest:
    the first axis stays as it is. Output: dtype of data. Source: MXNet 1.9.1's `reshape`.
    """

    view = True

    def infer_shape(ins, outs, p):
        codes = p.shape or _older_codes(p.target_shape, p.keep_highest)
        if ins[0] is None:
            return ins, outs
        out = shapes.unify(target_shape(ins[0], codes, p.reverse), outs[0])
        return [_completed(ins[0], out)], [out]

    def forward(
        xp, data, *, shape: Shape = (), reverse: bool = False, target_shape: Shape = (), keep_highest: bool = False
    ):
        return data.reshape(_target(data.shape, shape or _older_codes(target_shape, keep_highest), reverse))

    def gradient(F, gy, y, data, **params):
        return F.reshape_like(gy, data)


def _older_codes(target: tuple[int, ...], keep_highest: bool) -> tuple[int, ...]:
    """The codes that mean what `target_shape` says."""
    sizes = tuple(size or -1 for size in target)
    return (0, *sizes[1:]) if keep_highest else sizes


def _completed(shape: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """A shape with its only unknown size filled in, where another shape of as many elements is known."""
    count = math.prod(size for size in shape if size != -1)
    if shape.count(-1) != 1 or -1 in other or not count:
        return shape
    return tuple(math.prod(other) // count if size == -1 else size for size in shape)


_target = target_shape  # inside the class, a parameter has this name


@operator("reshape_like", cases=[Case(lhs=(2, 3), rhs=(3, 2))])
class ReshapeLike:
    """The values of lhs in the shape of rhs, which has as many elements.

    lhs_begin, lhs_end, rhs_begin, rhs_end: replace only these axes of lhs by those of rhs. Output: dtype of lhs.
    """

    view = True

    def infer_shape(ins, outs, p):
        if ins[0] is None or ins[1] is None:
            return ins, outs
        return ins, [_spliced(ins[0], ins[1], p.lhs_begin, p.lhs_end, p.rhs_begin, p.rhs_end)]

    def infer_type(ins, outs, p):
        return ins, [ins[0]]

    def forward(
        xp,
        lhs,
        rhs,
        *,
        lhs_begin: int | None = None,
        lhs_end: int | None = None,
        rhs_begin: int | None = None,
        rhs_end: int | None = None,
    ):
        return lhs.reshape(_spliced(lhs.shape, rhs.shape, lhs_begin, lhs_end, rhs_begin, rhs_end))

    def gradient(F, gy, y, lhs, rhs, **params):
        return F.reshape_like(gy, lhs), None


def _spliced(lhs, rhs, lhs_begin, lhs_end, rhs_begin, rhs_end):
    """lhs's shape with the axes [lhs_begin, lhs_end) replaced by rhs's axes [rhs_begin, rhs_end)."""
    left = slice(lhs_begin, lhs_end).indices(len(lhs))
    return (*lhs[: left[0]], *rhs[slice(rhs_begin, rhs_end)], *lhs[left[1] :])


@operator("Flatten", "flatten", cases=[Case(data=(2, 3, 2))])
class Flatten:
    """All axes but the first merged into one: (N, ...) becomes (N, the product of the rest)."""

    view = True

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [_flat(ins[0])]

    def forward(xp, data):
        return data.reshape(_flat(data.shape))

    def gradient(F, gy, y, data):
        return F.reshape_like(gy, data)


def _flat(shape):
    rest = 1
    for size in shape[1:]:
        rest = -1 if -1 in (rest, size) else rest * size
    return (shape[0], rest)
