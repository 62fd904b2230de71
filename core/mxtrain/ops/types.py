"""Element types of an operator's inputs and outputs: how they follow from each other.

A rule takes the dtypes of inputs (auxiliary states last) and outputs, None where unknown, and the parameters, and
returns both lists with all that it can conclude.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from mxtrain.base import ArgumentTypeError
from mxtrain.dtypes import is_floating

Types: TypeAlias = list[np.dtype | None]
TypeRule: TypeAlias = Any  # (ins, outs, params) -> (ins, outs)


def unify(first: np.dtype | None, second: np.dtype | None) -> np.dtype | None:
    """What two statements about one dtype say together. Raises ArgumentTypeError where they disagree."""
    if first is None or second is None or first == second:
        return second if first is None else first
    raise ArgumentTypeError(f"Expected: dtype {first.name}. Received: dtype {second.name}. Convert one with astype.")


def unify_all(types: Sequence[np.dtype | None]) -> np.dtype | None:
    """What several statements about one dtype say together."""
    known: np.dtype | None = None
    for dtype in types:
        known = unify(known, dtype)
    return known


def same(ins: Types, outs: Types, p: Any) -> tuple[Types, Types]:
    """All inputs and outputs have one dtype."""
    dtype = unify_all([*ins, *outs])
    return [dtype] * len(ins), [dtype] * len(outs)


def unknown(ins: Types, outs: Types, p: Any) -> tuple[Types, Types]:
    """Nothing can be concluded."""
    return ins, outs


def like_input(index: int) -> TypeRule:
    """Every output has the dtype of the input at `index`; the other inputs may have any."""

    def rule(ins: Types, outs: Types, p: Any) -> tuple[Types, Types]:
        dtype = unify_all([ins[index], *outs])
        ins = list(ins)
        ins[index] = dtype
        return ins, [dtype] * len(outs)

    return rule


def outputs_are(dtype: Any) -> TypeRule:
    """Every output has a fixed dtype, whatever the inputs have."""
    fixed = np.dtype(dtype)

    def rule(ins: Types, outs: Types, p: Any) -> tuple[Types, Types]:
        return ins, [fixed] * len(outs)

    return rule


def from_parameter(ins: Types, outs: Types, p: Any) -> tuple[Types, Types]:
    """Every output has the dtype that the parameter `dtype` names."""
    return ins, [p.dtype] * len(outs)


def require_floating(dtype: Any) -> None:
    """Raise ArgumentTypeError for integers and truth values."""
    if not is_floating(dtype):
        raise ArgumentTypeError(f"Expected: a floating dtype. Received: {dtype.name}. Convert it with astype.")
