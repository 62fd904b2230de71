"""`Crop`: a window of feature maps."""

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Shape


def _window(data, like, p):
    """The key of the window in maps of shape `data`, of h_w or the size of the shape `like`, if there is one."""
    sizes = tuple(like[2:]) if like is not None else p.h_w
    if len(data) != 4 or len(sizes) != 2 or len(p.offset) != 2:
        raise ArgumentError(
            f"Expected: data (N, C, H, W), two sizes and two offsets. Received: {data}, {sizes}, {p.offset}."
        )
    offset = tuple((size - new) // 2 for size, new in zip(data[2:], sizes, strict=True)) if p.center_crop else p.offset
    for size, new, start in zip(data[2:], sizes, offset, strict=True):
        if new < 1 or start < 0 or start + new > size:
            raise ArgumentError(f"Expected: a window inside {data[2:]}. Received: size {sizes}, offset {offset}.")
    return (slice(None), slice(None), *(slice(start, start + new) for start, new in zip(offset, sizes, strict=True)))


class _Options:
    """The parameters that say where the window is."""

    def __init__(self, offset, h_w, center_crop):
        self.offset, self.h_w, self.center_crop = offset, h_w, center_crop


@operator(
    "Crop",
    cases=[
        Case(data=[(1, 2, 4, 5)], h_w=(2, 3), offset=(1, 2)),
        Case(data=[(1, 2, 4, 5), (1, 1, 3, 3)], center_crop=True),
    ],
)
class Crop:
    """A window of height and width h_w, or those of a second input (whose values do not matter), at an offset (y, x).

    data: (N, C, H, W) and, if there are two, an array (., ., h, w). center_crop: from the center. Output: (N, C, h, w).
    Source: MXNet 1.9.1.
    """

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        sizes = p.h_w
        if len(ins) > 1:
            sizes = (-1, -1) if ins[1] is None else ins[1][2:]
        return ins, [shapes.unify(outs[0], (*ins[0][:2], *sizes))]

    def forward(xp, *data, offset: Shape = (0, 0), h_w: Shape = (0, 0), center_crop: bool = False):
        like = data[1].shape if len(data) > 1 else None
        return data[0][_window(data[0].shape, like, _Options(offset, h_w, center_crop))].copy()

    def gradient(F, gy, y, *data, **params):
        return (F._crop_backward(gy, data[0], **params), *(None for _ in data[1:]))


@operator("_crop_backward", cases=[Case(gy=(1, 2, 2, 3), like=(1, 2, 4, 5), offset=(1, 2))])
class CropBackward:
    """The gradient of `Crop` by data: gy in its window, 0 around it. Output: like's shape."""

    infer_shape = shapes.like_input(1)

    def forward(xp, gy, like, *, offset: Shape = (0, 0), h_w: Shape = (0, 0), center_crop: bool = False):
        result = xp.zeros(like.shape, gy.dtype)
        result[_window(like.shape, gy.shape, _Options(offset, h_w, center_crop))] = gy
        return result

    def gradient(F, ggx, y, gy, like, **params):
        return F.Crop(ggx, gy, **params), None
