"""`Deconvolution`: transposed convolution in one, two or three dimensions, and its gradients."""

from typing import Literal

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels import convolution as kernels
from mxtrain.ops.kernels.windows import Windows
from mxtrain.ops.nn.checks import require_one_dtype, require_shape
from mxtrain.ops.nn.partial_shapes import size_at
from mxtrain.ops.nn.window_parameters import read_windows, require_channels_first, require_data
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.parameters import Params, Shape


def _geometry(sizes, p):
    """The windows that slide over the output, and the output's spatial sizes, for data of these sizes (-1: unknown)."""
    windows = read_windows(p.kernel, p.stride, p.dilate, p.pad)
    ndim = len(p.kernel)
    is_cut = any(p.target_shape)
    adj = (0,) * ndim if is_cut or not p.adj else p.adj
    if len(adj) != ndim or any(not 0 <= a < s for a, s in zip(adj, windows.stride, strict=True)):
        raise ArgumentError(f"Expected: adj of {ndim} sizes from 0 below stride={windows.stride}. Received: adj={adj}.")
    if p.target_shape and len(p.target_shape) != ndim:
        raise ArgumentError(f"Expected: target_shape of {ndim} sizes. Received: target_shape={p.target_shape}.")
    full = tuple(
        -1 if size == -1 else s * (size - 1) + e
        for size, s, e in zip(sizes, windows.stride, windows.extent, strict=True)
    )
    if not is_cut:
        rows = zip(full, windows.pad, adj, strict=True)
        return windows, tuple(-1 if total == -1 else total - 2 * pad + a for total, pad, a in rows)
    return _cut_to_target(windows, full, p.target_shape), p.target_shape


def _cut_to_target(windows, full, target):
    """The windows with the padding that cuts the full output down to the target."""
    surplus = tuple(0 if total == -1 else total - size for total, size in zip(full, target, strict=True))
    if min(surplus) < 0:
        raise ArgumentError(f"Expected: target_shape of at most {full}. Received: target_shape={target}.")
    return Windows(windows.kernel, windows.stride, windows.dilate, tuple((extra + 1) // 2 for extra in surplus))


def _infer(data, weight, out, p):
    ndim = len(p.kernel)
    windows = read_windows(p.kernel, p.stride, p.dilate, p.pad)
    if data is None:
        channels = size_at(weight, 0)
    else:
        require_data(data, windows)
        data = shapes.unify(data, (-1, size_at(weight, 0), *(-1,) * ndim))
        channels = data[1]
        _, sizes = _geometry(data[2:], p)
        out = shapes.unify(out, (data[0], p.num_filter, *sizes))
    if p.num_group < 1 or p.num_filter % p.num_group or (channels != -1 and channels % p.num_group):
        raise ArgumentError(
            f"Expected: num_group that divides the channels and num_filter={p.num_filter}. "
            f"Received: num_group={p.num_group}, {channels} channels."
        )
    weight = shapes.unify(weight, (channels, p.num_filter // p.num_group, *p.kernel))
    return data, weight, out


def read_geometry(data, weight, bias, kernel, stride, dilate, pad, adj, target_shape, num_filter, num_group):
    """The windows that slide over the output, and the output's shape.

    Raises ArgumentError or ArgumentTypeError for inputs that do not fit each other.
    """
    require_data(data.shape, read_windows(kernel, stride, dilate, pad))
    require_one_dtype(data, weight, bias)
    require_shape("weight", weight, (data.shape[1], num_filter // num_group, *kernel))
    if bias is not None:
        require_shape("bias", bias, (num_filter,))
    p = Params(kernel=kernel, stride=stride, dilate=dilate, pad=pad, adj=adj, target_shape=target_shape)
    windows, sizes = _geometry(data.shape[2:], p)
    return windows, (data.shape[0], num_filter, *sizes)


def add_bias(out, bias):
    """Add a bias (channels,), if there is one, to (N, channels, *spatial) in place."""
    if bias is not None:
        out += bias.reshape(-1, *(1,) * (out.ndim - 2))
    return out


_FORM = ("kernel", "stride", "dilate", "pad", "adj", "target_shape", "num_filter", "num_group")


@operator(
    "Deconvolution",
    cases=[
        Case(data=(2, 3, 4), weight=(3, 2, 3), kernel=(3,), num_filter=2, stride=(2,)),
        Case(
            data=(1, 2, 3, 3),
            weight=(2, 2, 3, 2),
            bias=(2,),
            kernel=(3, 2),
            num_filter=2,
            stride=(2, 1),
            pad=(1, 0),
            adj=(1, 0),
            no_bias=False,
        ),
        Case(data=(1, 4, 3, 3), weight=(4, 1, 2, 2), kernel=(2, 2), num_filter=2, num_group=2, dilate=(2, 1)),
    ],
)
class Deconvolution:
    """Transposed convolution over one, two or three spatial axes: the gradient of Convolution by its data.

    data: (N, C, *spatial). weight: (C, num_filter / num_group, *kernel). bias: (num_filter,), only with no_bias=False.
    Output: (N, num_filter, *sizes), sizes = stride (spatial - 1) + dilate (kernel - 1) + 1 - 2 pad + adj, or
    target_shape, to which the output is cut (pad and adj are then ignored). All of one floating dtype. workspace,
    cudnn_tune and cudnn_off are accepted and have no effect. Source: MXNet 1.9.1's `Deconvolution`.
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
        adj: Shape = (),
        target_shape: Shape = (),
        num_filter: int,
        num_group: int = 1,
        workspace: int = 512,
        no_bias: bool = True,
        cudnn_tune: Literal["off", "limited_workspace", "fastest"] | None = None,
        cudnn_off: bool = False,
        layout: Literal["NCW", "NCHW", "NCDHW", "NHWC", "NDHWC"] | None = None,
        out=None,
    ):
        require_channels_first(layout, len(kernel))
        form = (kernel, stride, dilate, pad, adj, target_shape, num_filter, num_group)
        windows, shape = read_geometry(data, weight, bias, *form)
        out = xp.empty(shape, data.dtype) if out is None else out
        kernels.backward_data(xp, data, weight, windows, num_group, data.shape[2:], out)
        return add_bias(out, bias)

    def gradient(F, gy, y, data, weight, bias=None, *, needs, no_bias, **params):
        form = {name: params[name] for name in _FORM}
        return (
            F._deconvolution_backward_data(gy, weight, data, **form) if needs[0] else None,
            F._deconvolution_backward_weight(gy, data, weight, **form) if needs[1] else None,
            F._sum_onto_axis(gy, axis=1) if not no_bias and needs[2] else None,
        )

    def composition(F, data, weight, bias=None, **params):
        p = Params(**params)
        windows, sizes = _geometry(data.shape[2:], p)
        own_rows = zip(data.shape[2:], windows.stride, windows.extent, sizes, windows.pad, strict=True)
        room = [max(s * (n - 1) + e, size + pad) for n, s, e, size, pad in own_rows]
        image = F._zeros(shape=(data.shape[0], p.num_filter, *room), dtype=data.dtype)
        form = {"kernel": p.kernel, "stride": p.stride, "dilate": p.dilate, "num_group": p.num_group}
        y = F._convolution_backward_data(data, weight, image, num_filter=data.shape[1], **form)
        for axis, (size, pad) in enumerate(zip(sizes, windows.pad, strict=True), 2):
            y = F.slice_axis(y, axis=axis, begin=pad, end=pad + size)
        return y if bias is None else y + F.Reshape(bias, shape=(1, -1, *(1,) * len(sizes)))


_BACKWARD_CASE = {"kernel": (3,), "num_filter": 2, "stride": (2,), "weight": (3, 2, 3), "gy": (2, 2, 9)}


@operator("_deconvolution_backward_data", cases=[Case(data=(2, 3, 4), **_BACKWARD_CASE)])
class DeconvolutionBackwardData:
    """Gradient of Deconvolution by its data, from gy and weight, shaped like data (whose values do not matter)."""

    infer_shape = shapes.like_input(2)
    gradient = NOT_DIFFERENTIABLE

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
        adj: Shape = (),
        target_shape: Shape = (),
        num_filter: int,
        num_group: int = 1,
        out=None,
    ):
        form = (kernel, stride, dilate, pad, adj, target_shape, num_filter, num_group)
        windows, shape = read_geometry(data, weight, None, *form)
        require_shape("gy", gy, shape)
        out = xp.empty(data.shape, gy.dtype) if out is None else out
        return kernels.forward(xp, gy, weight, windows, num_group, data.shape[2:], out)


@operator("_deconvolution_backward_weight", cases=[Case(data=(2, 3, 4), **_BACKWARD_CASE)])
class DeconvolutionBackwardWeight:
    """Gradient of Deconvolution by its weight, from gy and data, shaped like weight (whose values do not matter)."""

    infer_shape = shapes.like_input(2)
    gradient = NOT_DIFFERENTIABLE

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
        adj: Shape = (),
        target_shape: Shape = (),
        num_filter: int,
        num_group: int = 1,
        out=None,
    ):
        form = (kernel, stride, dilate, pad, adj, target_shape, num_filter, num_group)
        windows, shape = read_geometry(data, weight, None, *form)
        require_shape("gy", gy, shape)
        out = xp.empty(weight.shape, gy.dtype) if out is None else out
        return kernels.backward_weight(xp, data, gy, windows, num_group, data.shape[2:], out)
