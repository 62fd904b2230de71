"""Layers on quantized data: FullyConnected, Convolution, Pooling, BatchNorm."""

from typing import Literal

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.parameters import Shape
from mxtrain.ops.quantization.ranges import (
    FLOAT,
    INT8,
    INT32,
    LAST_INT32,
    around_zero,
    as_integers,
    infer_numbers,
    reach,
    require_integers,
    unit,
)
from mxtrain.ops.registry import find

_OUTPUTS = ("output", "min_output", "max_output")


def _ends(*pairs):
    """Ends of ranges for cases: name=(low, high)."""
    return {
        f"{end}_{name}": np.array([value], np.float32)
        for name, low, high in pairs
        for end, value in (("min", low), ("max", high))
    }


_DATA, _WEIGHT, _BIAS = ("data", -1, 1), ("weight", -2, 1.5), ("bias", -0.5, 0.4)


def _names(p):
    """Data and parameters, then the ends of the ranges of each."""
    names = ("data", "weight") if p.no_bias else ("data", "weight", "bias")
    return [*names, *(f"{end}_{name}" for name in names for end in ("min", "max"))]


def _infer_shape(plain, ins, outs, p):
    """As the operator on real numbers has it, with the ends of ranges beside."""
    count = 2 if p.no_bias else 3
    known, found = find(plain).infer_shape(ins[:count], outs[:1], p)
    return [*known, *infer_numbers(ins[count:])], [*found, *infer_numbers(outs[1:])]


def _infer_type(ins, outs, p):
    count = 2 if p.no_bias else 3
    quantized = [dtype or INT8 for dtype in ins[1:count]]
    return [ins[0], *quantized, *[FLOAT] * (2 * count)], [INT32, FLOAT, FLOAT]


def _sums(xp, compute, data, weight, ends):
    """Sums of products of integers, exact, as int32, and the ends of the range that they stand for.

    compute: the layer on real numbers. ends: of data and of weight.
    """
    one = unit(xp, data, *ends[0]).astype(np.float64) * unit(xp, weight, *ends[1])
    # sums of up to 2^24 are exact in float32, for which there are fast kernels
    is_small = not weight.size or 255 * 127 * weight[0].size < 2**24
    dtype = np.float32 if is_small else np.float64
    sums = compute(xp, data.astype(dtype), weight.astype(dtype))
    return (as_integers(xp, sums, INT32), *around_zero(xp, one * LAST_INT32))


def _with_bias(xp, sums, bias, high, ends, axis=-1):
    """int32 sums, whose range ends at `high`, with a quantized bias added along an axis."""
    steps = bias * (unit(xp, bias, *ends).astype(np.float64) * LAST_INT32 / high)
    shape = [1] * sums.ndim
    shape[axis] = len(bias)
    return as_integers(xp, sums.astype(np.float64) + xp.rint(xp.nan_to_num(steps)).reshape(shape), INT32)


_MATRIX = {"data": np.array([[1, 2, -3], [100, 50, -120]]), "weight": np.array([[1, -2, 3], [100, 0, -50]])}


@operator(
    "_contrib_quantized_fully_connected",
    cases=[
        Case(**_MATRIX, bias=np.array([10, -20]), **_ends(_DATA, _WEIGHT, _BIAS), num_hidden=2),
        Case(**_MATRIX, **_ends(_DATA, _WEIGHT), num_hidden=2, no_bias=True),
    ],
)
class QuantizedFullyConnected:
    """FullyConnected on quantized arrays: sums of products of the integers.

    data: int8 or uint8. weight: (num_hidden, D), int8. bias: (num_hidden,), int8, is rescaled to what the sums stand
    for. min_*, max_*: the ends of their ranges, (1,), float32. Outputs: as FullyConnected, int32; the ends of its
    range, (1,), float32. Source: MXNet 1.9.1's `quantized_fully_connected`.
    """

    outputs = _OUTPUTS
    gradient = NOT_DIFFERENTIABLE
    inputs = _names
    infer_type = _infer_type

    def infer_shape(ins, outs, p):
        return _infer_shape("FullyConnected", ins, outs, p)

    def forward(
        xp,
        data,
        weight,
        bias=None,
        min_data=None,
        max_data=None,
        min_weight=None,
        max_weight=None,
        min_bias=None,
        max_bias=None,
        *,
        num_hidden: int,
        no_bias: bool = False,
        flatten: bool = True,
    ):
        def compute(xp, data, weight):
            return find("FullyConnected").forward(
                xp, data, weight, num_hidden=num_hidden, no_bias=True, flatten=flatten
            )

        if bias is not None:
            require_shape("bias", bias, (num_hidden,))
        ends = ((min_data, max_data), (min_weight, max_weight), (min_bias, max_bias))
        sums, low, high = _sums(xp, compute, data, weight, ends)
        if bias is not None:
            sums = _with_bias(xp, sums, bias, high, ends[2])
        return sums, low, high


_IMAGE = {"data": np.arange(-8, 8).reshape(1, 1, 4, 4) * 7, "weight": np.arange(-4, 5).reshape(1, 1, 3, 3) * 5}


@operator(
    "_contrib_quantized_conv",
    cases=[
        Case(**_IMAGE, bias=np.array([30]), **_ends(_DATA, _WEIGHT, _BIAS), kernel=(3, 3), num_filter=1),
        Case(**_IMAGE, **_ends(_DATA, _WEIGHT), kernel=(3, 3), num_filter=1, no_bias=True, pad=(1, 1), stride=(2, 2)),
    ],
)
class QuantizedConv:
    """Convolution on quantized arrays: sums of products of the integers.

    data: int8 or uint8. weight: int8. bias: (num_filter,), int8, is rescaled to what the sums stand for. min_*, max_*:
    the ends of their ranges, (1,), float32. Outputs: as Convolution, int32; the ends of its range, (1,), float32.
    Source: MXNet 1.9.1's `quantized_conv`, whose CPU kernel takes uint8 data only, reads its range as that of int8, and
    adds the bias as it is.
    """

    outputs = _OUTPUTS
    gradient = NOT_DIFFERENTIABLE
    inputs = _names
    infer_type = _infer_type

    def infer_shape(ins, outs, p):
        return _infer_shape("Convolution", ins, outs, p)

    def forward(
        xp,
        data,
        weight,
        bias=None,
        min_data=None,
        max_data=None,
        min_weight=None,
        max_weight=None,
        min_bias=None,
        max_bias=None,
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
    ):
        form = {"kernel": kernel, "stride": stride, "dilate": dilate, "pad": pad, "layout": layout}

        def compute(xp, data, weight):
            return find("Convolution").forward(
                xp, data, weight, num_filter=num_filter, num_group=num_group, no_bias=True, **form
            )

        if bias is not None:
            require_shape("bias", bias, (num_filter,))
        ends = ((min_data, max_data), (min_weight, max_weight), (min_bias, max_bias))
        sums, low, high = _sums(xp, compute, data, weight, ends)
        if bias is not None:
            sums = _with_bias(xp, sums, bias, high, ends[2], axis=1)
        return sums, low, high


@operator(
    "_contrib_quantized_pooling",
    cases=[
        Case(data=_IMAGE["data"], **_ends(_DATA), kernel=(2, 2), stride=(2, 2), pool_type=pool_type)
        for pool_type in ("max", "avg")
    ],
)
class QuantizedPooling:
    """The maximum or the rounded average of each window of quantized data, which keeps its range.

    data: (N, C, *spatial), int8 or uint8. min_data, max_data: (1,), float32. Outputs: as Pooling, dtype of data; the
    ends of its range. Source: MXNet 1.9.1's `quantized_pooling`.
    """

    outputs = _OUTPUTS
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        known, found = find("Pooling").infer_shape(ins[:1], outs[:1], p)
        return [*known, *infer_numbers(ins[1:])], [*found, *infer_numbers(outs[1:])]

    def infer_type(ins, outs, p):
        return [ins[0], FLOAT, FLOAT], [ins[0], FLOAT, FLOAT]

    def forward(
        xp,
        data,
        min_data,
        max_data,
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
    ):
        if pool_type not in ("max", "avg"):
            raise ArgumentError(f"Expected: pool_type of 'max' or 'avg' for quantized data. Received: {pool_type!r}.")
        require_integers(data)
        reach(xp, min_data, max_data)
        pooled = find("Pooling").forward(
            xp,
            data.astype(np.float32),
            kernel=kernel,
            pool_type=pool_type,
            global_pool=global_pool,
            pooling_convention=pooling_convention,
            stride=stride,
            pad=pad,
            count_include_pad=count_include_pad,
            layout=layout,
            state=None,
        )
        return xp.rint(pooled).astype(data.dtype), min_data.copy(), max_data.copy()


@operator(
    "_contrib_quantized_batch_norm",
    cases=[
        Case(
            data=np.array([[[[10, -20]], [[100, 50]]]]),
            **{
                name: np.array(values, np.float32)
                for name, values in {
                    "gamma": (1, 2),
                    "beta": (0.1, 0.2),
                    "moving_mean": (0.3, -0.2),
                    "moving_var": (1, 0.5),
                }.items()
            },
            **_ends(("data", -1, 2)),
            min_calib_range=-3.0,
            max_calib_range=2.0,
        )
    ],
)
class QuantizedBatchNorm:
    """BatchNorm by the moving statistics, on quantized data.

    data: (N, C, ...), int8 or uint8. gamma, beta and the auxiliary states moving_mean and moving_var: (C,), float32;
    gamma counts even with fix_gamma. min_data, max_data: (1,), float32. min_calib_range, max_calib_range: the range of
    the output, which must be given. Outputs: data's shape, int8; the ends of its range.
    Source: MXNet 1.9.1's `quantized_batch_norm`.
    """

    outputs = _OUTPUTS
    inputs = ("data", "gamma", "beta", "min_data", "max_data")
    aux = ("moving_mean", "moving_var")
    gradient = NOT_DIFFERENTIABLE
    variable_attributes = {"moving_mean": {"__init__": '["zero", {}]'}, "moving_var": {"__init__": '["one", {}]'}}

    def infer_shape(ins, outs, p):
        data = shapes.unify(ins[0], outs[0])
        channels = None if data is None else (data[shapes.normalize_axis(p.axis, len(data))],)
        channels = shapes.unify_all([channels, *ins[1:3], *ins[5:]])
        known = [data, channels, channels, *infer_numbers(ins[3:5]), channels, channels]
        return known, [data, *infer_numbers(outs[1:])]

    def infer_type(ins, outs, p):
        return [ins[0], *[FLOAT] * 6], [INT8, FLOAT, FLOAT]

    def forward(
        xp,
        data,
        gamma,
        beta,
        moving_mean,
        moving_var,
        min_data,
        max_data,
        *,
        eps: float = 1e-3,
        momentum: float = 0.9,
        fix_gamma: bool = True,
        use_global_stats: bool = False,
        output_mean_var: bool = False,
        axis: int = 1,
        cudnn_off: bool = False,
        min_calib_range: float | None = None,
        max_calib_range: float | None = None,
    ):
        if min_calib_range is None or max_calib_range is None:
            raise ArgumentError(
                "Expected: min_calib_range and max_calib_range, the range of the output. "
                f"Received: {min_calib_range} and {max_calib_range}."
            )
        axis = shapes.normalize_axis(axis, data.ndim)
        for name, array in (("gamma", gamma), ("beta", beta), ("moving_mean", moving_mean), ("moving_var", moving_var)):
            require_shape(name, array, data.shape[axis : axis + 1])
        scale = gamma / xp.sqrt(moving_var + eps)
        spread = [1] * data.ndim
        spread[axis] = len(gamma)
        real = data * unit(xp, data, min_data, max_data) * scale.reshape(spread)
        real = real + (beta - moving_mean * scale).reshape(spread)
        end = max(abs(min_calib_range), abs(max_calib_range))
        ends = (xp.full((1,), value, np.float32) for value in (min_calib_range, max_calib_range))
        return (as_integers(xp, real * (127 / end), INT8), *ends)
