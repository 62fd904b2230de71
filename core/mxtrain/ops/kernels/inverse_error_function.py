"""The inverse of the error function, by M. J. Wichura's algorithm AS 241 (Applied Statistics 37, 1988, 477-484)."""

from __future__ import annotations

import math
import types
from collections.abc import Sequence
from typing import Any

_CENTRE_P = (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
             13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608)  # fmt: skip
_CENTRE_Q = (5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
             5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0)  # fmt: skip
_MIDDLE_P = (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
             3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734)  # fmt: skip
_MIDDLE_Q = (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
             0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0)  # fmt: skip
_TAIL_P = (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
           0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772)  # fmt: skip
_TAIL_Q = (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
           0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0)  # fmt: skip


def inverse_erf(xp: types.ModuleType, y: Any) -> Any:
    """The x whose erf is y; a new float64 array. Infinite at -1 and 1, NaN beyond. y: float64."""
    half = y / 2
    centre = half * _ratio(0.180625 - half * half, _CENTRE_P, _CENTRE_Q)
    root = xp.sqrt(-xp.log((1 - xp.abs(y)) / 2))
    outer = xp.where(root <= 5, _ratio(root - 1.6, _MIDDLE_P, _MIDDLE_Q), _ratio(root - 5, _TAIL_P, _TAIL_Q))
    outer = xp.where(xp.abs(y) == 1, math.inf, outer)
    return xp.where(xp.abs(half) <= 0.425, centre, xp.copysign(outer, y)) / math.sqrt(2)


def _ratio(x: Any, numerator: Sequence[float], denominator: Sequence[float]) -> Any:
    """A quotient of two polynomials, by Horner's rule."""
    top, bottom = numerator[0], denominator[0]
    for above, below in zip(numerator[1:], denominator[1:], strict=True):
        top = top * x + above
        bottom = bottom * x + below
    return top / bottom
