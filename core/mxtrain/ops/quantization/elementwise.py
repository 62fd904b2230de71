"""Quantized arrays element by element, or as they are: sums, products, relu, other shapes, rows of a table."""

from typing import Literal

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.ops import shapes
from mxtrain.ops.nn.partial_shapes import sizes_product
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.parameters import DType
from mxtrain.ops.quantization.ranges import (
    FLOAT,
    INT8,
    INT32,
    LAST_INT32,
    UINT8,
    around_zero,
    as_integers,
    infer_numbers,
    num_steps,
    reach,
    require_integers,
    typed,
    unit,
)
from mxtrain.ops.registry import find

_ENDS = {"min_data": np.array([-1], np.float32), "max_data": np.array([2], np.float32)}
_PAIR = {
    "lhs": np.array([[1, -100]]),
    "rhs": np.array([[50, 100]]),
    "lhs_min": np.array([-1], np.float32),
    "lhs_max": np.array([1], np.float32),
    "rhs_min": np.array([-2], np.float32),
    "rhs_max": np.array([1.5], np.float32),
}
_OUTPUTS = ("output", "min_output", "max_output")


def _like_data(ins, outs, p):
    return [ins[0], FLOAT, FLOAT], [ins[0], FLOAT, FLOAT]


@operator("_contrib_quantized_act", cases=[Case(data=np.array([[1, -100, 3]]), act_type="relu", **_ENDS)])
class QuantizedAct:
    """relu of quantized data, which keeps its range.

    data: any shape, int8 or uint8. min_data, max_data: (1,), float32. act_type: "relu". Outputs: data's shape and
    dtype; the ends of its range, (1,), float32. Source: MXNet 1.9.1's `quantized_act`.
    """

    outputs = _OUTPUTS
    gradient = NOT_DIFFERENTIABLE
    infer_type = _like_data

    def infer_shape(ins, outs, p):
        data = shapes.unify(ins[0], outs[0])
        return [data, *infer_numbers(ins[1:])], [data, *infer_numbers(outs[1:])]

    def forward(xp, data, min_data, max_data, *, act_type: Literal["relu", "sigmoid", "tanh", "softrelu", "softsign"]):
        if act_type != "relu":
            raise ArgumentError(f"Expected: act_type='relu', the only one for quantized data. Received: {act_type!r}.")
        require_integers(data)
        reach(xp, min_data, max_data)
        return xp.maximum(data, 0), min_data.copy(), max_data.copy()


@operator("_contrib_quantized_flatten", cases=[Case(data=np.arange(8).reshape(2, 2, 2), **_ENDS)])
class QuantizedFlatten:
    """Quantized data as a matrix: (N, the product of the other sizes). It keeps its range.

    data: int8 or uint8. min_data, max_data: (1,), float32. Outputs: the matrix; the ends of its range.
    Source: MXNet 1.9.1's `quantized_flatten`.
    """

    outputs = _OUTPUTS
    gradient = NOT_DIFFERENTIABLE
    infer_type = _like_data

    def infer_shape(ins, outs, p):
        matrix = None if ins[0] is None else (ins[0][0], sizes_product(ins[0][1:]))
        return [ins[0], *infer_numbers(ins[1:])], [shapes.unify(matrix, outs[0]), *infer_numbers(outs[1:])]

    def forward(xp, data, min_data, max_data):
        require_integers(data)
        reach(xp, min_data, max_data)
        return data.reshape(data.shape[0], -1).copy(), min_data.copy(), max_data.copy()


@operator(
    "_contrib_quantized_concat",
    cases=[
        Case(
            data=[
                *(np.array([[1, -100]]), np.array([[50, 100]])),
                *(np.array([end], np.float32) for end in (-1, 1, -2, 1.5)),
            ],
            num_args=2,
        )
    ],
)
class QuantizedConcat:
    """Quantized arrays joined along an axis, all rescaled to the widest range.

    Inputs: `num_args` arrays, int8 or uint8; then of each the ends of its range, (1,), float32. Outputs: the joined
    array, uint8 where all are, else int8; the least and the largest end of the ranges. Source: MXNet 1.9.1's
    `quantized_concat`.
    """

    count = "num_inputs"
    outputs = _OUTPUTS
    gradient = NOT_DIFFERENTIABLE

    def inputs(p):
        names = [f"arg{i}" for i in range(p.num_args)]
        return [*names, *(f"{name}_{end}" for name in names for end in ("min", "max"))]

    def infer_shape(ins, outs, p):
        parts, joined = find("Concat").infer_shape(ins[: p.num_args], outs[:1], p)
        return [*parts, *infer_numbers(ins[p.num_args :])], [*joined, *infer_numbers(outs[1:])]

    def infer_type(ins, outs, p):
        data = ins[: p.num_args]
        dtype = None if None in data else UINT8 if all(one == UINT8 for one in data) else INT8
        return [*data, *[FLOAT] * (2 * p.num_args)], [dtype, FLOAT, FLOAT]

    def forward(xp, *data, num_args: int, dim: int = 1):
        if num_args < 1 or len(data) != 3 * num_args:
            raise ArgumentError(f"Expected: num_args arrays and both ends of their ranges. Received: {len(data)}.")
        parts, ends = data[:num_args], data[num_args:]
        lows, highs = ends[::2], ends[1::2]
        for low, high in zip(lows, highs, strict=True):
            reach(xp, low, high)
        low, high = xp.stack(lows).min(axis=0), xp.stack(highs).max(axis=0)
        dtype = UINT8 if all(part.dtype == UINT8 for part in parts) else INT8
        scale = num_steps(dtype) / reach(xp, low, high)
        rescaled = [
            as_integers(xp, part * (unit(xp, part, a, b) * scale), dtype)
            for part, a, b in zip(parts, lows, highs, strict=True)
        ]
        return xp.concatenate(rescaled, axis=shapes.normalize_axis(dim, parts[0].ndim)), low, high


def _infer_pair(ins, outs, p):
    shape = shapes.unify_all([ins[0], ins[1], outs[0]])
    return [shape, shape, *infer_numbers(ins[2:])], [shape, *infer_numbers(outs[1:])]


def _read_pair(xp, lhs, rhs, lhs_min, lhs_max, rhs_min, rhs_max):
    """What one step of each side stands for, in float64."""
    shapes.unify(lhs.shape, rhs.shape)
    return (unit(xp, a, *ends).astype(np.float64) for a, ends in ((lhs, (lhs_min, lhs_max)), (rhs, (rhs_min, rhs_max))))


def _calibrated_type(p):
    return INT32 if p.min_calib_range is None or p.max_calib_range is None else INT8


def _calibrated_end(low, high):
    return None if low is None or high is None else max(abs(low), abs(high))


def _given(xp, low, high):
    return xp.full((1,), low, np.float32), xp.full((1,), high, np.float32)


@operator(
    "_contrib_quantized_elemwise_add",
    cases=[Case(**_PAIR), Case(**_PAIR, min_calib_range=-2.0, max_calib_range=2.5)],
)
class QuantizedElemwiseAdd:
    """The sum of quantized arrays.

    lhs, rhs: one shape, int8 or uint8. lhs_min, lhs_max, rhs_min, rhs_max: (1,), float32. Outputs: their shape, int32
    (int8 where min_calib_range and max_calib_range give its range); the ends of its range, around 0, (1,), float32: as
    far as both sides reach together. Source: MXNet 1.9.1's `quantized_elemwise_add`.
    """

    outputs = _OUTPUTS
    gradient = NOT_DIFFERENTIABLE
    infer_shape = _infer_pair
    infer_type = typed(_calibrated_type)

    def forward(
        xp,
        lhs,
        rhs,
        lhs_min,
        lhs_max,
        rhs_min,
        rhs_max,
        *,
        min_calib_range: float | None = None,
        max_calib_range: float | None = None,
    ):
        of_lhs, of_rhs = _read_pair(xp, lhs, rhs, lhs_min, lhs_max, rhs_min, rhs_max)
        total = lhs * of_lhs + rhs * of_rhs
        end = _calibrated_end(min_calib_range, max_calib_range)
        if end is not None:
            return (as_integers(xp, total * (127 / end), INT8), *_given(xp, min_calib_range, max_calib_range))
        end = reach(xp, lhs_min, lhs_max) + reach(xp, rhs_min, rhs_max)
        return (as_integers(xp, total * (LAST_INT32 / end), INT32), *around_zero(xp, end))


def _product_type(p):
    return FLOAT if p.enable_float_output else _calibrated_type(p)


@operator(
    "_contrib_quantized_elemwise_mul",
    cases=[
        Case(**_PAIR),
        Case(**_PAIR, min_calib_range=-2.0, max_calib_range=2.5),
        Case(**_PAIR, enable_float_output=True),
    ],
)
class QuantizedElemwiseMul:
    """The product of quantized arrays.

    lhs, rhs: one shape, int8 or uint8. lhs_min, lhs_max, rhs_min, rhs_max: (1,), float32. Outputs: the products of the
    integers, int32 (or int8 in the range that min_calib_range and max_calib_range give); the ends of its range, (1,),
    float32. With enable_float_output only the real product, float32. Source: MXNet 1.9.1's `quantized_elemwise_mul`.
    """

    gradient = NOT_DIFFERENTIABLE
    infer_shape = _infer_pair

    def outputs(p):
        return _OUTPUTS[:1] if p.enable_float_output else _OUTPUTS

    def infer_type(ins, outs, p):
        return typed(_product_type, len(outs))(ins, outs, p)

    def forward(
        xp,
        lhs,
        rhs,
        lhs_min,
        lhs_max,
        rhs_min,
        rhs_max,
        *,
        min_calib_range: float | None = None,
        max_calib_range: float | None = None,
        enable_float_output: bool = False,
    ):
        of_lhs, of_rhs = _read_pair(xp, lhs, rhs, lhs_min, lhs_max, rhs_min, rhs_max)
        product, one = lhs.astype(np.int32) * rhs.astype(np.int32), of_lhs * of_rhs
        if enable_float_output:
            return ((product * one).astype(np.float32),)
        end = _calibrated_end(min_calib_range, max_calib_range)
        if end is None:
            return (product, *around_zero(xp, one * LAST_INT32))
        return (as_integers(xp, product * (one * (127 / end)), INT8), *_given(xp, min_calib_range, max_calib_range))


@operator(
    "_contrib_quantized_embedding",
    cases=[
        Case(
            data=np.array([1, 0]),
            weight=np.array([[1, 2], [3, -4]]),
            min_weight=np.array([-1], np.float32),
            max_weight=np.array([2], np.float32),
            input_dim=2,
            output_dim=2,
        )
    ],
)
class QuantizedEmbedding:
    """Rows of a quantized table, which keep its range.

    data: any shape and dtype, row numbers; those outside the table count as its ends. weight: (input_dim, output_dim),
    int8. min_weight, max_weight: (1,), float32. Outputs: (data's shape, output_dim), dtype of weight; the ends of its
    range. Source: MXNet 1.9.1's `quantized_embedding`.
    """

    outputs = _OUTPUTS
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        weight = shapes.unify(ins[1], (p.input_dim, p.output_dim))
        rows = None if ins[0] is None else (*ins[0], p.output_dim)
        return [ins[0], weight, *infer_numbers(ins[2:])], [shapes.unify(rows, outs[0]), *infer_numbers(outs[1:])]

    def infer_type(ins, outs, p):
        weight = ins[1] or INT8
        return [ins[0], weight, FLOAT, FLOAT], [weight, FLOAT, FLOAT]

    def forward(
        xp,
        data,
        weight,
        min_weight,
        max_weight,
        *,
        input_dim: int,
        output_dim: int,
        dtype: DType = FLOAT,
        sparse_grad: bool = False,
    ):
        shapes.unify(weight.shape, (input_dim, output_dim))
        if data.dtype.kind == "b":
            raise ArgumentTypeError("Expected: row numbers. Received: truth values.")
        require_integers(weight)
        reach(xp, min_weight, max_weight)
        rows = xp.clip(xp.nan_to_num(data), 0, input_dim - 1).astype(np.int64)
        return weight[rows], min_weight.copy(), max_weight.copy()
