"""Matrix products."""

from __future__ import annotations

import types
from typing import Any

from mxtrain.ops.kernels.precision import deliver, is_narrow, widen


def product(xp: types.ModuleType, left: Any, right: Any, out: Any = None) -> Any:
    """left @ right for two matrices (m, k) and (k, n) of one floating dtype, transposed views among them.

    out: (m, n), C-contiguous, or None. 16-bit numbers are summed in float32.
    """
    if is_narrow(xp, left.dtype):
        return deliver(xp.dot(widen(xp, left), widen(xp, right)), out, left.dtype)
    return xp.dot(left, right, out=out)
