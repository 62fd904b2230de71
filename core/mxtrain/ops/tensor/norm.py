"""The norm of vectors along axes."""

from mxtrain.base import ArgumentError
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import DType, Shape
from mxtrain.ops.tensor.reductions import infer_reduction, reduce_with, reduced_axes, reduced_shape


@operator(
    "norm",
    cases=[Case(data=(2, 3)), Case(data=(2, 3), ord=1, axis=1), Case(data=(2, 3, 2), axis=(0, 2), keepdims=True)],
)
class Norm:
    """The L1 norm (sum of magnitudes) or L2 norm (root of the sum of squares) over some axes.

    data: any shape. axis: one axis or two (then the norm of the matrices in them as flat vectors); all by default.
    out_dtype: element type of the output; by default that of data. Output: shape (1,) where no axis is left.
    Source: MXNet 1.9.1.
    """

    infer_shape = infer_reduction

    def infer_type(ins, outs, p):
        return ins, [ins[0] if p.out_dtype is None else p.out_dtype]

    def forward(
        xp, data, *, ord: int = 2, axis: Shape | None = None, out_dtype: DType | None = None, keepdims: bool = False
    ):
        if ord not in (1, 2):
            raise ArgumentError(f"Expected: ord=1 or ord=2. Received: ord={ord}.")
        axes = reduced_axes(axis, False, data.ndim)
        # squares of small types overflow
        wide = data if data.dtype.itemsize >= 4 and data.dtype.kind == "f" else data.astype("float64")
        if ord == 1:
            result = reduce_with(xp, "sum", xp.abs(wide), axes, keepdims)
        elif len(axes) == data.ndim:
            flat = wide.reshape(-1)
            result = xp.sqrt(xp.dot(flat, flat)).reshape(reduced_shape(data.shape, axes, keepdims))
        else:
            result = xp.sqrt(reduce_with(xp, "sum", wide * wide, axes, keepdims))
        return result.astype(data.dtype if out_dtype is None else out_dtype, copy=False)

    def gradient(F, gy, y, data, *, ord, axis, out_dtype, keepdims):
        direction = F.sign(data) if ord == 1 else data / F._cast_like(_spread(F, y, data, axis, keepdims), data)
        return direction * F._cast_like(_spread(F, gy, data, axis, keepdims), data)


def _spread(F, value, data, axis, keepdims):
    return F._spread_reduced(value, data, axis=axis, keepdims=keepdims)
