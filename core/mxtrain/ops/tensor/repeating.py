"""Operators that repeat or extend arrays: tile, repeat, pad."""

from typing import Any, Literal

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Shape


def _times(size: int, count: int) -> int:
    return -1 if size == -1 else size * count


@operator("tile", cases=[Case(data=(2, 3), reps=(2, 1)), Case(data=(2,), reps=(2, 2)), Case(data=(2, 2), reps=2)])
class Tile:
    """The array laid side by side: reps[i] times along axis i, counted from the last. Output: dtype of data."""

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        shape, reps = _aligned(ins[0], p.reps)
        return ins, [shapes.unify(tuple(_times(n, r) for n, r in zip(shape, reps, strict=True)), outs[0])]

    def forward(xp, data, *, reps: Shape):
        if any(count < 1 for count in reps):
            raise ArgumentError(f"Expected: repetitions of at least 1. Received: reps={reps}.")
        return xp.tile(data, reps) if reps else data.copy()

    def gradient(F, gy, y, data, *, reps):
        return F._tile_gradient(gy, data, reps=reps)


def _aligned(shape: tuple[int, ...], reps: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shape and repetitions with ones in front, so that both are equally long."""
    rank = max(len(shape), len(reps))
    return (1,) * (rank - len(shape)) + tuple(shape), (1,) * (rank - len(reps)) + tuple(reps)


@operator("_tile_gradient", cases=[Case(gy=(4, 3), like=(2, 3), reps=(2, 1)), Case(gy=(2, 4), like=(2,), reps=(2, 2))])
class TileGradient:
    """The sum over the copies that `tile` makes: its gradient. Output: the shape of like, dtype of gy."""

    def infer_shape(ins, outs, p):
        like = shapes.unify(ins[1], outs[0])
        return [ins[0], like], [like]

    def infer_type(ins, outs, p):
        return ins, [ins[0]]

    def forward(xp, gy, like, *, reps: Shape):
        shape, counts = _aligned(like.shape, reps)
        # (r0, n0, r1, n1, ...): every copy on an axis of its own
        split = [size for pair in zip(counts, shape, strict=True) for size in pair]
        copies = tuple(range(0, len(split), 2))
        return xp.sum(gy.reshape(split), axis=copies).reshape(like.shape)

    def gradient(F, gy, y, out_gradient, like, *, reps):
        return F.tile(gy, reps=reps), None


def _repeated_shape(shape: tuple[int, ...], repeats: int, axis: int | None) -> tuple[int, ...]:
    if repeats < 0:
        raise ArgumentError(f"Expected: repeats >= 0. Received: {repeats}.")
    if axis is None:
        total = 1
        for size in shape:
            total = -1 if -1 in (size, total) else total * size
        return (_times(total, repeats),)
    axis = shapes.normalize_axis(axis, len(shape))
    return (*shape[:axis], _times(shape[axis], repeats), *shape[axis + 1 :])


@operator("repeat", cases=[Case(data=(2, 3), repeats=2), Case(data=(2, 3), repeats=3, axis=-1)])
class Repeat:
    """Every element `repeats` times in a row, along an axis or (axis=None) of the flattened array."""

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [shapes.unify(_repeated_shape(ins[0], p.repeats, p.axis), outs[0])]

    def forward(xp, data, *, repeats: int, axis: int | None = None):
        _repeated_shape(data.shape, repeats, axis)
        return xp.repeat(data, repeats, axis=axis)

    def gradient(F, gy, y, data, *, repeats, axis):
        return F._repeat_gradient(gy, data, repeats=repeats, axis=axis)


@operator(
    "_repeat_gradient", cases=[Case(gy=(12,), like=(2, 3), repeats=2), Case(gy=(2, 6), like=(2, 3), repeats=2, axis=1)]
)
class RepeatGradient:
    """The sum over the repetitions that `repeat` makes: its gradient. Output: the shape of like, dtype of gy."""

    def infer_shape(ins, outs, p):
        like = shapes.unify(ins[1], outs[0])
        return [ins[0], like], [like]

    def infer_type(ins, outs, p):
        return ins, [ins[0]]

    def forward(xp, gy, like, *, repeats: int, axis: int | None = None):
        at = like.ndim if axis is None else shapes.normalize_axis(axis, like.ndim) + 1
        return xp.sum(gy.reshape(*like.shape[:at], repeats, *like.shape[at:]), axis=at)

    def gradient(F, gy, y, out_gradient, like, *, repeats, axis):
        return F.repeat(gy, repeats=repeats, axis=axis), None


def _pairs(pad_width: tuple[int, ...], ndim: int) -> list[tuple[int, int]]:
    """(before, after) of each axis."""
    if len(pad_width) != 2 * ndim or any(width < 0 for width in pad_width):
        raise ArgumentError(f"Expected: two widths >= 0 for each of {ndim} axes. Received: pad_width={pad_width}.")
    return list(zip(pad_width[::2], pad_width[1::2], strict=True))


@operator(
    "Pad",
    "pad",
    cases=[
        Case(data=(1, 1, 2, 3), mode="constant", pad_width=(0, 0, 0, 0, 1, 1, 0, 2), constant_value=2),
        Case(data=(1, 1, 2, 3), mode="edge", pad_width=(0, 0, 0, 0, 1, 2, 0, 1)),
        Case(data=(1, 1, 3, 3), mode="reflect", pad_width=(0, 0, 0, 0, 1, 2, 2, 1)),
    ],
)
class Pad:
    """The array with values put around it.

    pad_width: (before, after) of each axis, one after the other. mode: "constant" puts constant_value, "edge" repeats
    the outermost elements, "reflect" mirrors at them. Output: dtype of data. Source: MXNet 1.9.1 (which pads only the
    axes after the second of arrays with 4 or 5; here any axis may be padded).
    """

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        pairs = _pairs(p.pad_width, len(ins[0]))
        shape = tuple(-1 if n == -1 else n + a + b for n, (a, b) in zip(ins[0], pairs, strict=True))
        return ins, [shapes.unify(shape, outs[0])]

    def forward(
        xp,
        data,
        *,
        mode: Literal["constant", "edge", "reflect"],
        pad_width: Shape,
        constant_value: float = 0.0,
    ):
        pairs = _pairs(pad_width, data.ndim)
        if mode == "constant":
            return xp.pad(data, pairs, mode=mode, constant_values=constant_value)
        _require_room(data.shape, pairs, mode)
        return xp.pad(data, pairs, mode=mode)

    def gradient(F, gy, y, data, *, mode, pad_width, constant_value):
        return F._pad_gradient(gy, data, mode=mode, pad_width=pad_width)


def _require_room(shape: tuple[int, ...], pairs: list[tuple[int, int]], mode: str) -> None:
    """Raise ArgumentError where there is not enough to mirror or repeat."""
    for size, pair in zip(shape, pairs, strict=True):
        if max(pair) and (size == 0 or (mode == "reflect" and max(pair) >= size)):
            raise ArgumentError(f"Expected: widths below the sizes of {shape} to {mode}. Received: {pairs}.")


@operator(
    "_pad_gradient",
    cases=[
        Case(gy=(1, 1, 4, 3), like=(1, 1, 2, 2), mode=mode, pad_width=(0, 0, 0, 0, 1, 1, 0, 1))
        for mode in ("constant", "edge", "reflect")
    ],
)
class PadGradient:
    """The padding folded back onto the elements it came from: the gradient of Pad. Output: the shape of like."""

    def infer_shape(ins, outs, p):
        like = shapes.unify(ins[1], outs[0])
        return [ins[0], like], [like]

    def infer_type(ins, outs, p):
        return ins, [ins[0]]

    def forward(xp, gy, like, *, mode: Literal["constant", "edge", "reflect"], pad_width: Shape):
        folded = gy
        for axis, (before, after) in enumerate(_pairs(pad_width, like.ndim)):
            folded = _fold(xp, folded, axis, before, after, mode)
        return folded.copy()

    def gradient(F, gy, y, out_gradient, like, *, mode, pad_width):
        return F.Pad(gy, mode=mode, pad_width=pad_width), None


def _fold(xp: Any, gy: Any, axis: int, before: int, after: int, mode: str) -> Any:
    """gy without the padding of one axis, which is added to its sources."""
    if not before and not after:
        return gy
    lead = (slice(None),) * axis
    size = gy.shape[axis] - before - after
    inner = gy[(*lead, slice(before, before + size))]
    if mode == "constant":
        return inner
    inner = inner.copy()
    head, tail = gy[(*lead, slice(before))], gy[(*lead, slice(before + size, None))]
    if mode == "edge":
        inner[(*lead, slice(0, 1))] += xp.sum(head, axis=axis, keepdims=True)
        inner[(*lead, slice(size - 1, size))] += xp.sum(tail, axis=axis, keepdims=True)
        return inner
    inner[(*lead, slice(1, before + 1))] += xp.flip(head, axis)
    inner[(*lead, slice(size - 1 - after, size - 1))] += xp.flip(tail, axis)
    return inner
