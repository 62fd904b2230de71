"""`BilinearSampler`: feature maps interpolated at the points of a grid."""

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.nn.checks import require_one_dtype, require_shape
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.vision.points import channels_first, channels_last, corners_of, slopes_at, spread_values, values_at


def _check(data, grid):
    types.require_floating(data.dtype)
    require_one_dtype(data, grid)
    if data.ndim != 4 or not data.shape[2] * data.shape[3]:
        raise ArgumentError(f"Expected: data of (N, C, H, W), H and W > 0. Received: {data.shape}.")
    if grid.ndim != 4 or grid.shape[:2] != (data.shape[0], 2):
        raise ArgumentError(f"Expected: grid of ({data.shape[0]}, 2, h, w). Received: {grid.shape}.")


def _corners(xp, data, grid):
    """The corners of the grid's points in the table of data."""
    count, _, height, width = data.shape
    first = xp.repeat(xp.arange(count) * (height * width), grid.shape[2] * grid.shape[3])
    x = (grid[:, 0].reshape(-1) + 1) * grid.dtype.type((width - 1) / 2)
    y = (grid[:, 1].reshape(-1) + 1) * grid.dtype.type((height - 1) / 2)
    return corners_of(xp, y, x, height, width, first)


def sample_grid(xp, data, grid):
    """Data (N, C, H, W) at the points of grid (N, 2, h, w): (N, C, h, w), both at least float32."""
    values = values_at(channels_last(data), _corners(xp, data, grid))
    return channels_first(values, (*data.shape[:2], *grid.shape[2:]))


def _infer_shape(ins, outs, p):
    data, grid = ins
    out = outs[0]
    batch = shapes.unify_all([None if s is None else s[:1] for s in (data, grid, out)]) or (-1,)
    data = shapes.unify(data, (batch[0], -1 if out is None else out[1], -1, -1))
    grid = shapes.unify(grid, (batch[0], 2, *((-1, -1) if out is None else out[2:])))
    return [data, grid], [shapes.unify(out, (batch[0], data[1], *grid[2:]))]


@operator(
    "BilinearSampler",
    cases=[Case(data=(2, 3, 4, 5), grid=(2, 2, 3, 2)), Case(data=(1, 1, 2, 2), grid=(1, 2, 1, 4), low=-1.4, high=1.4)],
)
class BilinearSampler:
    """Feature maps interpolated bilinearly at the points of a grid; 0 outside.

    data: (N, C, H, W), floating. grid: (N, 2, h, w), x then y of each point, from -1 (center of the first pixel) to 1
    (center of the last). Output: (N, C, h, w). cudnn_off is accepted and has no effect. Source: arXiv:1506.02025;
    MXNet 1.9.1.
    """

    listed_outputs = ("output", "tmp")  # MXNet hides working memory
    infer_shape = _infer_shape

    def forward(xp, data, grid, *, cudnn_off: bool | None = None):
        _check(data, grid)
        return sample_grid(xp, widen(xp, data), widen(xp, grid)).astype(data.dtype, copy=False)

    differentiable_once = "interpolation bends at the borders of pixels, and MXNet has no second derivative of it"

    def gradient(F, gy, y, data, grid, *, cudnn_off):
        return F._bilinear_sampler_backward(gy, data, grid)


@operator("_bilinear_sampler_backward", cases=[Case(gy=(2, 3, 3, 2), data=(2, 3, 4, 5), grid=(2, 2, 3, 2))])
class BilinearSamplerBackward:
    """The gradients of `BilinearSampler` by data and grid, in their shapes, from gy and both inputs."""

    outputs = ("data", "grid")
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        data, grid = shapes.unify(ins[1], outs[0]), shapes.unify(ins[2], outs[1])
        (data, grid), (gy,) = _infer_shape([data, grid], [ins[0]], p)
        return [gy, data, grid], [data, grid]

    def forward(xp, gy, data, grid):
        _check(data, grid)
        require_shape("gy", gy, (*data.shape[:2], *grid.shape[2:]))
        wide, maps, points = widen(xp, gy), widen(xp, data), widen(xp, grid)
        corners, values, table = _corners(xp, maps, points), channels_last(wide), channels_last(maps)
        by_y, by_x = slopes_at(xp, table, values, corners)
        by_data = channels_first(spread_values(xp, values, corners, len(table)), data.shape)
        by_grid = xp.empty(grid.shape, wide.dtype)
        by_grid[:, 0] = by_x.reshape(grid[:, 0].shape) * wide.dtype.type((data.shape[3] - 1) / 2)
        by_grid[:, 1] = by_y.reshape(grid[:, 0].shape) * wide.dtype.type((data.shape[2] - 1) / 2)
        return by_data.astype(gy.dtype, copy=False), by_grid.astype(gy.dtype, copy=False)
