"""Operators that select a box out of an array, and those that write into one."""

from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.sparse.selection import slice_columns, slice_rows
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import OptionalInts, Shape
from mxtrain.ops.sparse.containers import Csr
from mxtrain.ops.storage import form


def _slices(shape: tuple[int, ...], begin: Any, end: Any, step: Any) -> tuple[slice, ...]:
    """The key that begin, end and step make. Raises ArgumentError where they do not fit the shape."""
    if len(begin) != len(end) or len(begin) > len(shape) or (step and len(step) != len(begin)):
        raise ArgumentError(
            f"Expected: begin, end and step of one length, at most {len(shape)}. "
            f"Received: begin={begin}, end={end}, step={step}."
        )
    if 0 in step:
        raise ArgumentError(f"Expected: no step of 0. Received: step={step}.")
    return tuple(slice(*triple) for triple in zip(begin, end, step or (None,) * len(begin), strict=True))


def _slice_shape(shape: tuple[int, ...], key: tuple[slice, ...]) -> tuple[int, ...]:
    sizes = [-1 if size == -1 else len(range(*part.indices(size))) for size, part in zip(shape, key, strict=False)]
    return (*sizes, *shape[len(key) :])


def _slice_of_matrix(xp: Any, data: Csr, *, begin: Any, end: Any, step: Any) -> Csr:
    box = _slices(data.shape, begin, end, step)
    (low, high, _), *columns = (part.indices(size) for part, size in zip(box, data.shape, strict=False))
    part = slice_rows(xp, data, low, max(low, high))
    return slice_columns(xp, part, columns[0][0], max(columns[0][:2])) if columns else part


@operator(
    "slice",
    "crop",
    cases=[
        Case(data=(3, 4), begin=(0, 1), end=(2, 3)),
        Case(data=(3, 4), begin=(None, None), end=(None, None), step=(-1, 2)),
        Case(data=(3, 4), begin=(-2,), end=(None,)),
    ],
)
class Slice:
    """The box data[begin:end:step] of the leading axes, as in Python.

    begin, end, step: an integer or None per axis. Output: dtype of data; csr of csr where every step is 1.
    Source: MXNet 1.9.1.
    """

    storage = [form("csr -> csr", _slice_of_matrix, when=lambda p: all(step in (None, 1) for step in p.step))]

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        key = _slices(ins[0], p.begin, p.end, p.step)
        return ins, [shapes.unify(_slice_shape(ins[0], key), outs[0])]

    def forward(xp, data, *, begin: OptionalInts, end: OptionalInts, step: OptionalInts = (), out=None):
        return _copied(data[_slices(data.shape, begin, end, step)], out)

    def gradient(F, gy, y, data, **p):
        return F._slice_assign(F.zeros_like(data), gy, **p)


def _copied(part: Any, out: Any) -> Any:
    if out is None:
        return part.copy()
    out[...] = part
    return out


@operator(
    "_slice_assign",
    "_crop_assign",
    cases=[
        Case(lhs=(3, 4), rhs=(2, 2), begin=(0, 1), end=(2, 3)),
        Case(lhs=(4,), rhs=(2,), begin=(0,), end=(4,), step=(2,)),
    ],
)
class SliceAssign:
    """A copy of lhs with the box lhs[begin:end:step] replaced by rhs. Output: the shape and dtype of lhs."""

    inplace = (0,)

    def infer_shape(ins, outs, p):
        whole = shapes.unify(ins[0], outs[0])
        if whole is None:
            return ins, outs
        part = _slice_shape(whole, _slices(whole, p.begin, p.end, p.step))
        return [whole, shapes.unify(part, ins[1])], [whole]

    def forward(xp, lhs, rhs, *, begin: OptionalInts, end: OptionalInts, step: OptionalInts = (), out=None):
        key = _slices(lhs.shape, begin, end, step)
        shapes.unify(_slice_shape(lhs.shape, key), rhs.shape)
        types.unify(lhs.dtype, rhs.dtype)
        result = _started(lhs, out)
        result[key] = rhs
        return result

    def gradient(F, gy, y, lhs, rhs, **p):
        return F._slice_assign_scalar(gy, scalar=0, **p), F.slice(gy, **p)


def _started(data: Any, out: Any) -> Any:
    """An array with data's values to write to: `out`, or a copy."""
    if out is None:
        return data.copy()
    if out is not data:
        out[...] = data
    return out


@operator("_slice_assign_scalar", "_crop_assign_scalar", cases=[Case(data=(3, 4), scalar=2, begin=(0, 1), end=(2, 3))])
class SliceAssignScalar:
    """A copy of data with the box data[begin:end:step] filled with a number. Output: the shape and dtype of data."""

    infer_shape = shapes.same
    inplace = (0,)

    def forward(
        xp, data, *, scalar: float = 0.0, begin: OptionalInts, end: OptionalInts, step: OptionalInts = (), out=None
    ):
        key = _slices(data.shape, begin, end, step)
        result = _started(data, out)
        result[key] = scalar
        return result

    def gradient(F, gy, y, data, *, scalar, **p):
        return F._slice_assign_scalar(gy, scalar=0, **p)


def _axis_key(shape: tuple[int, ...], axis: int, begin: int, end: int | None) -> tuple[slice, ...]:
    """The key of `slice_axis`, which unlike Python's slices refuses bounds outside of the axis."""
    axis = shapes.normalize_axis(axis, len(shape))
    size = shape[axis]
    start = begin + size if begin < 0 else begin
    stop = size if end is None else end + size if end < 0 else end
    if not 0 <= start < stop <= size:
        raise ArgumentError(
            f"Expected: 0 <= begin < end <= {size}, the size of axis {axis} of {shape}. Received: {begin}, {end}."
        )
    return (*(slice(None),) * axis, slice(start, stop))


@operator(
    "slice_axis",
    cases=[Case(data=(3, 4), axis=1, begin=1, end=3), Case(data=(3, 4), axis=-2, begin=-2, end=None)],
)
class SliceAxis:
    """The part from `begin` to `end` (excluded; None: the end) of one axis; negative numbers count from its end.

    Output: dtype of data. Source: MXNet 1.9.1.
    """

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        axis = shapes.normalize_axis(p.axis, len(ins[0]))
        if ins[0][axis] == -1:
            return ins, [shapes.unify((*ins[0][:axis], -1, *ins[0][axis + 1 :]), outs[0])]
        key = _axis_key(ins[0], p.axis, p.begin, p.end)
        return ins, [shapes.unify(_slice_shape(ins[0], key), outs[0])]

    def forward(xp, data, *, axis: int, begin: int, end: int | None = None, out=None):
        return _copied(data[_axis_key(data.shape, axis, begin, end)], out)

    def gradient(F, gy, y, data, **p):
        return F._embed_axis(gy, data, **p)


@operator("_embed_axis", cases=[Case(data=(3, 2), like=(3, 4), axis=1, begin=1, end=3)])
class EmbedAxis:
    """Zeros in the shape of `like`, with data in the part that `slice_axis` selects: its gradient.

    Output: the shape of `like`, dtype of data.
    """

    def infer_shape(ins, outs, p):
        like = shapes.unify(ins[1], outs[0])
        return [ins[0], like], [like]

    def infer_type(ins, outs, p):
        return ins, [ins[0]]

    def forward(xp, data, like, *, axis: int, begin: int, end: int | None = None, out=None):
        return _embedded(xp, data, like.shape, _axis_key(like.shape, axis, begin, end), out)

    def gradient(F, gy, y, data, like, **p):
        return F.slice_axis(gy, **p), None


def _embedded(xp: Any, data: Any, shape: tuple[int, ...], key: tuple[slice, ...], out: Any) -> Any:
    """Zeros with data at a key."""
    if out is None:
        out = xp.zeros(shape, data.dtype)
    else:
        out[...] = 0
    out[key] = data
    return out


@operator("_embed_end", cases=[Case(data=(3, 2), like=(3, 4), axis=1), Case(data=(3, 2), like=(3, 2), axis=0)])
class EmbedEnd:
    """Zeros in the shape of `like`, with data at the end of one axis. Output: the shape of `like`, dtype of data."""

    def infer_shape(ins, outs, p):
        like = shapes.unify(ins[1], outs[0])
        return [ins[0], like], [like]

    def infer_type(ins, outs, p):
        return ins, [ins[0]]

    def forward(xp, data, like, *, axis: int = 0, out=None):
        axis = shapes.normalize_axis(axis, like.ndim)
        start = like.shape[axis] - data.shape[axis]
        return _embedded(xp, data, like.shape, (*(slice(None),) * axis, slice(start, None)), out)

    def gradient(F, gy, y, data, like, *, axis):
        return F._take_end(gy, data, axis=axis), None


@operator("_take_end", cases=[Case(data=(3, 4), like=(3, 2), axis=1)])
class TakeEnd:
    """The end of one axis, as long as that axis of `like`: the gradient of `_embed_end`. Output: shape of `like`."""

    def infer_shape(ins, outs, p):
        like = shapes.unify(ins[1], outs[0])
        return [ins[0], like], [like]

    def infer_type(ins, outs, p):
        return ins, [ins[0]]

    def forward(xp, data, like, *, axis: int = 0, out=None):
        axis = shapes.normalize_axis(axis, like.ndim)
        start = data.shape[axis] - like.shape[axis]
        return _copied(data[(*(slice(None),) * axis, slice(start, None))], out)

    def gradient(F, gy, y, data, like, *, axis):
        return F._embed_end(gy, data, axis=axis), None


def _corner(shape: tuple[int, ...], like: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of `slice_like`."""
    if not axes and len(shape) != len(like):
        raise ArgumentError(f"Expected: shapes of one rank, or axes. Received: {shape} and {like}.")
    result = list(shape)
    for axis in axes or range(len(shape)):
        position = shapes.normalize_axis(axis, len(shape))
        target = like[shapes.normalize_axis(position, len(like))]
        if target > shape[position] != -1:
            raise ArgumentError(f"Expected: at most {shape[position]} in axis {axis} of {like}. Received: {target}.")
        result[position] = target
    return tuple(result)


@operator(
    "slice_like",
    cases=[Case(data=(3, 4), shape_like=(2, 3)), Case(data=(3, 4), shape_like=(2,), axes=(-2,))],
)
class SliceLike:
    """The leading corner of data that is as large as shape_like, in `axes` or (by default) in all.

    axes: negative ones count from the end of data, and mean the same axes, from the front, of shape_like.
    Output: dtype of data; the values of shape_like are unused. Source: MXNet 1.9.1.
    """

    def infer_shape(ins, outs, p):
        if ins[0] is None or ins[1] is None:
            return ins, outs
        return ins, [shapes.unify(_corner(*ins, p.axes), outs[0])]

    def infer_type(ins, outs, p):
        return ins, [ins[0]]

    def forward(xp, data, shape_like, *, axes: Shape = (), out=None):
        corner = _corner(data.shape, shape_like.shape, axes)
        return _copied(data[tuple(slice(size) for size in corner)], out)

    def gradient(F, gy, y, data, shape_like, *, axes):
        return F._embed_corner(gy, data), None


@operator("_embed_corner", cases=[Case(data=(2, 3), like=(3, 4))])
class EmbedCorner:
    """Zeros in the shape of `like`, with data in the leading corner: the gradient of slice_like.

    Output: the shape of `like`, dtype of data.
    """

    def infer_shape(ins, outs, p):
        like = shapes.unify(ins[1], outs[0])
        return [ins[0], like], [like]

    def infer_type(ins, outs, p):
        return ins, [ins[0]]

    def forward(xp, data, like, *, out=None):
        return _embedded(xp, data, like.shape, tuple(slice(size) for size in data.shape), out)

    def gradient(F, gy, y, data, like):
        return F.slice_like(gy, data), None
