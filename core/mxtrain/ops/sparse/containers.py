"""Sparse values on one device: what sparse kernels take and return where dense ones take backend arrays.

A container is to a sparse NDArray what the backend array is to a dense one: whoever holds it sees every later write,
which replaces the arrays inside (`take`). The arrays of indices are never written, so containers may share them;
`values` belongs to one container.
"""

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

DENSE = "default"
ROW_SPARSE = "row_sparse"
CSR = "csr"
STORAGE_TYPES = (DENSE, ROW_SPARSE, CSR)


class SparseContainer:
    """What both kinds share. values: the stored elements, a backend array; index arrays are int64."""

    __slots__ = ("shape", "values")

    stype: ClassVar[str]

    def __init__(self, values: Any, shape: tuple[int, ...]) -> None:
        self.values = values
        self.shape = tuple(shape)

    @property
    def dtype(self) -> np.dtype:
        """Element type of the values."""
        dtype: np.dtype = self.values.dtype
        return dtype

    @property
    def ndim(self) -> int:
        """How many axes the array has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements the array has, stored or not."""
        return math.prod(self.shape)

    @property
    def index_arrays(self) -> tuple[Any, ...]:
        """The arrays that say where the values stand, in the order in which MXNet numbers and saves them."""
        raise NotImplementedError

    def rebuild(self, values: Any, index_arrays: tuple[Any, ...]) -> Any:
        """A container of the same kind and shape from other arrays."""
        raise NotImplementedError

    def with_values(self, values: Any) -> Any:
        """A container with other values at the same places."""
        return self.rebuild(values, self.index_arrays)

    def copy(self) -> Any:
        """A container with a copy of the values."""
        return self.with_values(self.values.copy())

    def map(self, function: Callable[[Any], Any]) -> Any:
        """A container with `function` applied to each of the arrays (to move them to another device)."""
        return self.rebuild(function(self.values), tuple(function(array) for array in self.index_arrays))

    def take(self, other: Any) -> None:
        """Become equal to another container of the same kind and shape, whose arrays are taken over."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.shape} {self.dtype}, values {self.values.shape}>"


class RowSparse(SparseContainer):
    """An array of which some rows are stored; the others are zeros.

    values: (nnr, *shape[1:]). indices: (nnr,) int64, the numbers of the rows, rising.
    """

    __slots__ = ("indices",)

    stype = ROW_SPARSE

    def __init__(self, values: Any, indices: Any, shape: tuple[int, ...]) -> None:
        super().__init__(values, shape)
        self.indices = indices

    @property
    def index_arrays(self) -> tuple[Any, ...]:
        return (self.indices,)

    def rebuild(self, values: Any, index_arrays: tuple[Any, ...]) -> "RowSparse":
        return RowSparse(values, *index_arrays, self.shape)

    def take(self, other: "RowSparse") -> None:
        self.values, self.indices = other.values, other.indices


class Csr(SparseContainer):
    """A matrix in compressed sparse rows.

    values: (nnz,). indices: (nnz,) int64, the column of each value. indptr: (rows + 1,) int64: the values of row i are
    those from indptr[i] to indptr[i + 1].
    """

    __slots__ = ("indices", "indptr")

    stype = CSR

    def __init__(self, values: Any, indices: Any, indptr: Any, shape: tuple[int, ...]) -> None:
        super().__init__(values, shape)
        self.indices = indices
        self.indptr = indptr

    @property
    def index_arrays(self) -> tuple[Any, ...]:
        return self.indptr, self.indices

    def rebuild(self, values: Any, index_arrays: tuple[Any, ...]) -> "Csr":
        indptr, indices = index_arrays
        return Csr(values, indices, indptr, self.shape)

    def take(self, other: "Csr") -> None:
        self.values, self.indices, self.indptr = other.values, other.indices, other.indptr


def storage_of(value: Any) -> str:
    """The storage type of a backend array or container."""
    return value.stype if isinstance(value, SparseContainer) else DENSE


def empty_container(xp: Any, stype: str, shape: tuple[int, ...], dtype: Any) -> Any:
    """A container of zeros: nothing is stored. The current device's array module is xp."""
    if stype == ROW_SPARSE:
        return RowSparse(xp.zeros((0, *shape[1:]), dtype), xp.zeros((0,), np.int64), shape)
    return Csr(xp.zeros((0,), dtype), xp.zeros((0,), np.int64), xp.zeros((shape[0] + 1,), np.int64), shape)
