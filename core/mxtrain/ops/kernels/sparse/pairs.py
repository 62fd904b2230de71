"""Element-wise functions of two arrays of which one or both are sparse, from their function on dense arrays.

Each of these takes an operator's `forward(xp, lhs, rhs)` and gives the kernel of one form of it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops.kernels import gathering
from mxtrain.ops.kernels.sparse import compiled, places
from mxtrain.ops.kernels.sparse.checks import require_inside
from mxtrain.ops.kernels.sparse.conversion import row_of_each
from mxtrain.ops.sparse.containers import Csr, RowSparse

Forward = Callable[..., Any]


def require_one_shape(lhs: Any, rhs: Any) -> None:
    """Raise ArgumentError for arrays of different shapes."""
    if tuple(lhs.shape) != tuple(rhs.shape):
        raise ArgumentError(f"Expected: two arrays of one shape. Received: {tuple(lhs.shape)} and {tuple(rhs.shape)}.")


def on_union(forward: Forward, by_scipy: Callable[[Any, Any], Any] | None = None) -> Forward:
    """Two sparse arrays of one kind, f(0, 0) = 0: stored where either of them is.

    by_scipy: the same function of two csr matrices of SciPy.
    """

    def compute(xp: Any, lhs: Any, rhs: Any) -> Any:
        require_one_shape(lhs, rhs)
        if places.same_places(xp, lhs, rhs):
            return lhs.with_values(forward(xp, lhs.values, rhs.values))
        if by_scipy is not None and xp is np and isinstance(lhs, Csr) and lhs.dtype == rhs.dtype:
            computed = compiled.combine(by_scipy, lhs, rhs)
            if computed is not None:
                return computed
        if isinstance(lhs, RowSparse) and lhs.shape[0] in (len(lhs.indices), len(rhs.indices)):
            left, right = (_spread(xp, side.values, side.indices, lhs.shape[0]) for side in (lhs, rhs))
            return RowSparse(forward(xp, left, right), xp.arange(lhs.shape[0], dtype=np.int64), lhs.shape)
        joined = places.union(xp, lhs, rhs)
        left, right = (
            _spread(xp, container.values, position, len(joined.index_arrays[-1]))
            for container, position in ((lhs, joined.first), (rhs, joined.second))
        )
        return lhs.rebuild(forward(xp, left, right), joined.index_arrays)

    return compute


def _spread(xp: Any, values: Any, position: Any, count: int) -> Any:
    """`count` units of zeros, with the values at their positions."""
    spread = xp.zeros((count, *values.shape[1:]), values.dtype)
    spread[position] = values
    return spread


def on_intersection(forward: Forward) -> Forward:
    """Two sparse arrays of one kind, f(x, 0) = f(0, y) = 0: stored where both of them are."""

    def compute(xp: Any, lhs: Any, rhs: Any) -> Any:
        require_one_shape(lhs, rhs)
        if places.same_places(xp, lhs, rhs):
            return lhs.with_values(forward(xp, lhs.values, rhs.values))
        in_left, in_right = places.intersection(xp, lhs, rhs)
        values = forward(xp, lhs.values[in_left], rhs.values[in_right])
        return places.at_places(xp, values, places.places_of(xp, lhs)[in_left], lhs)

    return compute


def values_at(xp: Any, dense: Any, like: Any) -> Any:
    """The elements (rows) of a dense array at the places that a container of the same shape stores."""
    if isinstance(like, RowSparse):
        return dense[like.indices]
    require_inside(like.indices, like.indptr, like.shape[1])
    return taken(xp, dense.reshape(-1), places.places_of(xp, like))


def taken(xp: Any, flat: Any, positions: Any) -> Any:
    """Elements of a flat array at positions inside of it; on several threads where there are many."""
    return gathering.take(flat, positions, 0, "clip") if xp is np and flat.size else xp.take(flat, positions)


def at_stored_of_lhs(forward: Forward) -> Forward:
    """Sparse and dense, f(0, y) = 0: stored where lhs is."""

    def compute(xp: Any, lhs: Any, rhs: Any) -> Any:
        require_one_shape(lhs, rhs)
        return lhs.with_values(forward(xp, lhs.values, values_at(xp, rhs, lhs)))

    return compute


def at_stored_of_rhs(forward: Forward) -> Forward:
    """Dense and sparse, f(x, 0) = 0: stored where rhs is."""

    def compute(xp: Any, lhs: Any, rhs: Any) -> Any:
        require_one_shape(lhs, rhs)
        return rhs.with_values(forward(xp, values_at(xp, lhs, rhs), rhs.values))

    return compute


def into_lhs(forward: Forward) -> Forward:
    """Dense and sparse, f(x, 0) = x: a dense array that differs from lhs where rhs is stored."""

    def compute(xp: Any, lhs: Any, rhs: Any, *, out: Any = None) -> Any:
        require_one_shape(lhs, rhs)
        changed = forward(xp, values_at(xp, lhs, rhs), rhs.values)
        result = lhs if out is lhs else lhs.copy()
        _put(xp, result, rhs, changed)
        return result

    return compute


def into_rhs(forward: Forward) -> Forward:
    """Sparse and dense, f(0, y) = y: a dense array that differs from rhs where lhs is stored."""

    def compute(xp: Any, lhs: Any, rhs: Any, *, out: Any = None) -> Any:
        require_one_shape(lhs, rhs)
        changed = forward(xp, lhs.values, values_at(xp, rhs, lhs))
        result = rhs if out is rhs else rhs.copy()
        _put(xp, result, lhs, changed)
        return result

    return compute


def _put(xp: Any, dense: Any, where: Any, values: Any) -> None:
    if isinstance(where, RowSparse):
        dense[where.indices] = values
    else:
        dense[row_of_each(xp, where.indptr, len(where.indices)), where.indices] = values


def broadcast_onto_csr(forward: Forward) -> Forward:
    """A csr matrix and a dense array that broadcasts to it, f(0, y) = 0: stored where the matrix is."""

    def compute(xp: Any, lhs: Csr, rhs: Any) -> Csr:
        rows, columns = lhs.shape
        sizes = (1,) * (2 - rhs.ndim) + tuple(rhs.shape)
        if rhs.ndim > 2 or sizes[0] not in (1, rows) or sizes[1] not in (1, columns):
            raise ArgumentError(f"Expected: an array that broadcasts to {lhs.shape}. Received: {tuple(rhs.shape)}.")
        whole = rhs.reshape(sizes)
        if sizes[0] > 1:
            row = row_of_each(xp, lhs.indptr, len(lhs.indices))
            picked = whole[row, lhs.indices if sizes[1] > 1 else 0]
        else:  # a column for each value, or one number for all
            require_inside(lhs.indices, lhs.indptr, columns)
            picked = taken(xp, whole.reshape(-1), lhs.indices) if sizes[1] > 1 else whole.reshape(1)
        return lhs.with_values(forward(xp, lhs.values, picked))

    return compute
