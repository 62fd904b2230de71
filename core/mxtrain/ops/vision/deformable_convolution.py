"""`_contrib_DeformableConvolution` and its modulated form: every tap reads where an input says."""

from typing import Literal

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.nn.checks import require_one_dtype, require_shape
from mxtrain.ops.nn.convolution import check_inputs
from mxtrain.ops.nn.window_parameters import count_windows, read_windows, require_channels_first, require_data
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.parameters import Shape
from mxtrain.ops.vision.deformed_columns import Geometry, by_columns, columns_of

Layout = Literal["NCW", "NCHW", "NCDHW"]


def _infer(ins, outs, p, modulated):
    """Shapes of data, offset, (mask,) weight and (bias), and of the output."""
    if len(p.kernel) != 2:
        raise ArgumentError(f"Expected: a kernel of two sizes. Received: kernel={p.kernel}.")
    windows = read_windows(p.kernel, p.stride, p.dilate, p.pad)
    data, out = ins[0], outs[0]
    if out is not None:
        data = shapes.unify(data, (out[0], -1, -1, -1))
    batch, channels, counts = -1, -1, (-1, -1)
    if data is not None:
        require_data(data, windows)
        batch, channels, counts = data[0], data[1], count_windows(data, windows)
    out = shapes.unify(out, (batch, p.num_filter, *counts))
    taps = windows.size * p.num_deformable_group
    places = [(out[0], 2 * taps, *out[2:])] + [(out[0], taps, *out[2:])] * modulated
    found = [shapes.unify(shape, known) for shape, known in zip(ins[1:], places, strict=False)]
    weight = (p.num_filter, channels // p.num_group if channels != -1 else -1, *p.kernel)
    parameters = [weight] + [(p.num_filter,)] * (not p.no_bias)
    given = ins[1 + len(found) :]
    return [data, *found, *(shapes.unify(a, b) for a, b in zip(given, parameters, strict=True))], [out]


def _geometry(data, offset, mask, weight, bias, p):
    """The checked geometry of a call, p its parameters. Raises ArgumentError for inputs that do not fit."""
    types.require_floating(data.dtype)
    windows = read_windows(p["kernel"], p["stride"], p["dilate"], p["pad"])
    groups, parts = p["num_group"], p["num_deformable_group"]
    channels = data.shape[1] if data.ndim == 4 else 0
    if len(windows.kernel) != 2 or min(groups, parts) < 1 or channels % groups or channels % parts:
        raise ArgumentError(
            f"Expected: data (N, C, H, W), kernel of two sizes, num_group and num_deformable_group that divide C. "
            f"Received: data.shape={data.shape}, kernel={windows.kernel}, num_group={groups}, "
            f"num_deformable_group={parts}."
        )
    if p["num_filter"] % groups:
        raise ArgumentError(f"Expected: num_group that divides num_filter={p['num_filter']}. Received: {groups}.")
    counts = check_inputs(data, weight, bias, windows, p["num_filter"], groups)[2:]
    require_one_dtype(data, offset, mask)
    require_shape("offset", offset, (data.shape[0], 2 * windows.size * parts, *counts))
    if mask is not None:
        require_shape("mask", mask, (data.shape[0], windows.size * parts, *counts))
    return Geometry(windows, counts, parts, groups, clips=mask is None)


def _convolve(xp, data, offset, mask, weight, bias, p):
    geometry = _geometry(data, offset, mask, weight, bias, p)
    columns = columns_of(xp, widen(xp, data), widen(xp, offset), None if mask is None else widen(xp, mask), geometry)
    grouped = columns.reshape(data.shape[0], geometry.groups, -1, columns.shape[-1])
    result = widen(xp, weight).reshape(geometry.groups, -1, grouped.shape[2]) @ grouped
    result = result.reshape(data.shape[0], p["num_filter"], *geometry.counts)
    if bias is not None:
        result += widen(xp, bias)[:, None, None]
    return result.astype(data.dtype, copy=False)


def _gradients(xp, gy, data, offset, mask, weight, p):
    """The gradients by data, offset, mask (None without one) and weight."""
    geometry = _geometry(data, offset, mask, weight, None, p)
    require_shape("gy", gy, (data.shape[0], p["num_filter"], *geometry.counts))
    arrays = [None if array is None else widen(xp, array) for array in (data, offset, mask)]
    head = widen(xp, gy).reshape(gy.shape[0], geometry.groups, p["num_filter"] // geometry.groups, -1)
    matrices = widen(xp, weight).reshape(geometry.groups, head.shape[2], -1)
    columns = columns_of(xp, *arrays, geometry).reshape(*head.shape[:2], matrices.shape[2], head.shape[3])
    by_weight = xp.matmul(head, columns.swapaxes(2, 3)).sum(axis=0).reshape(weight.shape)
    gradient = (matrices.swapaxes(1, 2) @ head).reshape(gy.shape[0], -1, head.shape[3])
    found = (*by_columns(xp, gradient, *arrays, geometry), by_weight)
    return tuple(None if array is None else array.astype(gy.dtype, copy=False) for array in found)


_FORM = ("kernel", "stride", "dilate", "pad", "num_filter", "num_group", "num_deformable_group")
_PLAIN = {"kernel": (2, 2), "num_filter": 2, "pad": (1, 0), "num_deformable_group": 2}
_SHAPES = {"data": (1, 2, 3, 4), "offset": (1, 16, 4, 3), "weight": (2, 2, 2, 2)}
_MASK = {"mask": (1, 8, 4, 3)}


@operator(
    "_contrib_DeformableConvolution",
    cases=[
        Case(**_SHAPES, bias=(2,), **_PLAIN, low=0.1, high=0.9),
        Case(**_SHAPES, **_PLAIN, no_bias=True, low=0.1, high=0.9),
    ],
)
class DeformableConvolution:
    """Two-dimensional convolution whose taps read, by bilinear interpolation, away from their places.

    data: (N, C, H, W). offset: (N, 2 * kh * kw * num_deformable_group, h, w), y then x of each tap, in pixels; each
    group has C / num_deformable_group channels. weight: (num_filter, C / num_group, kh, kw). bias: (num_filter,), not
    with no_bias. Output: (N, num_filter, h, w), sizes as in `Convolution`. Points outside the data read 0.
    workspace is accepted and has no effect. Source: arXiv:1703.06211; MXNet 1.9.1.
    """

    def inputs(p):
        return ("data", "offset", "weight") if p.no_bias else ("data", "offset", "weight", "bias")

    def infer_shape(ins, outs, p):
        return _infer(ins, outs, p, False)

    def forward(
        xp,
        data,
        offset,
        weight,
        bias=None,
        *,
        kernel: Shape,
        stride: Shape = (),
        dilate: Shape = (),
        pad: Shape = (),
        num_filter: int,
        num_group: int = 1,
        num_deformable_group: int = 1,
        workspace: int = 1024,
        no_bias: bool = False,
        layout: Layout | None = None,
    ):
        require_channels_first(layout, len(kernel))
        given = (kernel, stride, dilate, pad, num_filter, num_group, num_deformable_group)
        return _convolve(xp, data, offset, None, weight, bias, dict(zip(_FORM, given, strict=True)))

    differentiable_once = "interpolation bends at the borders of pixels, and MXNet has no second derivative of it"

    def gradient(F, gy, y, data, offset, weight, bias=None, *, no_bias, **params):
        form = {name: params[name] for name in _FORM}
        found = F._deformable_convolution_backward(gy, data, offset, weight, **form)
        return tuple(found) if no_bias else (*found, F._sum_onto_axis(gy, axis=1))


@operator("_deformable_convolution_backward", cases=[Case(gy=(1, 2, 4, 3), **_SHAPES, **_PLAIN, low=0.1, high=0.9)])
class DeformableConvolutionBackward:
    """The gradients of `_contrib_DeformableConvolution` by data, offset and weight, in their shapes."""

    outputs = ("data", "offset", "weight")
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        known = [shapes.unify(a, b) for a, b in zip(ins[1:], outs, strict=True)]
        return [ins[0], *known], known

    def forward(
        xp,
        gy,
        data,
        offset,
        weight,
        *,
        kernel: Shape,
        stride: Shape = (),
        dilate: Shape = (),
        pad: Shape = (),
        num_filter: int,
        num_group: int = 1,
        num_deformable_group: int = 1,
    ):
        given = (kernel, stride, dilate, pad, num_filter, num_group, num_deformable_group)
        found = _gradients(xp, gy, data, offset, None, weight, dict(zip(_FORM, given, strict=True)))
        return found[0], found[1], found[3]


@operator(
    "_contrib_ModulatedDeformableConvolution",
    cases=[
        Case(**_SHAPES, **_MASK, bias=(2,), **_PLAIN, low=0.1, high=0.9),
        Case(**_SHAPES, **_MASK, **_PLAIN, no_bias=True, low=0.1, high=0.9),
    ],
)
class ModulatedDeformableConvolution:
    """`_contrib_DeformableConvolution` whose taps are also multiplied by a mask.

    mask: (N, kh * kw * num_deformable_group, h, w); all else as there, but for points less than a pixel outside the
    data, which read a mixture of the border and 0. im2col_step and workspace are accepted and have no effect.
    Source: arXiv:1811.11168; MXNet 1.9.1.
    """

    def inputs(p):
        names = ("data", "offset", "mask", "weight")
        return names if p.no_bias else (*names, "bias")

    def infer_shape(ins, outs, p):
        return _infer(ins, outs, p, True)

    def forward(
        xp,
        data,
        offset,
        mask,
        weight,
        bias=None,
        *,
        kernel: Shape,
        stride: Shape = (),
        dilate: Shape = (),
        pad: Shape = (),
        num_filter: int,
        num_group: int = 1,
        num_deformable_group: int = 1,
        workspace: int = 1024,
        no_bias: bool = False,
        im2col_step: int = 64,
        layout: Layout | None = None,
    ):
        require_channels_first(layout, len(kernel))
        given = (kernel, stride, dilate, pad, num_filter, num_group, num_deformable_group)
        return _convolve(xp, data, offset, mask, weight, bias, dict(zip(_FORM, given, strict=True)))

    differentiable_once = "interpolation bends at the borders of pixels, and MXNet has no second derivative of it"

    def gradient(F, gy, y, data, offset, mask, weight, bias=None, *, no_bias, **params):
        form = {name: params[name] for name in _FORM}
        found = F._modulated_deformable_convolution_backward(gy, data, offset, mask, weight, **form)
        return tuple(found) if no_bias else (*found, F._sum_onto_axis(gy, axis=1))


@operator(
    "_modulated_deformable_convolution_backward",
    cases=[Case(gy=(1, 2, 4, 3), **_SHAPES, **_MASK, **_PLAIN, low=0.1, high=0.9)],
)
class ModulatedDeformableConvolutionBackward:
    """The gradients of `_contrib_ModulatedDeformableConvolution` by data, offset, mask and weight, in their shapes."""

    outputs = ("data", "offset", "mask", "weight")
    gradient = NOT_DIFFERENTIABLE
    infer_shape = DeformableConvolutionBackward.infer_shape

    def forward(
        xp,
        gy,
        data,
        offset,
        mask,
        weight,
        *,
        kernel: Shape,
        stride: Shape = (),
        dilate: Shape = (),
        pad: Shape = (),
        num_filter: int,
        num_group: int = 1,
        num_deformable_group: int = 1,
    ):
        given = (kernel, stride, dilate, pad, num_filter, num_group, num_deformable_group)
        return _gradients(xp, gy, data, offset, mask, weight, dict(zip(_FORM, given, strict=True)))
