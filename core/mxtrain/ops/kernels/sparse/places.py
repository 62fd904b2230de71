"""Where the values of sparse containers stand, and how the places of two of them meet.

A place is one int64 number per stored unit, rising: the row of a row_sparse array; row * columns + column of a csr
matrix.
"""

from typing import Any, NamedTuple

import numpy as np

from mxtrain.ops.kernels.sparse import compiled
from mxtrain.ops.kernels.sparse.conversion import row_of_each
from mxtrain.ops.sparse.containers import Csr, RowSparse


class Union(NamedTuple):
    """The places of two containers of one kind and shape together, and where those of each are among them.

    index_arrays: those of a container that stores all of them. first, second: positions, rising; int64.
    """

    index_arrays: tuple[Any, ...]
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
    """The places that either of two containers stores."""
    found = _compiled_union(first, second) if xp is np else None
    if found is not None:
        return found
    together = xp.concatenate((places_of(xp, first), places_of(xp, second)))
    order = np.argsort(together, kind="stable") if xp is np else xp.argsort(together)  # merges two sorted runs
    ordered = together[order]
    is_new = xp.ones((len(ordered),), np.bool_)
    is_new[1:] = ordered[1:] != ordered[:-1]
    position = xp.empty((len(ordered),), np.int64)
    position[order] = xp.cumsum(is_new) - 1
    joined = at_places(xp, first.values[:0], ordered[is_new], first)
    count = len(first.indices)
    return Union(joined.index_arrays, position[:count], position[count:])


def _compiled_union(first: Any, second: Any) -> Union | None:
    """The same by SciPy: 1 where the first container stores something, 2 where the second does, added.

    None without SciPy, and where indices are not in order.
    """
    if not compiled.is_available():
        return None
    marked, other = _marked(first, 1), _marked(second, 2)
    if not (marked.has_canonical_format and other.has_canonical_format):
        return None
    total = marked + other
    indices = total.indices.astype(np.int64, copy=False)
    is_rows = isinstance(first, RowSparse)
    arrays = (indices,) if is_rows else (total.indptr.astype(np.int64, copy=False), indices)
    # of truth values NumPy finds those that hold much faster than of numbers other than 0
    (in_first,) = np.nonzero((total.data & 1).view(np.bool_))
    (in_second,) = np.nonzero((total.data >> 1).view(np.bool_))
    return Union(arrays, in_first, in_second)


def _marked(container: Any, mark: int) -> Any:
    """A number at every place: a matrix of the same form, or the rows of a row_sparse array as one row of a matrix."""
    indices, shape = container.indices, container.shape
    pointers = container.indptr if isinstance(container, Csr) else np.array([0, len(indices)])
    shape = shape if isinstance(container, Csr) else (1, shape[0])
    return compiled.assemble(np.full(len(indices), mark, np.int8), indices, pointers, shape)


def intersection(xp: Any, first: Any, second: Any) -> tuple[Any, Any]:
    """The positions in each of two containers of the places that both store, in the order of the places."""
    joined = union(xp, first, second)
    positions = []
    for container, position in ((first, joined.first), (second, joined.second)):
        at_place = xp.full((len(joined.index_arrays[-1]),), -1, np.int64)
        at_place[position] = xp.arange(len(container.indices))
        positions.append(at_place)
    in_both = (positions[0] >= 0) & (positions[1] >= 0)
    return positions[0][in_both], positions[1][in_both]
