"""The parameters of recurrent layers as the one vector that operator RNN takes."""

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.operator import Case, operator


@operator(
    "_rnn_param_concat",
    cases=[Case(data=[(4,), (3,), (2,)], dim=0), Case(data=[(2, 3), (4, 3)], dim=0), Case(data=[(2, 3), (2, 1)])],
)
class RnnParamConcat:
    """Arrays joined along the axis `dim`. Output: their sizes along `dim` added up.

    Shape inference works back from the output as well: where the ranks of all arrays are known, those of unknown length
    share what is left evenly, as the weights of both directions of a first layer do.
    """

    def infer_shape(ins, outs, p):
        known = [shape for shape in [*ins, *outs] if shape is not None]
        if not known:
            return ins, outs
        axis = shapes.normalize_axis(p.dim, len(known[0]))
        rest = shapes.unify_all([_with_size(shape, axis, -1) for shape in known])
        sizes = [-1 if shape is None else shape[axis] for shape in ins]
        total = -1 if outs[0] is None else outs[0][axis]
        holes = sizes.count(-1)
        if not holes:
            total = shapes.unify((sum(sizes),), (total,))[0]
        elif total != -1 and all(shape is not None for shape in ins):
            share, remainder = divmod(total - sum(size for size in sizes if size != -1), holes)
            if remainder or share < 0:
                raise ArgumentError(f"Expected: parts of {total} values in all. Received: sizes {sizes} (-1: unknown).")
            sizes = [share if size == -1 else size for size in sizes]
        return [_with_size(rest, axis, size) for size in sizes], [_with_size(rest, axis, total)]

    def forward(xp, *data, dim: int = 1, out=None):
        return xp.concatenate(data, axis=shapes.normalize_axis(dim, data[0].ndim), out=out)

    def gradient(F, gy, y, *data, dim):
        return F._concat_gradient(gy, *data, dim=dim)


def _with_size(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    if axis >= len(shape):
        raise ArgumentError(f"Expected: an axis {axis} in every shape. Received: shape {shape}.")
    return (*shape[:axis], size, *shape[axis + 1 :])
