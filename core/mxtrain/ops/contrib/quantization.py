"""Real numbers as 8-bit integers and back: `_contrib_quantize`, `_contrib_dequantize`."""

from typing import Literal

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator

_FLOAT = np.dtype(np.float32)


def _infer_shape(ins, outs, p):
    """data of any shape, and two arrays of one number, before and after."""
    data = shapes.unify(ins[0], outs[0])
    number = (1,)
    ranges = [shapes.unify(known, number) for known in ins[1:]]
    return [data, *ranges], [data, *(shapes.unify(known, number) for known in outs[1:])]


def _largest(xp, min_range, max_range):
    """The larger absolute value of the range's ends, as an array of shape (1,)."""
    if min_range.shape != (1,) or max_range.shape != (1,):
        raise ArgumentError(
            f"Expected: min_range and max_range of shape (1,). Received: {min_range.shape} and {max_range.shape}."
        )
    return xp.maximum(abs(min_range), abs(max_range))


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
    listed_outputs = ("output0", "output1", "output2")
    infer_shape = _infer_shape
    gradient = NOT_DIFFERENTIABLE

    def infer_type(ins, outs, p):
        return [ins[0] or _FLOAT, _FLOAT, _FLOAT], [np.dtype(p.out_type), _FLOAT, _FLOAT]

    def forward(xp, data, min_range, max_range, *, out_type: Literal["int8", "uint8"] = "uint8"):
        types.require_floating(data.dtype)
        largest = _largest(xp, min_range, max_range)
        low, high = (-127, 127) if out_type == "int8" else (0, 255)
        scaled = xp.nan_to_num(xp.rint(data * (high / largest)))
        ends = (-largest, largest) if out_type == "int8" else (min_range.copy(), max_range.copy())
        return (xp.clip(scaled, low, high).astype(out_type), *ends)


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
        steps = 255 if data.dtype == np.uint8 else 127
        return data.astype(np.float32) * (_largest(xp, min_range, max_range) / steps)
