"""`_contrib_isnan`, `_contrib_isinf`, `_contrib_isfinite`: which elements are no ordinary numbers."""

from mxtrain.ops import shapes
from mxtrain.ops.operator import ZERO_GRADIENT, Case, declare_operator

_MEANINGS = {"isnan": "NaN", "isinf": "infinite", "isfinite": "neither infinite nor NaN"}


def _declare(function, meaning):
    def forward(xp, data):
        if data.dtype.kind in "iu":
            return (xp.ones_like if function == "isfinite" else xp.zeros_like)(data)
        return getattr(xp, function)(data).astype(data.dtype)

    declare_operator(
        f"_contrib_{function}",
        doc=f"1 where an element is {meaning}, else 0. data: any shape. Output: same shape and dtype.",
        cases=[Case(data=(2, 3))],
        forward=forward,
        gradient=ZERO_GRADIENT,
        infer_shape=shapes.same,
    )


for _function, _meaning in _MEANINGS.items():
    _declare(_function, _meaning)
