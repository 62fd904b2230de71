"""Writing into an array or container that others hold, by values of any storage."""

from typing import Any

from mxtrain.ops.kernels.sparse.conversion import convert, to_dense
from mxtrain.ops.kernels.sparse.pairs import on_union
from mxtrain.ops.sparse.containers import RowSparse, SparseContainer, empty_container, storage_of


def overwrite(xp: Any, target: Any, value: Any) -> None:
    """Give an array or container the values of another, which is taken over; of the same shape, cast to its dtype."""
    if not isinstance(target, SparseContainer):
        target[...] = to_dense(xp, value)
        return
    converted = convert(xp, value, target.stype)
    if converted.dtype != target.dtype:
        converted = converted.with_values(converted.values.astype(target.dtype))
    target.take(converted)


def overwrite_with_copy(xp: Any, target: Any, value: Any) -> None:
    """As `overwrite`, where the value goes on to belong to somebody else."""
    is_taken = isinstance(value, SparseContainer) and storage_of(target) == value.stype
    overwrite(xp, target, value.copy() if is_taken else value)


def accumulate(xp: Any, target: Any, value: Any) -> None:
    """Add to an array or container, in place."""
    if isinstance(target, SparseContainer):
        overwrite(xp, target, _sum(xp, target, convert(xp, value, target.stype)))
    elif isinstance(value, RowSparse):
        target[value.indices] += value.values
    else:
        target += to_dense(xp, value)


def clear(xp: Any, target: Any) -> None:
    """Make all values of an array or container zeros."""
    if isinstance(target, SparseContainer):
        target.take(empty_container(xp, target.stype, target.shape, target.dtype))
    else:
        target[...] = 0


def _add(xp: Any, lhs: Any, rhs: Any) -> Any:
    return lhs + rhs


_sum = on_union(_add)
