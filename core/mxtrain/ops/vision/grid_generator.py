"""`GridGenerator`: the points at which an affine map or an optical flow samples an image; `SpatialTransformer`."""

from typing import Literal

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.nn.checks import require_one_dtype, require_shape
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Shape
from mxtrain.ops.vision.bilinear_sampler import sample_grid


def _target_rows(xp, height, width, dtype):
    """x, y and 1 of each point of the output, x and y from -1 to 1: (3, height * width)."""
    rows = xp.ones((3, height, width), dtype)
    rows[0] = xp.linspace(-1, 1, width, dtype=dtype) if width > 1 else -1
    rows[1] = (xp.linspace(-1, 1, height, dtype=dtype) if height > 1 else -1 * xp.ones(1, dtype))[:, None]
    return rows.reshape(3, -1)


def _require_target(target_shape):
    if len(target_shape) != 2 or min(target_shape) < 1:
        raise ArgumentError(f"Expected: target_shape (height, width), both positive. Received: {target_shape}.")


def _affine_grid(xp, theta, target_shape):
    """The points (N, 2, h, w) that matrices (N, 6) move those of the output to."""
    _require_target(target_shape)
    if theta.ndim != 2 or theta.shape[1] != 6:
        raise ArgumentError(f"Expected: affine matrices of shape (N, 6). Received: {theta.shape}.")
    points = theta.reshape(-1, 3) @ _target_rows(xp, *target_shape, theta.dtype)
    return points.reshape(-1, 2, *target_shape)


def _flow_scale(xp, shape, dtype):
    """How many pixels a unit of the grid is, for x and y: (2, 1, 1)."""
    return xp.asarray([(max(size - 1, 1)) / 2 for size in (shape[3], shape[2])], dtype=dtype).reshape(2, 1, 1)


@operator(
    "GridGenerator",
    cases=[
        Case(data=(2, 6), transform_type="affine", target_shape=(3, 4)),
        Case(data=(2, 2, 3, 4), transform_type="warp"),
    ],
)
class GridGenerator:
    """The points of a grid for `BilinearSampler`, x then y, from -1 to 1 over the image.

    transform_type "affine": data (N, 6), the rows of 2 x 3 matrices, applied to the points of an output of
    target_shape (h, w); "warp": data (N, 2, h, w), by how many pixels each point of the output moves.
    Output: (N, 2, h, w). Source: MXNet 1.9.1.
    """

    listed_outputs = ("output", "grid_dst")  # MXNet hides the grid

    def infer_shape(ins, outs, p):
        if p.transform_type == "warp":
            shape = shapes.unify(shapes.unify(ins[0], outs[0]), (-1, 2, -1, -1))
            return [shape], [shape]
        data = shapes.unify(ins[0], (-1 if outs[0] is None else outs[0][0], 6))
        return [data], [shapes.unify(outs[0], (data[0], 2, *p.target_shape))]

    def forward(xp, data, *, transform_type: Literal["affine", "warp"], target_shape: Shape = (0, 0)):
        types.require_floating(data.dtype)
        wide = widen(xp, data)
        if transform_type == "affine":
            return _affine_grid(xp, wide, target_shape).astype(data.dtype, copy=False)
        if data.ndim != 4 or data.shape[1] != 2:
            raise ArgumentError(f"Expected: a flow of shape (N, 2, h, w). Received: {data.shape}.")
        grid = wide / _flow_scale(xp, data.shape, wide.dtype)
        grid += _target_rows(xp, *data.shape[2:], wide.dtype)[:2].reshape(2, *data.shape[2:])
        return grid.astype(data.dtype, copy=False)

    def gradient(F, gy, y, data, *, transform_type, target_shape):
        return F._grid_generator_backward(gy, data, transform_type=transform_type)


@operator(
    "_grid_generator_backward",
    cases=[
        Case(gy=(2, 2, 3, 4), data=(2, 6), transform_type="affine"),
        Case(gy=(2, 2, 3, 4), data=(2, 2, 3, 4), transform_type="warp"),
    ],
)
class GridGeneratorBackward:
    """The gradient of `GridGenerator` by data, in data's shape, from gy (N, 2, h, w)."""

    infer_shape = shapes.like_input(1)

    def forward(xp, gy, data, *, transform_type: Literal["affine", "warp"]):
        wide = widen(xp, gy)
        if transform_type == "warp":
            require_shape("gy", gy, data.shape)
            return (wide / _flow_scale(xp, gy.shape, wide.dtype)).astype(gy.dtype, copy=False)
        targets = _target_rows(xp, *gy.shape[2:], wide.dtype)
        return (wide.reshape(-1, targets.shape[1]) @ targets.T).reshape(data.shape).astype(gy.dtype, copy=False)

    def gradient(F, ggx, y, gy, data, *, transform_type):
        # the map from data to the grid is affine: without its constant part
        size = {"transform_type": transform_type}
        if transform_type == "warp":
            return F._grid_generator_backward(ggx, ggx, **size), None
        return F._affine_grid_like(ggx, gy), None


@operator("_affine_grid_like", cases=[Case(theta=(2, 6), like=(2, 2, 3, 4))])
class AffineGridLike:
    """The grid of affine matrices (N, 6), of the size of `like`, (N, 2, h, w), whose values do not matter."""

    infer_shape = shapes.like_input(1)

    def forward(xp, theta, like):
        return _affine_grid(xp, widen(xp, theta), like.shape[2:]).astype(theta.dtype, copy=False)

    def gradient(F, ggx, y, theta, like):
        return F._grid_generator_backward(ggx, theta, transform_type="affine"), None


@operator(
    "SpatialTransformer",
    cases=[
        Case(
            data=(2, 3, 4, 5),
            loc=(2, 6),
            target_shape=(3, 2),
            transform_type="affine",
            sampler_type="bilinear",
            low=-0.7,
            high=0.7,
        )
    ],
)
class SpatialTransformer:
    """Feature maps moved by affine maps: `GridGenerator`, then `BilinearSampler`.

    data: (N, C, H, W), floating. loc: (N, 6), the rows of 2 x 3 matrices. Output: (N, C, h, w), target_shape = (h, w).
    cudnn_off is accepted and has no effect. Source: arXiv:1506.02025; MXNet 1.9.1.
    """

    listed_outputs = ("output", "grid_dst", "grid_src")  # MXNet hides the grids

    def infer_shape(ins, outs, p):
        data, loc = ins
        out = outs[0]
        batch = shapes.unify_all([None if s is None else s[:1] for s in (data, loc, out)]) or (-1,)
        data = shapes.unify(data, (batch[0], -1 if out is None else out[1], -1, -1))
        return [data, shapes.unify(loc, (batch[0], 6))], [shapes.unify(out, (*data[:2], *p.target_shape))]

    def forward(
        xp,
        data,
        loc,
        *,
        target_shape: Shape = (0, 0),
        transform_type: Literal["affine"],
        sampler_type: Literal["bilinear"],
        cudnn_off: bool | None = None,
    ):
        types.require_floating(data.dtype)
        require_one_dtype(data, loc)
        if data.ndim != 4 or not data.shape[2] * data.shape[3]:
            raise ArgumentError(f"Expected: data of (N, C, H, W), H and W > 0. Received: {data.shape}.")
        require_shape("loc", loc, (data.shape[0], 6))
        grid = _affine_grid(xp, widen(xp, loc), target_shape)
        return sample_grid(xp, widen(xp, data), grid).astype(data.dtype, copy=False)

    differentiable_once = "interpolation bends at the borders of pixels, and MXNet has no second derivative of it"

    def gradient(F, gy, y, data, loc, *, target_shape, **params):
        grid = F.GridGenerator(loc, transform_type="affine", target_shape=target_shape)
        by_data, by_grid = F._bilinear_sampler_backward(gy, data, grid)
        return by_data, F._grid_generator_backward(by_grid, loc, transform_type="affine")
