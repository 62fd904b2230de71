"""Real numbers as 8-bit integers and back: quantize, quantize_v2, quantize_asym, requantize, dequantize."""

from typing import Literal

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
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
)

_THREE = ("output0", "output1", "output2")


def _infer_shape(ins, outs, p):
    """data of any shape, and numbers, before and after."""
    data = shapes.unify(ins[0], outs[0])
    return [data, *infer_numbers(ins[1:])], [data, *infer_numbers(outs[1:])]


def _calibrated(low, high):
    """Whether a range was given. Raises ArgumentError where only one end was, or they are in the wrong order."""
    if low is None and high is None:
        return False
    if low is None or high is None or low > high:
        raise ArgumentError(
            f"Expected: none or both of min_calib_range <= max_calib_range. Received: {low} and {high}."
        )
    return True


@operator(
    "_contrib_quantize",
    cases=[
        Case(data=(2, 3), min_range=np.array([-0.5], np.float32), max_range=np.array([0.7], np.float32)),
        Case(data=(2, 3), min_range=np.array([0], np.float32), max_range=np.array([0.7], np.float32), out_type="int8"),
    ],
)
class Quantize:
    """Real numbers as 8-bit integers: the nearest to data * (127 or 255) / the range's larger end, within their range.

    data: any shape, floating. min_range, max_range: (1,), float32. Outputs: data's shape, int8 or uint8 (which holds
    no negative numbers), and the ends of the range that it stands for, (1,), float32 (int8: one around 0).
    Source: the values of MXNet 1.9.1's `quantize` on CPUs.
    """

    outputs = ("output", "min_output", "max_output")
    listed_outputs = _THREE
    infer_shape = _infer_shape
    gradient = NOT_DIFFERENTIABLE

    def infer_type(ins, outs, p):
        return [ins[0] or FLOAT, FLOAT, FLOAT], [np.dtype(p.out_type), FLOAT, FLOAT]

    def forward(xp, data, min_range, max_range, *, out_type: Literal["int8", "uint8"] = "uint8"):
        types.require_floating(data.dtype)
        end = reach(xp, min_range, max_range)
        dtype = np.dtype(out_type)
        ends = (-end, end) if dtype == INT8 else (min_range.copy(), max_range.copy())
        return (as_integers(xp, data * (num_steps(dtype) / end), dtype), *ends)


@operator(
    "_contrib_dequantize",
    cases=[
        Case(data=np.array([[-127, 0, 5]]), min_range=np.array([-0.5], np.float32), max_range=np.array([1], np.float32))
    ],
)
class Dequantize:
    """The real numbers that 8-bit integers stand for: data * the range's larger end / (127, or 255 for uint8).

    data: any shape, int8 or uint8 (any other dtype counts as int8). min_range, max_range: (1,), float32.
    Output: data's shape, float32. Source: MXNet 1.9.1's `dequantize`.
    """

    infer_type = types.outputs_are(np.float32)
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        return _infer_shape(ins, [outs[0]], p)

    def forward(xp, data, min_range, max_range, *, out_type: Literal["float32"] = "float32"):
        return data.astype(np.float32) * (reach(xp, min_range, max_range) / num_steps(data.dtype))


def _chosen_type(p):
    """The dtype that quantize_v2 and requantize give: by itself, uint8 for a given range without negative numbers."""
    if p.out_type != "auto":
        return np.dtype(p.out_type)
    return UINT8 if _calibrated(p.min_calib_range, p.max_calib_range) and p.min_calib_range >= 0 else INT8


@operator(
    "_contrib_quantize_v2",
    cases=[
        Case(data=(2, 3)),
        Case(data=(2, 3), out_type="auto", min_calib_range=0.0, max_calib_range=0.5),
        Case(data=np.array([[1, -3]]), min_calib_range=-1.0, max_calib_range=1.5),
    ],
)
class QuantizeV2:
    """Real numbers as 8-bit integers, as in `quantize`; the range is given, or found in the data.

    data: any shape, floating; or integers, which are passed on. min_calib_range, max_calib_range: the range.
    out_type: "int8", "uint8" or "auto" (uint8 where the given range is not negative). Outputs: data's shape; the ends
    of the range that it stands for, (1,), float32. Source: MXNet 1.9.1's `quantize_v2`.
    """

    outputs = ("output", "min_output", "max_output")
    listed_outputs = _THREE
    infer_shape = _infer_shape
    gradient = NOT_DIFFERENTIABLE

    def infer_type(ins, outs, p):
        is_quantized = ins[0] is not None and ins[0].kind in "iu"
        return [ins[0] or FLOAT], [ins[0] if is_quantized else _chosen_type(p), FLOAT, FLOAT]

    def forward(
        xp,
        data,
        *,
        out_type: Literal["auto", "int8", "uint8"] = "int8",
        min_calib_range: float | None = None,
        max_calib_range: float | None = None,
    ):
        given = _calibrated(min_calib_range, max_calib_range)
        if data.dtype.kind in "iu":
            ends = (min_calib_range, max_calib_range) if given else (-127.5, 127.5)
            return (data.copy(), *(xp.full((1,), end, np.float32) for end in ends))
        if not data.size and not given:
            raise ArgumentError("Expected: a range, or data to find it in. Received: an empty array.")
        low, high = (min_calib_range, max_calib_range) if given else (data.min(), data.max())
        low, high = (xp.asarray(end, np.float32).reshape(1) for end in (low, high))
        is_unsigned = out_type == "uint8" or (out_type == "auto" and given and min_calib_range >= 0)
        dtype, end = UINT8 if is_unsigned else INT8, reach(xp, low, high)
        integers = as_integers(xp, data * (num_steps(dtype) / end), dtype)
        return (integers, low, high) if is_unsigned else (integers, -end, end)


@operator(
    "_contrib_quantize_asym",
    cases=[Case(data=(2, 3)), Case(data=(2, 3), min_calib_range=-0.5, max_calib_range=0.75)],
)
class QuantizeAsym:
    """Real numbers as uint8, of which not 0 but `shift` stands for 0: data * scale + shift, to the nearest.

    data: any shape, floating; or uint8, which is passed on. min_calib_range, max_calib_range: what 0 and 255 stand for;
    by default the least and largest number. Outputs: data's shape, uint8; scale = 255 / (max - min) and shift = 255 -
    max * scale, (1,), float32. Source: MXNet 1.9.1's `quantize_asym`.
    """

    outputs = ("output", "scale", "shift")
    infer_shape = _infer_shape
    gradient = NOT_DIFFERENTIABLE

    def infer_type(ins, outs, p):
        return [ins[0] or FLOAT], [UINT8, FLOAT, FLOAT]

    def forward(xp, data, *, min_calib_range: float | None = None, max_calib_range: float | None = None):
        if data.dtype == UINT8:
            return data.copy(), xp.ones((1,), np.float32), xp.zeros((1,), np.float32)
        types.require_floating(data.dtype)
        given = _calibrated(min_calib_range, max_calib_range)
        if not data.size and not given:
            raise ArgumentError("Expected: a range, or data to find it in. Received: an empty array.")
        low, high = (min_calib_range, max_calib_range) if given else (data.min(), data.max())
        high = xp.asarray(high, np.float32).reshape(1)
        scale = 255 / (high - xp.asarray(low, np.float32))
        shift = 255 - high * scale
        return as_integers(xp, data * scale + shift, UINT8), scale, shift


@operator(
    "_contrib_requantize",
    cases=[
        Case(
            data=np.array([[-1000, 5, 70000]]),
            min_range=np.array([-1010], np.float32),
            max_range=np.array([1020], np.float32),
            **options,
        )
        for options in ({}, {"min_calib_range": 0.0, "max_calib_range": 0.0002, "out_type": "auto"})
    ],
)
class Requantize:
    """32-bit integers as 8-bit ones that stand for the same numbers.

    data: any shape, int32. min_range, max_range: (1,), float32, the range that it stands for. min_calib_range,
    max_calib_range: the new range; by default as far as the data goes. out_type: as in quantize_v2. Outputs: data's
    shape; the ends of its range, (1,), float32. Source: MXNet 1.9.1's `requantize`.
    """

    outputs = ("output", "min_output", "max_output")
    listed_outputs = _THREE
    infer_shape = _infer_shape
    gradient = NOT_DIFFERENTIABLE

    def infer_type(ins, outs, p):
        return [INT32, FLOAT, FLOAT], [_chosen_type(p), FLOAT, FLOAT]

    def forward(
        xp,
        data,
        min_range,
        max_range,
        *,
        out_type: Literal["auto", "int8", "uint8"] = "int8",
        min_calib_range: float | None = None,
        max_calib_range: float | None = None,
    ):
        require_integers(data)
        given = _calibrated(min_calib_range, max_calib_range)
        real = data * (reach(xp, min_range, max_range).astype(np.float64) / LAST_INT32)
        if not data.size and not given:
            raise ArgumentError("Expected: a range, or data to find it in. Received: an empty array.")
        end = max(abs(min_calib_range), abs(max_calib_range)) if given else abs(real).max()
        is_unsigned = out_type == "uint8" or (out_type == "auto" and given and min_calib_range >= 0)
        dtype = UINT8 if is_unsigned else INT8
        low, high = around_zero(xp, end)
        return as_integers(xp, real * (num_steps(dtype) / end), dtype), xp.zeros_like(low) if is_unsigned else low, high
