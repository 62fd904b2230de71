"""`Convolution` in one, two or three dimensions, and its gradients."""

from typing import Literal

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels import convolution as kernels
from mxtrain.ops.nn.checks import require_one_dtype, require_shape
from mxtrain.ops.nn.partial_shapes import size_at
from mxtrain.ops.nn.window_parameters import (
    count_windows,
    infer_from_counts,
    read_windows,
    require_channels_first,
    require_data,
)
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Shape


def _windows(p):
    return read_windows(p.kernel, p.stride, p.dilate, p.pad)


def _require_groups(p, channels):
    if p.num_group < 1 or p.num_filter % p.num_group or (channels != -1 and channels % p.num_group):
        raise ArgumentError(
            f"Expected: num_group that divides the channels and num_filter={p.num_filter}. "
            f"Received: num_group={p.num_group}, {channels} channels."
        )


def _infer(data, weight, out, p):
    """Shapes of data, weight and output that follow from each other."""
    windows = _windows(p)
    channels = size_at(weight, 1)
    channels = channels * p.num_group if channels != -1 else -1
    if out is not None:
        require_data(out, windows)
        data = shapes.unify(data, (out[0], channels, *infer_from_counts(out[2:], windows)))
    if data is not None:
        require_data(data, windows)
        data = shapes.unify(data, (-1, channels, *(-1,) * len(p.kernel)))
        channels = data[1]
        _require_groups(p, channels)
        out = shapes.unify(out, (data[0], p.num_filter, *count_windows(data, windows)))
    weight = shapes.unify(weight, (p.num_filter, channels // p.num_group if channels != -1 else -1, *p.kernel))
    return data, weight, out


def check_inputs(data, weight, bias, windows, num_filter, num_group):
    """The output's shape. Raises ArgumentError or ArgumentTypeError for inputs that do not fit each other."""
    require_data(data.shape, windows)
    require_one_dtype(data, weight, bias)
    require_shape("weight", weight, (num_filter, data.shape[1] // num_group, *windows.kernel))
    if bias is not None:
        require_shape("bias", bias, (num_filter,))
    return (data.shape[0], num_filter, *count_windows(data.shape, windows))


@operator(
    "Convolution",
    "Convolution_v1",
    cases=[
        Case(data=(2, 3, 5), weight=(4, 3, 3), bias=(4,), kernel=(3,), num_filter=4, pad=(1,)),
        Case(data=(2, 2, 5, 6), weight=(3, 2, 3, 2), bias=(3,), kernel=(3, 2), num_filter=3, stride=(2, 1)),
        Case(
            data=(1, 4, 5, 5), weight=(4, 2, 2, 2), kernel=(2, 2), num_filter=4, num_group=2, dilate=(2, 1), no_bias=1
        ),
        Case(data=(2, 2, 3, 3, 3), weight=(2, 2, 2, 2, 2), bias=(2,), kernel=(2, 2, 2), num_filter=2, pad=(1, 0, 1)),
    ],
)
class Convolution:
    """Convolution (without flipping the kernel) over one, two or three spatial axes.

    data: (N, C, *spatial). weight: (num_filter, C / num_group, *kernel). bias: (num_filter,), absent with no_bias.
    Output: (N, num_filter, *counts), counts = (spatial + 2 pad - dilate (kernel - 1) - 1) // stride + 1.
    All of one floating dtype. workspace, cudnn_tune and cudnn_off are accepted and have no effect.
    Source: MXNet 1.9.1's `Convolution`.
    """

    def inputs(p):
        return ("data", "weight") if p.no_bias else ("data", "weight", "bias")

    def infer_shape(ins, outs, p):
        data, weight, out = _infer(ins[0], ins[1], outs[0], p)
        bias = [] if p.no_bias else [shapes.unify(ins[2], (p.num_filter,))]
        return [data, weight, *bias], [out]

    def forward(
        xp,
        data,
        weight,
        bias=None,
        *,
        kernel: Shape,
        stride: Shape = (),
        dilate: Shape = (),
        pad: Shape = (),
        num_filter: int,
        num_group: int = 1,
        workspace: int = 1024,
        no_bias: bool = False,
        cudnn_tune: Literal["off", "limited_workspace", "fastest"] | None = None,
        cudnn_off: bool = False,
        layout: Literal["NCW", "NCHW", "NCDHW", "NHWC", "NDHWC"] | None = None,
        out=None,
    ):
        require_channels_first(layout, len(kernel))
        windows = read_windows(kernel, stride, dilate, pad)
        shape = check_inputs(data, weight, bias, windows, num_filter, num_group)
        out = xp.empty(shape, data.dtype) if out is None else out
        kernels.forward(xp, data, weight, windows, num_group, shape[2:], out)
        if bias is not None:
            out += bias.reshape(-1, *(1,) * len(kernel))
        return out

    def gradient(F, gy, y, data, weight, bias=None, *, needs, no_bias, **params):
        form = {name: params[name] for name in _FORM}
        return (
            F._convolution_backward_data(gy, weight, data, **form) if needs[0] else None,
            F._convolution_backward_weight(gy, data, weight, **form) if needs[1] else None,
            F._sum_onto_axis(gy, axis=1) if not no_bias and needs[2] else None,
        )


_FORM = ("kernel", "stride", "dilate", "pad", "num_filter", "num_group")
_BACKWARD_CASES = [
    {"kernel": (3,), "num_filter": 4, "pad": (1,), "gy": (2, 4, 5), "data": (2, 3, 5), "weight": (4, 3, 3)},
    {
        "kernel": (2, 2),
        "num_filter": 4,
        "num_group": 2,
        "stride": (2, 1),
        "gy": (2, 4, 2, 3),
        "data": (2, 2, 5, 4),
        "weight": (4, 1, 2, 2),
    },
]


@operator("_convolution_backward_data", cases=[Case(**case) for case in _BACKWARD_CASES])
class ConvolutionBackwardData:
    """Gradient of Convolution by its data, from gy and weight, in the shape of data (whose values do not matter)."""

    infer_shape = shapes.like_input(2)

    def forward(
        xp,
        gy,
        weight,
        data,
        *,
        kernel: Shape,
        stride: Shape = (),
        dilate: Shape = (),
        pad: Shape = (),
        num_filter: int,
        num_group: int = 1,
        out=None,
    ):
        windows = read_windows(kernel, stride, dilate, pad)
        require_shape("gy", gy, check_inputs(data, weight, None, windows, num_filter, num_group))
        out = xp.empty(data.shape, gy.dtype) if out is None else out
        return kernels.backward_data(xp, gy, weight, windows, num_group, gy.shape[2:], out)

    def gradient(F, ggx, y, gy, weight, data, *, needs, **form):
        return (
            F.Convolution(ggx, weight, no_bias=True, **form) if needs[0] else None,
            F._convolution_backward_weight(gy, ggx, weight, **form) if needs[1] else None,
            None,
        )


@operator("_convolution_backward_weight", cases=[Case(**case) for case in _BACKWARD_CASES])
class ConvolutionBackwardWeight:
    """Gradient of Convolution by its weight, from gy and data, in the shape of weight (whose values do not matter)."""

    infer_shape = shapes.like_input(2)

    def forward(
        xp,
        gy,
        data,
        weight,
        *,
        kernel: Shape,
        stride: Shape = (),
        dilate: Shape = (),
        pad: Shape = (),
        num_filter: int,
        num_group: int = 1,
        out=None,
    ):
        windows = read_windows(kernel, stride, dilate, pad)
        require_shape("gy", gy, check_inputs(data, weight, None, windows, num_filter, num_group))
        out = xp.empty(weight.shape, gy.dtype) if out is None else out
        return kernels.backward_weight(xp, gy, data, windows, num_group, gy.shape[2:], out)

    def gradient(F, ggw, y, gy, data, weight, *, needs, **form):
        return (
            F.Convolution(data, ggw, no_bias=True, **form) if needs[0] else None,
            F._convolution_backward_data(gy, ggw, data, **form) if needs[1] else None,
            None,
        )
