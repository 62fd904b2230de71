"""`UpSampling`: images made larger by repeating pixels, or by a learnable bilinear interpolation."""

from typing import Literal

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels import convolution as kernels
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.nn.checks import require_one_dtype, require_shape
from mxtrain.ops.nn.window_parameters import read_windows
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.parameters import Params


def _bilinear_windows(scale):
    """The transposed convolution that interpolates."""
    size, pad = 2 * scale - scale % 2, scale // 2
    return read_windows((size, size), (scale, scale), (), (pad, pad))


def _weight_shape(data, p):
    filters = p.num_filter or data[1]
    size = 2 * p.scale - p.scale % 2
    if data[1] not in (-1, filters):
        raise ArgumentError(f"Expected: data with num_filter={p.num_filter} channels. Received: data.shape={data}.")
    return (filters, 1, size, size)


def _factors(inputs, scale):
    """How much larger each input has to become: the first by `scale`, the others to the same size."""
    height, width = inputs[0][2] * scale, inputs[0][3] * scale
    for shape in inputs:
        if height % shape[2] or width % shape[3] or height // shape[2] != width // shape[3]:
            raise ArgumentError(
                f"Expected: images that a whole factor brings to the size {(height, width)}. Received: {shape}."
            )
    return [height // shape[2] for shape in inputs]


def _infer_nearest(ins, p):
    if any(shape is None or -1 in shape for shape in ins):
        return None
    for shape in ins:
        if len(shape) != 4:
            raise ArgumentError(f"Expected: data of (N, C, H, W). Received: data.shape={shape}.")
    _factors(ins, p.scale)
    channels = ins[0][1] if p.multi_input_mode == "sum" else sum(shape[1] for shape in ins)
    return (ins[0][0], channels, ins[0][2] * p.scale, ins[0][3] * p.scale)


def _require_two(inputs):
    if len(inputs) != 2:
        raise ArgumentError(
            f"Expected: the inputs data and weight with sample_type='bilinear'. Received: {len(inputs)}."
        )


def _places(factor):
    """The pixels of an enlarged image that repeat one pixel, as indices of all such."""
    everything = (slice(None), slice(None))
    return [(*everything, slice(y, None, factor), slice(x, None, factor)) for y in range(factor) for x in range(factor)]


def _parts(inputs, p):
    """Per input of nearest: the factor that enlarges it, and the channels of the output that it goes to."""
    start = 0
    for shape, factor in zip(inputs, _factors(inputs, p.scale), strict=True):
        channels = slice(start, start + shape[1])
        yield factor, slice(None) if p.multi_input_mode == "sum" else channels
        start = channels.stop


def _params(scale, num_filter, sample_type, multi_input_mode):
    return Params(scale=scale, num_filter=num_filter, sample_type=sample_type, multi_input_mode=multi_input_mode)


def _check(data, p):
    """Raise ArgumentError or ArgumentTypeError unless the inputs fit the parameters."""
    if not data:
        raise ArgumentError("Expected: an array or more. Received: none.")
    if p.scale < 1:
        raise ArgumentError(f"Expected: scale >= 1. Received: scale={p.scale}.")
    require_one_dtype(*data)
    if p.sample_type == "bilinear":
        _require_two(data)
        require_shape("weight", data[1], _weight_shape(data[0].shape, p))


@operator(
    "UpSampling",
    cases=[
        Case(data=[(1, 2, 2, 3)], scale=2, sample_type="nearest"),
        Case(data=[(1, 1, 2, 2), (1, 2, 4, 4)], scale=2, sample_type="nearest"),
        Case(data=[(1, 2, 2, 2), (1, 2, 4, 4)], scale=2, sample_type="nearest", multi_input_mode="sum"),
        Case(data=[(1, 2, 3, 3), (2, 1, 4, 4)], scale=2, sample_type="bilinear", num_filter=2),
    ],
)
class UpSampling:
    """Images enlarged `scale` times in both directions.

    nearest: each pixel repeated. data: images (N, C, H, W); the first is enlarged by scale, the others to its new size,
    and all are concatenated along channels or (multi_input_mode "sum") added.
    bilinear: data (N, C, H, W) and weight (C, 1, k, k), k = 2 scale - scale % 2, of a transposed convolution of each
    channel; num_filter: C. Output: (N, channels, scale H, scale W). workspace is accepted and has no effect.
    Source: MXNet 1.9.1's `UpSampling`.
    """

    variable_attributes = {"arg1": {"__init__": '["bilinear", {}]'}}

    def infer_shape(ins, outs, p):
        if p.sample_type == "nearest":
            return ins, [shapes.unify(_infer_nearest(ins, p), outs[0])]
        _require_two(ins)
        data = ins[0]
        if data is None:
            return ins, outs
        out = (*data[:2], *(-1 if size == -1 else size * p.scale for size in data[2:]))
        return [data, shapes.unify(ins[1], _weight_shape(data, p))], [shapes.unify(outs[0], out)]

    def forward(
        xp,
        *data,
        scale: int,
        num_filter: int = 0,
        sample_type: Literal["nearest", "bilinear"],
        multi_input_mode: Literal["concat", "sum"] = "concat",
        num_args: int = 0,
        workspace: int = 512,
        out=None,
    ):
        p = _params(scale, num_filter, sample_type, multi_input_mode)
        _check(data, p)
        first = data[0]
        if sample_type == "bilinear":
            shape = (*first.shape[:2], *(size * scale for size in first.shape[2:]))
            out = xp.empty(shape, first.dtype) if out is None else out
            return kernels.backward_data(xp, *data, _bilinear_windows(scale), first.shape[1], first.shape[2:], out)
        out = xp.empty(_infer_nearest([a.shape for a in data], p), first.dtype) if out is None else out
        if multi_input_mode == "sum":
            out[...] = 0
        for image, (factor, channels) in zip(data, _parts([a.shape for a in data], p), strict=True):
            for place in _places(factor):
                if multi_input_mode == "sum":
                    out[:, channels][place] += image
                else:
                    out[:, channels][place] = image
        return out

    def gradient(F, gy, y, *data, num_args, workspace, **params):
        found = F._up_sampling_backward(gy, *data, **params)
        return tuple(found) if isinstance(found, list) else (found,)

    def composition(F, *data, scale, sample_type, multi_input_mode, **params):
        if sample_type == "bilinear":
            windows, filters = _bilinear_windows(scale), data[0].shape[1]
            form = {"kernel": windows.kernel, "stride": windows.stride, "pad": windows.pad}
            return F.Deconvolution(*data, num_filter=filters, num_group=filters, **form)
        factors = _factors([array.shape for array in data], scale)
        tall = [F.repeat(x, repeats=factor, axis=2) for x, factor in zip(data, factors, strict=True)]
        grown = [F.repeat(x, repeats=factor, axis=3) for x, factor in zip(tall, factors, strict=True)]
        return F.add_n(*grown) if multi_input_mode == "sum" else F.Concat(*grown, dim=1)


@operator(
    "_up_sampling_backward",
    cases=[
        Case(data=[(1, 3, 4, 4), (1, 1, 2, 2), (1, 2, 4, 4)], scale=2, sample_type="nearest"),
        Case(data=[(1, 2, 6, 6), (1, 2, 3, 3), (2, 1, 4, 4)], scale=2, sample_type="bilinear"),
    ],
)
class UpSamplingBackward:
    """Gradients of UpSampling by its inputs, from gy followed by these inputs; parameters as there."""

    gradient = NOT_DIFFERENTIABLE

    def outputs(p):
        return [f"output{index}" for index in range(p.num_args - 1)]

    def infer_shape(ins, outs, p):
        return ins, ins[1:]

    def infer_type(ins, outs, p):
        return ins, ins[1:]

    def forward(
        xp,
        *data,
        scale: int,
        num_filter: int = 0,
        sample_type: Literal["nearest", "bilinear"],
        multi_input_mode: Literal["concat", "sum"] = "concat",
        num_args: int = 0,
        out=None,
    ):
        gy, *data = data
        p = _params(scale, num_filter, sample_type, multi_input_mode)
        _check(data, p)
        out = tuple(xp.empty(array.shape, array.dtype) for array in data) if out is None else out
        if sample_type == "bilinear":
            geometry = (_bilinear_windows(scale), data[0].shape[1], data[0].shape[2:])
            kernels.forward(xp, gy, data[1], *geometry, out[0])
            kernels.backward_weight(xp, data[0], gy, *geometry, out[1])
            return out
        for target, (factor, channels) in zip(out, _parts([a.shape for a in data], p), strict=True):
            sums = sum(widen(xp, gy[:, channels][place]) for place in _places(factor))
            target[...] = sums
        return out
