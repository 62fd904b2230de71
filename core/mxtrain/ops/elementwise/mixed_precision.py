"""Conversions that automatic mixed precision puts into graphs: amp_cast, amp_multicast."""

from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.dtypes import is_floating
from mxtrain.ops import shapes, types
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import DType


@operator(
    "amp_cast", cases=[Case(data=(2, 3), dtype="float64"), Case(data=(2, 3), dtype="float16", differentiable=False)]
)
class AmpCast:
    """Floating data in another floating dtype; integers as they are. data: any shape. Output: the same shape."""

    infer_shape = shapes.same
    elementwise = True

    def infer_type(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [p.dtype if is_floating(ins[0]) else ins[0]]

    def forward(xp, data, *, dtype: DType):
        return data.astype(dtype if is_floating(data.dtype) else data.dtype)

    def gradient(F, gy, y, data, *, dtype):
        return F._cast_like(gy, data)


def _common(dtypes: list[Any], narrow: bool) -> Any:
    """The widest (or narrowest) floating dtype."""
    for dtype in dtypes:
        types.require_floating(dtype)
    ordered = sorted(dtypes, key=lambda dtype: dtype.itemsize)
    return ordered[0] if narrow else ordered[-1]


@operator(
    "amp_multicast",
    cases=[Case(data=[(2, 3), (3,)], num_outputs=2), Case(data=[(2,)], num_outputs=1, cast_narrow=True)],
)
class AmpMulticast:
    """Floating arrays in the widest of their dtypes, with cast_narrow in the narrowest. Outputs: one per array."""

    count = "num_outputs"

    def outputs(p):
        return [f"output{i}" for i in range(p.num_outputs)] if p.num_outputs != 1 else ["output"]

    def infer_shape(ins, outs, p):
        both = [shapes.unify(one, other) for one, other in zip(ins, outs, strict=True)]
        return both, both

    def infer_type(ins, outs, p):
        if not ins or any(dtype is None for dtype in ins):  # (NumPy's float64 equals None)
            return ins, outs
        return ins, [_common(ins, p.cast_narrow)] * len(outs)

    def forward(xp, *data, cast_narrow: bool = False):
        if not data:
            raise ArgumentError("Expected: one array or more. Received: none.")
        dtype = _common([array.dtype for array in data], cast_narrow)
        return tuple(array.astype(dtype) for array in data)

    def gradient(F, gy, y, *data, **p):
        return [F._cast_like(grad, array) for grad, array in zip(gy, data, strict=True)]
