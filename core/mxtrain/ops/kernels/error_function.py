"""The error function, which NumPy lacks.

Rational approximations of W. J. Cody's kind, with the coefficients of S. L. Moshier's Cephes library (ndtr), good to
double precision.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Any

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


def erf(xp: types.ModuleType, x: Any) -> Any:
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x; a new array. x: float32 or float64."""
    size = xp.minimum(xp.abs(x), 6.0)  # beyond, the result is 1 to the last digit
    square = size * size
    inner = x * _polynomial(square, _ERF_P) / _polynomial(square, _ERF_Q)
    tail = 1 - xp.exp(-square) * _polynomial(size, _ERFC_P) / _polynomial(size, _ERFC_Q)
    return xp.where(size < 1, inner, xp.copysign(tail, x))


def _polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """Horner's rule, highest power first."""
    result = x * coefficients[0]
    for coefficient in coefficients[1:-1]:
        result += coefficient
        result *= x
    result += coefficients[-1]
    return result
