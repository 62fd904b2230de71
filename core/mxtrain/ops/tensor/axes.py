"""Operators that add, drop, permute or reverse axes."""

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels.transposition import transposed
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Shape


def permutation(axes: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """The axes of `transpose`: all in reverse order by default. Raises ArgumentError for what is no permutation."""
    if not axes:
        return tuple(range(ndim))[::-1]
    if sorted(axes) != list(range(ndim)):
        raise ArgumentError(f"Expected: a permutation of {list(range(ndim))}. Received: axes={axes}.")
    return axes


@operator("transpose", cases=[Case(data=(2, 3)), Case(data=(2, 3, 4), axes=(1, 2, 0))])
class Transpose:
    """The array with its axes permuted: axis i of the output is axis axes[i] of data; in reverse order by default."""

    def infer_shape(ins, outs, p):
        known = ins[0] if ins[0] is not None else outs[0]
        if known is None:
            return ins, outs
        axes = permutation(p.axes, len(known))
        back = None if outs[0] is None else tuple(outs[0][axes.index(axis)] for axis in range(len(axes)))
        shape = shapes.unify(ins[0], back)
        return [shape], [tuple(shape[axis] for axis in axes)]

    def forward(xp, data, *, axes: Shape = (), out=None):
        return transposed(xp, data, permutation(axes, data.ndim), out)

    def gradient(F, gy, y, data, *, axes):
        inverse = tuple(axes.index(axis) for axis in range(len(axes))) if axes else ()
        return F.transpose(gy, axes=inverse)


def _swapped(ndim: int, dim1: int, dim2: int) -> tuple[int, ...]:
    axes = list(range(ndim))
    first, second = shapes.normalize_axis(dim1, ndim), shapes.normalize_axis(dim2, ndim)
    axes[first], axes[second] = second, first
    return tuple(axes)


@operator("SwapAxis", "swapaxes", cases=[Case(data=(2, 3, 4), dim1=0, dim2=2), Case(data=(2, 3), dim1=-1, dim2=0)])
class SwapAxis:
    """The array with the axes dim1 and dim2 exchanged."""

    def infer_shape(ins, outs, p):
        known = ins[0] if ins[0] is not None else outs[0]
        if known is None:
            return ins, outs
        axes = _swapped(len(known), p.dim1, p.dim2)
        back = None if outs[0] is None else tuple(outs[0][axis] for axis in axes)
        shape = shapes.unify(ins[0], back)
        return [shape], [tuple(shape[axis] for axis in axes)]

    def forward(xp, data, *, dim1: int = 0, dim2: int = 0, out=None):
        return transposed(xp, data, _swapped(data.ndim, dim1, dim2), out)

    def gradient(F, gy, y, data, *, dim1, dim2):
        return F.SwapAxis(gy, dim1=dim1, dim2=dim2)


@operator("expand_dims", cases=[Case(data=(2, 3), axis=1), Case(data=(2, 3), axis=-1)])
class ExpandDims:
    """The same values with a new axis of size 1 at position `axis` of the output."""

    view = True

    def infer_shape(ins, outs, p):
        if ins[0] is not None:
            axis = shapes.normalize_axis(p.axis, len(ins[0]) + 1)
            return ins, [shapes.unify((*ins[0][:axis], 1, *ins[0][axis:]), outs[0])]
        if outs[0] is None:
            return ins, outs
        axis = shapes.normalize_axis(p.axis, len(outs[0]))
        return [outs[0][:axis] + outs[0][axis + 1 :]], outs

    def forward(xp, data, *, axis: int):
        axis = shapes.normalize_axis(axis, data.ndim + 1)
        return data.reshape(*data.shape[:axis], 1, *data.shape[axis:])

    def gradient(F, gy, y, data, *, axis):
        return F.reshape_like(gy, data)


def _squeezed(shape: tuple[int, ...], axis: tuple[int, ...] | None) -> tuple[int, ...]:
    if axis is None:
        return tuple(size for size in shape if size != 1) or (1,)
    axes = [shapes.normalize_axis(n, len(shape)) for n in axis]
    for n in axes:
        if shape[n] not in (1, -1):
            raise ArgumentError(f"Expected: size 1 in each axis to squeeze. Received: axis={axis} of {shape}.")
    return tuple(size for n, size in enumerate(shape) if n not in axes) or (1,)


@operator("squeeze", cases=[Case(data=(1, 3, 1)), Case(data=(1, 3, 1), axis=(-1,))])
class Squeeze:
    """The same values without axes of size 1: all of them, or those in `axis`. Output: (1,) where none is left."""

    view = True

    def infer_shape(ins, outs, p):
        if ins[0] is None or (p.axis is None and -1 in ins[0]):
            return ins, outs
        return ins, [shapes.unify(_squeezed(ins[0], p.axis), outs[0])]

    def forward(xp, data, *, axis: Shape | None = None):
        return data.reshape(_squeezed(data.shape, axis))

    def gradient(F, gy, y, data, *, axis):
        return F.reshape_like(gy, data)


@operator("reverse", "flip", cases=[Case(data=(2, 3), axis=0), Case(data=(2, 3), axis=(0, -1))])
class Reverse:
    """The array with the order of elements reversed along the given axes."""

    infer_shape = shapes.same

    def forward(xp, data, *, axis: Shape, out=None):
        axes = {shapes.normalize_axis(n, data.ndim) for n in axis}
        flipped = data[tuple(slice(None, None, -1 if n in axes else None) for n in range(data.ndim))]
        if out is None:
            return flipped.copy()
        out[...] = flipped
        return out

    def gradient(F, gy, y, data, *, axis):
        return F.reverse(gy, axis=axis)
