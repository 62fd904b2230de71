"""Limiting values to an interval."""

import numpy as np

from mxtrain.ops import shapes
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.storage import on_values

# from this size on, one pass over the data outweighs the slower call
LARGE = 16384


@operator("clip", cases=[Case(data=(2, 3), a_min=-0.5, a_max=0.6)])
class Clip:
    """Values below a_min become a_min, values above a_max become a_max, NaN stays.

    data: any shape and dtype; the limits are converted to it. Output: the same. Source: MXNet 1.9.1.
    """

    infer_shape = shapes.same
    inplace = (0,)
    elementwise = True
    storage = on_values("csr", "row_sparse", when=lambda p: p.a_min <= 0 <= p.a_max)

    def forward(xp, data, *, a_min: float, a_max: float, out=None):
        low, high = _limit(data.dtype, a_min), _limit(data.dtype, a_max)
        if data.size > LARGE:
            return xp.clip(data, low, high, out=out)
        result = xp.maximum(data, low, out=out)
        return xp.minimum(result, high, out=result)

    def gradient(F, gy, y, data, *, a_min, a_max):
        return gy * (data >= a_min) * (data <= a_max)


def _limit(dtype, limit):
    """The limit in an integer array's dtype, cut to what it can hold."""
    if dtype.kind not in "iu":
        return dtype.type(limit)
    held = np.iinfo(dtype)
    return dtype.type(int(min(max(limit, held.min), held.max)))
