"""Operators that join several arrays, and those that cut one into several."""

import itertools
from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.ops import shapes
from mxtrain.ops.kernels.sparse.selection import stack_rows
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Params, Shape
from mxtrain.ops.storage import form


def _require_arrays(name: str, data: Any) -> None:
    if not data:
        raise ArgumentError("Expected: one array or more. Received: none.")
    for array in data:
        if array.dtype != data[0].dtype:
            raise ArgumentTypeError(
                f"Expected: arrays of one dtype to {name}. Received: {[a.dtype.name for a in data]}."
            )


def _infer_concat(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
    known = [shape for shape in [*ins, *outs] if shape is not None]
    if not known:
        return ins, outs
    axis = shapes.normalize_axis(p.dim, len(known[0]))
    # apart from the joined axis, all shapes are one
    common = shapes.unify_all([_with_size(shape, axis, -1) for shape in known])
    ins = [common if shape is None else _with_size(common, axis, shape[axis]) for shape in ins]
    total = shapes.unify((_sum_sizes([shape[axis] for shape in ins]),), None if outs[0] is None else (outs[0][axis],))[
        0
    ]
    sizes = [shape[axis] for shape in ins]
    if total != -1 and sizes.count(-1) == 1:
        hole = sizes.index(-1)
        ins[hole] = _with_size(common, axis, total - sum(size for size in sizes if size != -1))
    return ins, [_with_size(common, axis, total)]


def _with_size(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    if axis >= len(shape):
        raise ArgumentError(f"Expected: an axis {axis} in every shape. Received: shape {shape}.")
    return (*shape[:axis], size, *shape[axis + 1 :])


def _sum_sizes(sizes: list[int]) -> int:
    return -1 if -1 in sizes else sum(sizes)


def _stack_matrices(xp, *data, dim):
    return stack_rows(xp, *data)


@operator(
    "Concat",
    "concat",
    cases=[Case(data=[(2, 3), (2, 1)]), Case(data=[(2, 3), (1, 3), (2, 3)], dim=0), Case(data=[(2, 3)], dim=-1)],
)
class Concat:
    """Arrays joined along the axis `dim`, in the order given.

    data: shapes that differ in that axis only, one dtype. Output: their sizes along `dim` added up.
    """

    infer_shape = _infer_concat
    storage = [form("csr... -> csr", _stack_matrices, when=lambda p: p.dim == 0)]

    def forward(xp, *data, dim: int = 1, out=None):
        _require_arrays("join", data)
        axis = shapes.normalize_axis(dim, data[0].ndim)
        return xp.concatenate(data, axis=axis, out=out)

    def gradient(F, gy, y, *data, dim):
        return F._concat_gradient(gy, *data, dim=dim)


@operator("_concat_gradient", cases=[Case(data=[(2, 4), (2, 3), (2, 1)])])
class ConcatGradient:
    """The first array cut along `dim` into parts as long as the other arrays: the gradient of Concat.

    data: the array to cut, then one array per part, whose values are unused. Outputs: one per part, in their shapes.
    """

    def outputs(p):
        return [f"output{i}" for i in range(p.num_args - 1)]

    def infer_shape(ins, outs, p):
        parts = [shapes.unify(part, out) for part, out in zip(ins[1:], outs, strict=True)]
        parts, (whole,) = _infer_concat(parts, [ins[0]], p)
        return [whole, *parts], parts

    def infer_type(ins, outs, p):
        return ins, [ins[0]] * len(outs)

    def forward(xp, *data, dim: int = 1):
        whole, *parts = data
        axis = shapes.normalize_axis(dim, whole.ndim)
        results, start = [], 0
        for part in parts:
            stop = start + part.shape[axis]
            results.append(whole[(slice(None),) * axis + (slice(start, stop),)].copy())
            start = stop
        return tuple(results)

    def gradient(F, gy, y, *data, dim):
        return (F.Concat(*gy, dim=dim), *(None for _ in data[1:]))


@operator("stack", cases=[Case(data=[(2, 3), (2, 3)]), Case(data=[(2, 3), (2, 3)], axis=-1), Case(data=[(2,)], axis=1)])
class Stack:
    """Arrays joined along a new axis. data: one shape and dtype. Output: one axis more, as long as there are arrays."""

    def infer_shape(ins, outs, p):
        shape = shapes.unify_all(ins)
        if outs[0] is not None:
            axis = shapes.normalize_axis(p.axis, len(outs[0]))
            shape = shapes.unify(shape, outs[0][:axis] + outs[0][axis + 1 :])
        if shape is None:
            return ins, outs
        axis = shapes.normalize_axis(p.axis, len(shape) + 1)
        return [shape] * len(ins), [(*shape[:axis], len(ins), *shape[axis:])]

    def forward(xp, *data, axis: int = 0, out=None):
        _require_arrays("stack", data)
        axis = shapes.normalize_axis(axis, data[0].ndim + 1)
        return xp.stack(data, axis=axis, out=out)

    def gradient(F, gy, y, *data, axis):
        parts = F.SliceChannel(gy, num_outputs=len(data), axis=axis, squeeze_axis=True)
        return parts if isinstance(parts, (list, tuple)) else [parts]


@operator(
    "SliceChannel",
    "split",
    cases=[Case(data=(2, 4), num_outputs=2), Case(data=(3, 2), num_outputs=3, axis=0, squeeze_axis=True)],
)
class SliceChannel:
    """An array cut along an axis into `num_outputs` equal parts.

    squeeze_axis: remove the axis from the parts, which must have size 1 in it. Outputs: the parts, dtype of data.
    """

    def outputs(p):
        return [f"output{i}" for i in range(p.num_outputs)]

    def infer_shape(ins, outs, p):
        known = [] if ins[0] is None else [_part_shape(ins[0], p)]
        part = shapes.unify_all([*known, *outs])
        if part is None:
            return ins, outs
        return [shapes.unify(ins[0], _whole_shape(part, p))], [part] * len(outs)

    def forward(xp, data, *, num_outputs: int, axis: int = 1, squeeze_axis: bool = False):
        axis = shapes.normalize_axis(axis, data.ndim)
        require_divisible(data.shape, axis, num_outputs, squeeze_axis)
        parts = [part.copy() for part in xp.split(data, num_outputs, axis=axis)]
        return tuple(part.squeeze(axis) for part in parts) if squeeze_axis else tuple(parts)

    def gradient(F, gy, y, data, *, num_outputs, axis, squeeze_axis):
        return F.stack(*gy, axis=axis) if squeeze_axis else F.Concat(*gy, dim=axis)


def require_divisible(shape: tuple[int, ...], axis: int, count: int, squeeze_axis: bool) -> None:
    """Raise ArgumentError unless an axis can be cut into `count` equal parts (of size 1, to be squeezed)."""
    size = shape[axis]
    if count < 1 or size % count:
        raise ArgumentError(f"Expected: a number of parts that divides axis {axis} of {shape}. Received: {count}.")
    if squeeze_axis and size != count:
        raise ArgumentError(f"Expected: {size} parts, to squeeze axis {axis} of {shape}. Received: {count}.")


def _whole_shape(part: tuple[int, ...], p: Any) -> tuple[int, ...]:
    """The shape of which `part` is one of the equal parts."""
    axis = shapes.normalize_axis(p.axis, len(part) + p.squeeze_axis)
    if p.squeeze_axis:
        return (*part[:axis], p.num_outputs, *part[axis:])
    return _with_size(part, axis, part[axis] if part[axis] == -1 else part[axis] * p.num_outputs)


def _part_shape(shape: tuple[int, ...], p: Any) -> tuple[int, ...]:
    axis = shapes.normalize_axis(p.axis, len(shape))
    if shape[axis] != -1:
        require_divisible(shape, axis, p.num_outputs, p.squeeze_axis)
    if p.squeeze_axis:
        return shape[:axis] + shape[axis + 1 :]
    return _with_size(shape, axis, -1 if shape[axis] == -1 else shape[axis] // p.num_outputs)


@operator(
    "_split_v2",
    cases=[
        Case(data=(6, 2), sections=3),
        Case(data=(2, 6), indices=(0, 2, 5), axis=1),
        Case(data=(3, 2), sections=3, squeeze_axis=True),
    ],
)
class SplitV2:
    """An array cut along an axis into equal `sections`, or at `indices`, each of which starts a part.

    Values before the first index belong to no part. squeeze_axis: remove the axis from parts of size 1.
    Outputs: the parts, dtype of data. Source: MXNet 1.9.1's `_split_v2`.
    """

    def outputs(p):
        return [f"output{i}" for i in range(p.sections or len(p.indices))]

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        axis = shapes.normalize_axis(p.axis, len(ins[0]))
        if ins[0][axis] == -1:
            return ins, outs
        parts = [_with_size(ins[0], axis, stop - start) for start, stop in _bounds(ins[0], axis, p)]
        if p.squeeze_axis:
            parts = [_without_axis(part, axis) for part in parts]
        return ins, [shapes.unify(part, out) for part, out in zip(parts, outs, strict=True)]

    def forward(xp, data, *, indices: Shape = (), axis: int = 0, squeeze_axis: bool = False, sections: int = 0):
        axis = shapes.normalize_axis(axis, data.ndim)
        p = Params(indices=indices, sections=sections, squeeze_axis=squeeze_axis)
        lead = (slice(None),) * axis
        parts = [data[(*lead, slice(start, stop))].copy() for start, stop in _bounds(data.shape, axis, p)]
        return tuple(part.reshape(_without_axis(part.shape, axis)) if squeeze_axis else part for part in parts)

    def gradient(F, gy, y, data, *, indices, axis, squeeze_axis, sections):
        if squeeze_axis:
            gy = [F.expand_dims(part, axis=axis) for part in gy]
        # what lies before the first index got no gradient
        return F._embed_end(F.Concat(*gy, dim=axis), data, axis=axis)


def _bounds(shape: tuple[int, ...], axis: int, p: Any) -> list[tuple[int, int]]:
    """(start, stop) of each part."""
    size = shape[axis]
    if p.sections:
        require_divisible(shape, axis, p.sections, p.squeeze_axis)
        length = size // p.sections
        return [(n * length, (n + 1) * length) for n in range(p.sections)]
    edges = [*p.indices, size]
    if not p.indices or any(a > b or a < 0 for a, b in itertools.pairwise(edges)):
        raise ArgumentError(f"Expected: rising indices in [0, {size}], or sections. Received: indices={p.indices}.")
    return list(itertools.pairwise(edges))


def _without_axis(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    if shape[axis] != 1:
        raise ArgumentError(f"Expected: parts of size 1 to squeeze axis {axis}. Received: a part of shape {shape}.")
    return shape[:axis] + shape[axis + 1 :]
