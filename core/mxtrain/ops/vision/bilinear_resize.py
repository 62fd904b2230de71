"""`_contrib_BilinearResize2D`: feature maps brought to another size by linear interpolation."""

from typing import Literal

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.vision.axis_maps import apply_maps, interpolate, interpolation_matrix

Mode = Literal["size", "odd_scale", "like", "to_even_down", "to_even_up", "to_odd_down", "to_odd_up"]

_ROUNDED = {
    "to_even_down": lambda size: size - size % 2,
    "to_even_up": lambda size: size + size % 2,
    "to_odd_down": lambda size: size - 1 + size % 2,
    "to_odd_up": lambda size: size + 1 - size % 2,
}


def _resized(size, wanted, scale, mode):
    """The new size of an axis; -1 if unknown."""
    if mode == "size" and scale is None:
        return wanted
    if size == -1:
        return -1
    if mode in _ROUNDED:
        return _ROUNDED[mode](size)
    if scale is None:
        raise ArgumentError(f"Expected: scale_height and scale_width with mode={mode!r}. Received: None.")
    if mode == "odd_scale" and size % 2:
        return int((size - 1) * scale) + 1
    return int(size * scale)


def _new_sizes(data, like, p):
    """Height and width of the output, from the shapes of the inputs."""
    if p.mode == "like":
        return (-1, -1) if like is None else tuple(like[2:])
    height = _resized(data[2], p.height, p.scale_height, p.mode)
    return height, _resized(data[3], p.width, p.scale_width, p.mode)


def _places(size, new, align_corners):
    """Where the places of the output lie among those of the input, computed in float32 as MXNet does."""
    steps = np.arange(new, dtype=np.float32)
    if align_corners:
        scale = np.float32(size - 1) / np.float32(new - 1) if new > 1 else np.float32(0)
        places = steps * scale
    else:
        places = np.maximum((steps + np.float32(0.5)) * np.float32(size / new) - np.float32(0.5), 0)
    return np.minimum(places, size - 1)


def _require_sizes(data, sizes):
    types.require_floating(data.dtype)
    if data.ndim != 4 or len(sizes) != 2 or min(data.shape[2:]) < 1:
        raise ArgumentError(f"Expected: data of (N, C, H, W), H and W > 0. Received: {data.shape}.")
    if min(sizes) < 1:
        raise ArgumentError(f"Expected: a positive height and width of the output. Received: {sizes}.")


@operator(
    "_contrib_BilinearResize2D",
    cases=[
        Case(data=(2, 2, 3, 4), height=5, width=3),
        Case(data=(1, 2, 3, 4), scale_height=1.5, scale_width=2, align_corners=False),
        Case(data=(1, 1, 3, 4), like=(1, 1, 2, 6), mode="like"),
        Case(data=(1, 1, 3, 4), scale_height=2, scale_width=2, mode="odd_scale"),
        Case(data=(1, 1, 3, 4), mode="to_even_up"),
    ],
)
class BilinearResize2D:
    """Feature maps of another height and width, interpolated linearly.

    data: (N, C, H, W), floating. Output: (N, C, h, w), same dtype. mode "size": height and width, or scale_height and
    scale_width times the old ones; "odd_scale": the same, (H - 1) * scale + 1 for odd ones; "like": those of the input
    `like` (whose values do not matter); "to_even_down" and so on: the nearest even or odd ones. align_corners: the
    corners' centers stay where they are, else the corners themselves. Source: MXNet 1.9.1.
    """

    def inputs(p):
        return ("data", "like") if p.mode == "like" else ("data",)

    def infer_shape(ins, outs, p):
        data, out = ins[0], outs[0]
        if out is not None:
            data = shapes.unify(data, (*out[:2], -1, -1))
        if data is None:
            return ins, outs
        like = ins[1] if p.mode == "like" else None
        return [data, *ins[1:]], [shapes.unify(out, (*data[:2], *_new_sizes(data, like, p)))]

    def forward(
        xp,
        data,
        like=None,
        *,
        height: int = 1,
        width: int = 1,
        scale_height: float | None = None,
        scale_width: float | None = None,
        mode: Mode = "size",
        align_corners: bool = True,
    ):
        if data.ndim != 4 or (like is not None and like.ndim != 4):
            raise ArgumentError(f"Expected: data (and like) of (N, C, H, W). Received: {data.shape}.")
        if mode == "like":
            sizes = like.shape[2:]
        else:
            sizes = (
                _resized(data.shape[2], height, scale_height, mode),
                _resized(data.shape[3], width, scale_width, mode),
            )
        _require_sizes(data, sizes)
        result = widen(xp, data)
        for axis, new in zip((2, 3), sizes, strict=True):
            if new != data.shape[axis]:
                result = interpolate(xp, result, axis, _places(data.shape[axis], new, align_corners))
        return data.copy() if result is data else result.astype(data.dtype, copy=False)

    def gradient(F, gy, y, data, like=None, *, align_corners, mode, **params):
        by_data = F._bilinear_resize_backward(gy, data, align_corners=align_corners)
        return (by_data, F.zeros_like(like)) if mode == "like" else (by_data,)


@operator(
    "_bilinear_resize_backward",
    cases=[
        Case(gy=(1, 2, 5, 3), like=(1, 2, 3, 4)),
        Case(gy=(1, 2, 5, 3), like=(1, 2, 3, 4), align_corners=False),
    ],
)
class BilinearResizeBackward:
    """The gradient of `_contrib_BilinearResize2D`: gy spread over the places it came from. Output: like's shape."""

    infer_shape = shapes.like_input(1)

    def forward(xp, gy, like, *, align_corners: bool = True):
        _require_sizes(like, gy.shape[2:])
        maps = (
            interpolation_matrix(_places(size, new, align_corners), size).T
            for size, new in zip(like.shape[2:], gy.shape[2:], strict=True)
        )
        return apply_maps(xp, widen(xp, gy), *maps).astype(gy.dtype, copy=False)

    def gradient(F, ggx, y, gy, like, *, align_corners):
        return F._contrib_BilinearResize2D(ggx, gy, mode="like", align_corners=align_corners), None
