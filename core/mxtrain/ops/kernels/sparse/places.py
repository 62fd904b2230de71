"""Where the values of sparse containers stand, and how the places of two of them meet.

A place is one int64 number per stored unit, rising: the row of a row_sparse array; row * columns + column of a csr
matrix.
"""

from typing import Any, NamedTuple

import numpy as np

from mxtrain.ops.kernels.sparse.conversion import row_of_each
from mxtrain.ops.sparse.containers import Csr, RowSparse


class Union(NamedTuple):
    """The places of two containers together: all of them, sorted, and the positions of each container's among them."""

    places: Any
    first: Any
    second: Any


def places_of(xp: Any, container: Any) -> Any:
    """The place of each stored unit; rising where the container is canonical."""
    if isinstance(container, RowSparse):
        return container.indices
    return row_of_each(xp, container.indptr, len(container.indices)) * container.shape[1] + container.indices


def at_places(xp: Any, values: Any, places: Any, like: Any) -> Any:
    """A container of the kind and shape of `like` with values at sorted places."""
    if isinstance(like, RowSparse):
        return RowSparse(values, places, like.shape)
    rows, columns = like.shape
    row_of_place = places // max(columns, 1)
    return Csr(values, places - row_of_place * columns, row_pointers(xp, row_of_place, rows), like.shape)


def row_pointers(xp: Any, rows: Any, count: int) -> Any:
    """The row pointers of values that stand in `rows` (sorted) of a matrix of `count` rows; int64."""
    indptr = xp.zeros((count + 1,), np.int64)
    xp.cumsum(xp.bincount(rows, minlength=count), out=indptr[1:])
    return indptr


def same_places(xp: Any, first: Any, second: Any) -> bool:
    """Whether two containers of one kind and shape store the same places."""
    return all(
        a is b or (len(a) == len(b) and bool((a == b).all()))
        for a, b in zip(first.index_arrays, second.index_arrays, strict=True)
    )


def union(xp: Any, first: Any, second: Any) -> Union:
    """The places of either of two sorted arrays."""
    together = xp.concatenate((first, second))
    order = np.argsort(together, kind="stable") if xp is np else xp.argsort(together)  # merges two sorted runs
    ordered = together[order]
    is_new = xp.ones((len(ordered),), np.bool_)
    is_new[1:] = ordered[1:] != ordered[:-1]
    position = xp.empty((len(ordered),), np.int64)
    position[order] = xp.cumsum(is_new) - 1
    return Union(ordered[is_new], position[: len(first)], position[len(first) :])


def intersection(xp: Any, first: Any, second: Any) -> tuple[Any, Any]:
    """The positions in each of two arrays of the places that both have; columns of a row may stand in any order."""
    if bool((second[1:] < second[:-1]).any()):
        order = xp.argsort(second)
        in_first, position = intersection(xp, first, second[order])
        return in_first, order[position]
    position = xp.searchsorted(second, first)
    inside = position < len(second)
    found = xp.zeros((len(first),), np.bool_)
    found[inside] = second[position[inside]] == first[inside]
    (in_first,) = xp.nonzero(found)
    return in_first, position[in_first]
