"""`_contrib_AdaptiveAvgPooling2D`: averages over a grid of cells of whatever size fits."""

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Shape
from mxtrain.ops.vision.axis_maps import apply_maps, averaging_matrix


def _read_size(output_size):
    """Height and width of the output."""
    if len(output_size) > 2 or any(size < 1 for size in output_size):
        raise ArgumentError(f"Expected: output_size of one or two positive sizes. Received: {output_size}.")
    return output_size if len(output_size) == 2 else (output_size or (1,)) * 2


def _require_images(data):
    types.require_floating(data.dtype)
    if data.ndim != 4 or not data.shape[2] * data.shape[3]:
        raise ArgumentError(f"Expected: data of (N, C, H, W), H and W > 0. Received: {data.shape}.")


@operator(
    "_contrib_AdaptiveAvgPooling2D",
    cases=[
        Case(data=(2, 3, 4, 5)),
        Case(data=(1, 2, 5, 4), output_size=(2, 3)),
        Case(data=(1, 1, 3, 3), output_size=5),
    ],
)
class AdaptiveAvgPooling2D:
    """Averages over a grid of cells that cover each feature map evenly and may share their borders.

    data: (N, C, H, W), floating. output_size: (h, w), or one size for both (default 1). Output: (N, C, h, w); cell i
    reaches from floor(i * H / h) to ceil((i + 1) * H / h). Source: MXNet 1.9.1.
    """

    def infer_shape(ins, outs, p):
        data, out = ins[0], outs[0]
        data = data if out is None else shapes.unify(data, (*out[:2], -1, -1))
        return [data], [out if data is None else shapes.unify(out, (*data[:2], *_read_size(p.output_size)))]

    def forward(xp, data, *, output_size: Shape = ()):
        _require_images(data)
        maps = (averaging_matrix(*sizes) for sizes in zip(_read_size(output_size), data.shape[2:], strict=True))
        return apply_maps(xp, widen(xp, data), *maps).astype(data.dtype, copy=False)

    def gradient(F, gy, y, data, *, output_size):
        return F._adaptive_avg_pooling_backward(gy, data, output_size=output_size)


@operator("_adaptive_avg_pooling_backward", cases=[Case(gy=(1, 2, 2, 3), like=(1, 2, 5, 4), output_size=(2, 3))])
class AdaptiveAvgPoolingBackward:
    """The gradient of `_contrib_AdaptiveAvgPooling2D`: gy spread evenly over each cell. Output: like's shape."""

    infer_shape = shapes.like_input(1)

    def forward(xp, gy, like, *, output_size: Shape = ()):
        _require_images(like)
        sizes = _read_size(output_size)
        require_shape("gy", gy, (*like.shape[:2], *sizes))
        maps = (averaging_matrix(*pair).T for pair in zip(sizes, like.shape[2:], strict=True))
        return apply_maps(xp, widen(xp, gy), *maps).astype(gy.dtype, copy=False)

    def gradient(F, ggx, y, gy, like, *, output_size):
        return F._contrib_AdaptiveAvgPooling2D(ggx, output_size=output_size), None
