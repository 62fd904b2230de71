"""Operators that give facts about an array: its shape, its size, whether all of it is finite."""

import numpy as np

from mxtrain.ops import types
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, ZERO_GRADIENT, Case, operator


@operator("shape_array", cases=[Case(data=(2, 3))])
class ShapeArray:
    """The sizes of data's axes. Output: (ndim,), int64."""

    infer_type = types.outputs_are(np.int64)
    gradient = ZERO_GRADIENT

    def infer_shape(ins, outs, p):
        return ins, [None if ins[0] is None else (len(ins[0]),)]

    def forward(xp, data):
        return xp.asarray(data.shape, dtype=np.int64)


@operator("size_array", cases=[Case(data=(2, 3))])
class SizeArray:
    """The number of data's elements. Output: (1,), int64."""

    infer_type = types.outputs_are(np.int64)
    gradient = ZERO_GRADIENT

    def infer_shape(ins, outs, p):
        return ins, [(1,)]

    def forward(xp, data):
        return xp.asarray([data.size], dtype=np.int64)


@operator("all_finite", cases=[Case(data=(2, 3))])
class AllFinite:
    """1 where no element is infinite or NaN, else 0. init_output: accepted; the result never depends on the past.

    data: any shape, floating. Output: (1,), float32.
    """

    infer_type = types.outputs_are(np.float32)
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        return ins, [(1,)]

    def forward(xp, data, *, init_output: bool = True):
        return xp.isfinite(data).all().reshape(1).astype(np.float32)


@operator("multi_all_finite", cases=[Case(data=[(2, 3), (2,)])])
class MultiAllFinite:
    """1 where no element of any array is infinite or NaN, else 0. Output: (1,), float32."""

    count = "num_arrays"
    infer_type = types.outputs_are(np.float32)
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        return ins, [(1,)]

    def forward(xp, *data, init_output: bool = True):
        finite = xp.ones(1, np.float32)
        for array in data:
            finite *= xp.isfinite(array).all()
        return finite


@operator("multi_sum_sq", cases=[Case(data=[(2, 3), (2,)])])
class MultiSumSq:
    """The sum of squares of each array. data: floating arrays. Output: one number per array, float32."""

    count = "num_arrays"
    infer_type = types.outputs_are(np.float32)
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        return ins, [(len(ins),)]

    def forward(xp, *data):
        sums = [
            xp.vdot(array, array) if array.dtype.itemsize >= 4 else (array.astype("f4") ** 2).sum() for array in data
        ]
        return xp.stack([xp.asarray(value, dtype=np.float32) for value in sums])
