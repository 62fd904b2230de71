"""Operators on batches of sequences of unlike lengths."""

from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.operator import Case, operator


def _inputs(p: Any) -> list[str]:
    return ["data", "sequence_length"] if p.use_sequence_length else ["data"]


def _require(shape: tuple[int, ...], axis: int) -> None:
    if axis not in (0, 1) or len(shape) < 2:
        raise ArgumentError(f"Expected: axis 0 or 1 of an array with two or more. Received: axis={axis} of {shape}.")


def _infer_lengths(ins: shapes.Shapes, p: Any) -> shapes.Shapes:
    """The inputs' shapes, in which the lengths are one per sequence."""
    if ins[0] is None or not p.use_sequence_length:
        return ins
    _require(ins[0], p.axis)
    return [ins[0], shapes.unify((ins[0][1 - p.axis],), ins[1])]


def _infer_same(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
    shape = shapes.unify(ins[0], outs[0])
    return _infer_lengths([shape, *ins[1:]], p), [shape]


def _lengths(xp: Any, data: Any, sequence_length: Any, axis: int) -> Any:
    """The length of each sequence as an integer within the array."""
    _require(data.shape, axis)
    if sequence_length.shape != (data.shape[1 - axis],):
        raise ArgumentError(f"Expected: {data.shape[1 - axis]} lengths. Received: shape {sequence_length.shape}.")
    return sequence_length.astype(np.int64).clip(0, data.shape[axis])


def _time_first(xp: Any, data: Any, axis: int) -> Any:
    """A view with the axis of time in front and that of the batch after it."""
    return data if axis == 0 else data.swapaxes(0, 1)


def _valid(xp: Any, data: Any, lengths: Any) -> Any:
    """(time, batch, 1, ...): whether a step belongs to its sequence; data has time in front."""
    inside = xp.arange(data.shape[0])[:, None] < lengths[None, :]
    return inside.reshape(inside.shape + (1,) * (data.ndim - 2))


_LENGTHS = np.array([1, 3])


@operator(
    "SequenceMask",
    cases=[
        Case(data=(3, 2, 2), sequence_length=_LENGTHS, use_sequence_length=True, value=-1),
        Case(data=(2, 3), sequence_length=_LENGTHS, use_sequence_length=True, axis=1),
        Case(data=(3, 2)),
    ],
)
class SequenceMask:
    """Sequences with `value` in every step after their end.

    data: (time, batch, ...) or, axis=1, (batch, time, ...). sequence_length: (batch,), used with use_sequence_length.
    Output: the shape and dtype of data. Source: MXNet 1.9.1.
    """

    inputs = _inputs
    infer_shape = _infer_same
    infer_type = types.like_input(0)

    def forward(
        xp, data, sequence_length=None, *, use_sequence_length: bool = False, value: float = 0.0, axis: int = 0
    ):
        if not use_sequence_length:
            return data.copy()
        lengths = _lengths(xp, data, sequence_length, axis)
        steps = _time_first(xp, data, axis)
        masked = xp.where(_valid(xp, steps, lengths), steps, data.dtype.type(value))
        return _time_first(xp, masked, axis)

    def gradient(F, gy, y, data, sequence_length=None, *, use_sequence_length, value, axis):
        if not use_sequence_length:
            return gy
        return F.SequenceMask(gy, sequence_length, use_sequence_length=True, axis=axis), None


@operator(
    "SequenceLast",
    cases=[
        Case(data=(3, 2, 2), sequence_length=_LENGTHS, use_sequence_length=True),
        Case(data=(2, 3, 2), sequence_length=_LENGTHS, use_sequence_length=True, axis=1),
        Case(data=(3, 2)),
    ],
)
class SequenceLast:
    """The last step of each sequence.

    data: (time, batch, ...) or, axis=1, (batch, time, ...). sequence_length: (batch,), at least 1, used with
    use_sequence_length. Output: (batch, ...), dtype of data. Source: MXNet 1.9.1.
    """

    inputs = _inputs
    infer_type = types.like_input(0)

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        _require(ins[0], p.axis)
        return _infer_lengths(ins, p), [shapes.unify((ins[0][1 - p.axis], *ins[0][2:]), outs[0])]

    def forward(xp, data, sequence_length=None, *, use_sequence_length: bool = False, axis: int = 0):
        _require(data.shape, axis)
        steps = _time_first(xp, data, axis)
        if not use_sequence_length:
            return steps[-1].copy()
        lengths = _lengths(xp, data, sequence_length, axis)
        return steps[xp.maximum(lengths, 1) - 1, xp.arange(steps.shape[1])]

    def gradient(F, gy, y, data, sequence_length=None, *, use_sequence_length, axis):
        inputs = [gy, data] if not use_sequence_length else [gy, data, sequence_length]
        by_data = F._sequence_last_gradient(*inputs, use_sequence_length=use_sequence_length, axis=axis)
        return (by_data, None) if use_sequence_length else by_data


@operator(
    "_sequence_last_gradient",
    cases=[
        Case(gy=(2, 2), like=(3, 2, 2), sequence_length=_LENGTHS, use_sequence_length=True),
        Case(gy=(2,), like=(3, 2)),
    ],
)
class SequenceLastGradient:
    """gy in the last step of each sequence, else 0: the gradient of SequenceLast. Output: the shape of like."""

    infer_type = types.like_input(0)

    def inputs(p):
        return ["gy", "like", "sequence_length"] if p.use_sequence_length else ["gy", "like"]

    def infer_shape(ins, outs, p):
        like = shapes.unify(ins[1], outs[0])
        return [ins[0], like, *ins[2:]], [like]

    def forward(xp, gy, like, sequence_length=None, *, use_sequence_length: bool = False, axis: int = 0):
        result = xp.zeros(like.shape, gy.dtype)
        steps = _time_first(xp, result, axis)
        if not use_sequence_length:
            steps[-1] = gy
            return result
        lengths = _lengths(xp, like, sequence_length, axis)
        steps[xp.maximum(lengths, 1) - 1, xp.arange(steps.shape[1])] = gy
        return result

    def gradient(F, gy, y, out_gradient, like, sequence_length=None, *, use_sequence_length, axis):
        inputs = [gy] if not use_sequence_length else [gy, sequence_length]
        last = F.SequenceLast(*inputs, use_sequence_length=use_sequence_length, axis=axis)
        return (last, None, None) if use_sequence_length else (last, None)


@operator(
    "SequenceReverse",
    cases=[Case(data=(3, 2, 2), sequence_length=_LENGTHS, use_sequence_length=True), Case(data=(3, 2))],
)
class SequenceReverse:
    """Sequences with their steps in reverse order; what follows their end stays.

    data: (time, batch, ...). sequence_length: (batch,), used with use_sequence_length. Output: shape and dtype of data.
    """

    inputs = _inputs
    infer_shape = _infer_same
    infer_type = types.like_input(0)

    def forward(xp, data, sequence_length=None, *, use_sequence_length: bool = False, axis: int = 0):
        if axis != 0:
            raise ArgumentError(f"Expected: axis 0, time in front. Received: axis={axis}.")
        _require(data.shape, axis)
        if not use_sequence_length:
            return data[::-1].copy()
        lengths = _lengths(xp, data, sequence_length, axis)
        steps = xp.arange(data.shape[0])[:, None]
        source = xp.where(steps < lengths[None, :], lengths[None, :] - 1 - steps, steps)
        return data[source, xp.arange(data.shape[1])[None, :]]

    def gradient(F, gy, y, data, sequence_length=None, *, use_sequence_length, axis):
        if not use_sequence_length:
            return F.SequenceReverse(gy)
        return F.SequenceReverse(gy, sequence_length, use_sequence_length=True), None
