"""The error function, which NumPy lacks.

float64: rational approximations of W. J. Cody's kind, with the coefficients of S. L. Moshier's Cephes library (ndtr),
good to double precision. float32: polynomials of least relative error, fitted for this file (within 1.6 units in the
last place of all numbers).
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Any

import numpy as np

_ERF_P = (9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3, 7.00332514112805075473e3,
          5.55923013010394962768e4)  # fmt: skip
_ERF_Q = (1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3, 2.26290000613890934246e4,
          4.92673942608635921086e4)  # fmt: skip
_ERFC_P = (2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0, 4.86371970985681366614e1,
           1.96520832956077098242e2, 5.26445194995477358631e2, 9.34528527171957607540e2, 1.02755188689515710272e3,
           5.57535335369399327526e2)  # fmt: skip
_ERFC_Q = (1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2, 9.75708501743205489753e2,
           1.82390916687909736289e3, 2.24633760818710981792e3, 1.65666309194161350182e3,
           5.57535340817727675546e2)  # fmt: skip


# of (erf(x) / x - 1) in x^2 for |x| <= 1
_INNER = (7.855892181396484e-05, -0.0008010203600861132, 0.005188329145312309, -0.026853812858462334,
          0.1128358542919159, -0.3761262595653534, 0.12837916612625122)  # fmt: skip
# of exp(x^2) erfc(x) in x - 2 for 1 <= x <= 4; beyond, the result is 1 to the last digit
_OUTER = (-0.00039379028021357954, 0.0005527388420887291, -0.0016011587576940656, 0.00558012118563056,
          -0.015489413402974606, 0.04177024960517883, -0.10679995268583298, 0.2553960680961609)  # fmt: skip
_ERFC_OF_ONE = 0.15729916


def erf(xp: types.ModuleType, x: Any) -> Any:
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x; a new array. x: float32 or float64."""
    return _erf_single(xp, x) if x.dtype == np.float32 else _erf_double(xp, x)


def _erf_single(xp: types.ModuleType, x: Any) -> Any:
    """The two pieces add up: erf(min(|x|, 1)), and what comes to it beyond 1. Nothing is chosen, which costs more."""
    size = xp.abs(x)
    inner = xp.minimum(size, 1)
    result = _polynomial(inner * inner, _INNER)
    result *= inner
    result += inner
    outer = xp.clip(size, 1, 4, out=inner)
    tail = _polynomial(outer - np.float32(2), _OUTER)
    xp.multiply(outer, outer, out=outer)
    xp.negative(outer, out=outer)
    tail *= xp.exp(outer, out=outer)
    xp.subtract(np.float32(_ERFC_OF_ONE), tail, out=tail)
    tail *= size > 1
    result += tail
    xp.minimum(result, 1, out=result)
    return xp.copysign(result, x, out=result)


def _erf_double(xp: types.ModuleType, x: Any) -> Any:
    size = xp.minimum(xp.abs(x), 6.0)  # beyond, the result is 1 to the last digit
    square = size * size
    inner = x * _polynomial(square, _ERF_P) / _polynomial(square, _ERF_Q)
    tail = 1 - xp.exp(-square) * _polynomial(size, _ERFC_P) / _polynomial(size, _ERFC_Q)
    return xp.where(size < 1, inner, xp.copysign(tail, x))


def _polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """Horner's rule, highest power first."""
    result = x * x.dtype.type(coefficients[0])
    for coefficient in coefficients[1:-1]:
        result += x.dtype.type(coefficient)
        result *= x
    result += x.dtype.type(coefficients[-1])
    return result
