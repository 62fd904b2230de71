"""`Pooling` over sliding windows in one, two or three dimensions, and its gradient."""

from typing import Literal

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels import pooling as kernels
from mxtrain.ops.kernels.precision import deliver, widen
from mxtrain.ops.kernels.windows import Windows
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.nn.window_parameters import count_windows, read_windows, require_channels_first, require_data
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.parameters import Shape


def _windows(kernel, stride, pad, global_pool, sizes):
    """The windows over data of these spatial sizes; a global pool is one window over everything."""
    if global_pool:
        ndim = len(sizes)
        return Windows(sizes, (1,) * ndim, (1,) * ndim, (0,) * ndim)
    if not kernel:
        raise ArgumentError("Expected: kernel sizes, or global_pool=True. Received: kernel=().")
    # no padding may be written with any number of zeros, as in MXNet
    windows = read_windows(kernel, stride, (), pad if any(pad) else ())
    if any(p >= k for p, k in zip(windows.pad, windows.kernel, strict=True)):
        raise ArgumentError(f"Expected: pad smaller than kernel={kernel}. Received: pad={pad}.")
    return windows


def _counts(data, windows, convention):
    """How many windows there are along each spatial axis, by MXNet's three conventions."""
    if convention == "same":
        return tuple(-(-size // s) if size != -1 else -1 for size, s in zip(data[2:], windows.stride, strict=True))
    counts = count_windows(data, windows)
    if convention == "valid":
        return counts
    rows = zip(data[2:], counts, windows.kernel, windows.stride, windows.pad, strict=True)
    return tuple(-1 if c == -1 else c + ((size + 2 * p - k) % s != 0) for size, c, k, s, p in rows)


class Chosen:
    """What a forward that noted which value was each window's largest passes on to its backward.

    memory: a list of that one thing; the body of a loop puts another one here for each step.
    """

    def __init__(self):
        self.memory = self.new_memory()

    def new_memory(self):
        """Memory for another run that has to be remembered beside the latest one."""
        return [None]

    @property
    def values(self):
        """Which value was the largest of each window, in the kernel's own form; None where none was noted."""
        return self.memory[0]

    @values.setter
    def values(self, noted):
        self.memory[0] = noted


#: Layouts with the channels last, and how many axes they have.
CHANNELS_LAST = {"NWC": 3, "NHWC": 4, "NDHWC": 5}


def _first(ndim):
    """The order of axes that brings the channels to the front."""
    return (0, ndim - 1, *range(1, ndim - 1))


def _last(ndim):
    """The order of axes that brings them back."""
    return (0, *range(2, ndim), 1)


def _require_layout(layout, ndim):
    """Raise ArgumentError for a layout of another number of axes."""
    if CHANNELS_LAST.get(layout) != ndim:
        require_channels_first(layout, ndim - 2)


def _infer(data, out, p):
    if data is None:
        return data, out
    ndim = len(data)
    if CHANNELS_LAST.get(p.layout) != ndim:
        return _infer_channels_first(data, out, p)
    turned = None if out is None else tuple(out[axis] for axis in _first(ndim))
    found, counts = _infer_channels_first(tuple(data[axis] for axis in _first(ndim)), turned, p)
    return tuple(found[axis] for axis in _last(ndim)), tuple(counts[axis] for axis in _last(ndim))


def _infer_channels_first(data, out, p):
    if len(data) < 3:
        raise ArgumentError(f"Expected: data of (N, C, *spatial). Received: data.shape={data}.")
    if p.global_pool:
        return data, shapes.unify(out, (*data[:2], *(1,) * (len(data) - 2)))
    windows = _windows(p.kernel, p.stride, p.pad, False, data[2:])
    require_data(data, windows)
    return data, shapes.unify(out, (*data[:2], *_counts(data, windows, p.pooling_convention)))


def read_geometry(data, kernel, stride, pad, global_pool, pooling_convention):
    """The windows, and how many there are along each spatial axis. Raises ArgumentError where they do not fit."""
    windows = _windows(kernel, stride, pad, global_pool, data.shape[2:])
    require_data(data.shape, windows)
    return windows, _counts(data.shape, windows, pooling_convention)


def _power(xp, data, p_value):
    return data if p_value == 1 else data**p_value


def _root(xp, sums, p_value):
    if p_value == 1:
        return sums
    return xp.sqrt(sums, out=sums) if p_value == 2 else xp.cbrt(sums, out=sums)


def _pool(xp, data, kernel, pool_type, global_pool, pooling_convention, stride, pad, p_value, count_include_pad, out):
    """The pooled data (N, C, *spatial)."""
    windows, counts = read_geometry(data, kernel, stride, pad, global_pool, pooling_convention)
    shape = (*data.shape[:2], *counts)
    if pool_type == "max":
        return kernels.max_forward(xp, data, windows, xp.empty(shape, data.dtype) if out is None else out)
    wide = widen(xp, data)
    direct = wide is data and out is not None
    sums = out if direct else xp.empty(shape, wide.dtype)
    if pool_type == "lp":
        _require_p_value(p_value)
        result = _root(xp, kernels.sum_forward(xp, _power(xp, wide, p_value), windows, sums), p_value)
    else:
        result = kernels.sum_forward(xp, wide, windows, sums)
    if pool_type == "avg":
        result /= kernels.window_sizes(xp, windows, wide, counts, count_include_pad is not False)
    return deliver(result, out, data.dtype)


@operator(
    "Pooling",
    "Pooling_v1",
    cases=[
        Case(data=(2, 2, 5), kernel=(2,), stride=(2,)),
        Case(data=(1, 2, 5, 4), kernel=(3, 2), pool_type="avg", pad=(1, 1), stride=(2, 1)),
        Case(data=(1, 2, 5, 4), kernel=(2, 2), pool_type="avg", pooling_convention="full", stride=(2, 3)),
        Case(data=(1, 2, 3, 3, 3), kernel=(2, 2, 2), pool_type="sum"),
        Case(data=(1, 2, 4, 4), kernel=(2, 2), pool_type="lp", p_value=2, low=0.1),
        Case(data=(2, 2, 3, 4), global_pool=True, pool_type="avg"),
        Case(data=(1, 5, 4, 2), kernel=(3, 2), pool_type="avg", pad=(1, 1), stride=(2, 1), layout="NHWC"),
        Case(data=(1, 5, 2), kernel=(2,), layout="NWC"),
    ],
)
class Pooling:
    """The maximum, average, sum or p-norm of each window.

    data: (N, C, *spatial), one to three spatial axes, floating. Output: (N, C, *counts), same dtype.
    pooling_convention: counts = (spatial + 2 pad - kernel) / stride + 1, rounded down ("valid") or up ("full"), or
    spatial / stride rounded up ("same"). global_pool: one window over everything. count_include_pad: whether an average
    counts padding (default: yes). layout: data and output may have the channels last. p_value: 1, 2 or 3,
    (sum of x^p)^(1/p), without taking absolute values.
    cudnn_off is accepted and has no effect. Source: MXNet 1.9.1's `Pooling`.
    """

    def listed_outputs(p):
        # MXNet hides where the maxima are
        keeps_places = p.pool_type == "max" and p.kernel and p.layout in (None, "NCW", "NCHW", "NCDHW")
        return ("output", "workspace") if keeps_places else ("output",)

    def infer_shape(ins, outs, p):
        data, out = _infer(ins[0], outs[0], p)
        return [data], [out]

    def forward(
        xp,
        data,
        *,
        kernel: Shape = (),
        pool_type: Literal["max", "avg", "sum", "lp"] = "max",
        global_pool: bool = False,
        cudnn_off: bool = False,
        pooling_convention: Literal["valid", "full", "same"] = "valid",
        stride: Shape = (),
        pad: Shape = (),
        p_value: int | None = None,
        count_include_pad: bool | None = None,
        layout: Literal["NCW", "NCHW", "NCDHW", "NWC", "NHWC", "NDHWC"] | None = None,
        state=None,
        out=None,
    ):
        _require_layout(layout, data.ndim)
        if state is not None:
            state.values = None
        form = (kernel, pool_type, global_pool, pooling_convention, stride, pad, p_value, count_include_pad)
        if layout not in CHANNELS_LAST:
            return _pool(xp, data, *form, out)
        turned = xp.ascontiguousarray(data.transpose(_first(data.ndim)))
        return deliver(_pool(xp, turned, *form, None).transpose(_last(data.ndim)), out, data.dtype)

    repeatable = True

    def create_state(ctx, shapes, types, p):
        return Chosen()

    def gradient(F, gy, y, data, *, state, **params):
        form = {name: params[name] for name in _FORM}
        ndim = CHANNELS_LAST.get(params["layout"])
        if ndim is None:
            return F._pooling_backward(gy, data, y, state=state, **form)
        turned = (F.transpose(array, axes=_first(ndim)) for array in (gy, data, y))
        return F.transpose(F._pooling_backward(*turned, state=state, **form), axes=_last(ndim))

    def composition(F, data, *, pool_type, p_value, count_include_pad, layout=None, **params):
        if layout in CHANNELS_LAST:
            turned = F.transpose(data, axes=_first(data.ndim))
            form = {"pool_type": pool_type, "p_value": p_value, "count_include_pad": count_include_pad, **params}
            return F.transpose(Pooling.composition(F, turned, **form), axes=_last(data.ndim))
        x = F.expand_dims(data, axis=2) if data.ndim == 3 else data  # Pad knows two and three spatial axes
        form = {name: params[name] for name in ("kernel", "stride", "pad", "global_pool", "pooling_convention")}
        windows, counts = read_geometry(data, **form)
        taps = _taps_of(F, x, windows, counts, _LOWEST if pool_type == "max" else 0)
        if pool_type == "max":
            y = F.max(taps, axis=2)
        elif pool_type == "lp":
            y = F.sum(taps**p_value, axis=2) ** (1 / p_value)
        else:
            y = F.sum(taps, axis=2)
        y = F.Reshape(y, shape=(0, 0, *counts))
        if pool_type == "avg":
            ones = F._ones(shape=data.shape, dtype=data.dtype)
            y = y * F.Pooling(ones, pool_type="avg", count_include_pad=count_include_pad, **form)
            y = y / F.Pooling(ones, pool_type="sum", **form)
        return y


_LOWEST = -3.0e38  # below every float32 that counts


def _taps_of(F, x, windows, counts, value):
    """What each window reads of x (N, C, *spatial, two or three axes), padded with a value: (N, C, taps, positions)."""
    extra = x.ndim - 2 - len(counts)
    kernel, stride, counts = ((1,) * extra + sizes for sizes in (windows.kernel, windows.stride, counts))
    pads = (0,) * extra + windows.pad
    widths = []
    for size, k, s, pad, n in zip(x.shape[2:], kernel, stride, pads, counts, strict=True):
        widths += [pad, max((n - 1) * s + k - size - pad, 0)]
    if any(widths):
        x = F.Pad(x, mode="constant", pad_width=(0, 0, 0, 0, *widths), constant_value=value)
    columns = F.im2col(x, kernel=kernel, stride=stride)
    return F.Reshape(columns, shape=(0, x.shape[1], windows.size, -1))


_FORM = (
    "kernel",
    "pool_type",
    "global_pool",
    "pooling_convention",
    "stride",
    "pad",
    "p_value",
    "count_include_pad",
)


def _require_p_value(p_value):
    if p_value not in (1, 2, 3):
        raise ArgumentError(f"Expected: p_value of 1, 2 or 3 with pool_type='lp'. Received: p_value={p_value}.")


@operator(
    "_pooling_backward",
    cases=[
        # y is what Pooling gives for the data: which value counts as the largest is undefined otherwise
        Case(gy=(1, 1, 2), data=np.array([[[0.5, 2, 3, -1, 9]]]), y=np.array([[[2.0, 3]]]), kernel=(2,), stride=(2,)),
        Case(gy=(2, 2, 4), data=(2, 2, 5), y=(2, 2, 4), kernel=(2,), pool_type="avg"),
    ],
)
class PoolingBackward:
    """Gradient of Pooling by its data, from gy, data and Pooling's output y; parameters as there."""

    infer_shape = shapes.like_input(1)
    gradient = NOT_DIFFERENTIABLE

    def forward(
        xp,
        gy,
        data,
        y,
        *,
        kernel: Shape = (),
        pool_type: Literal["max", "avg", "sum", "lp"] = "max",
        global_pool: bool = False,
        pooling_convention: Literal["valid", "full", "same"] = "valid",
        stride: Shape = (),
        pad: Shape = (),
        p_value: int | None = None,
        count_include_pad: bool | None = None,
        state=None,
        out=None,
    ):
        windows, counts = read_geometry(data, kernel, stride, pad, global_pool, pooling_convention)
        for name, array in (("gy", gy), ("y", y)):
            require_shape(name, array, (*data.shape[:2], *counts))
        wide, x = widen(xp, gy), widen(xp, data)
        result = out if out is not None and wide is gy else xp.empty(data.shape, wide.dtype)
        if pool_type == "max":
            kernels.max_backward(xp, wide, data, y, windows, result)
        elif pool_type == "lp":
            _lp_backward(xp, wide, x, widen(xp, y), windows, p_value, result)
        else:
            if pool_type == "avg":
                include_pad = count_include_pad is not False
                wide = wide / kernels.window_sizes(xp, windows, x, y.shape[2:], include_pad)
            kernels.sum_backward(xp, wide, windows, result)
        return deliver(result, out, gy.dtype)


def _lp_backward(xp, gy, data, y, windows, p_value, out):
    """gy * (x / y)^(p - 1), and 0 where the norm is 0."""
    if p_value == 1:
        kernels.sum_backward(xp, gy, windows, out)
        return
    weight = gy / xp.where(y == 0, 1, y) ** (p_value - 1)
    kernels.sum_backward(xp, weight, windows, out)
    out *= data ** (p_value - 1)
