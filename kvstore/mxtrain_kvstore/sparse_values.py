"""Sparse values in a KVStore: their sums, copies, and rows by their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.context import Context
from mxtrain.ndarray import NDArray
from mxtrain.ndarray.sparse_array import BaseSparseNDArray, move, value_of, wrap_value, write_value
from mxtrain.ops.kernels.sparse.rows import require_rows, rows_at
from mxtrain.ops.kernels.sparse.sums import sum_of_row_sparse
from mxtrain.ops.kernels.sparse.writing import accumulate, overwrite
from mxtrain.ops.sparse.containers import CSR, ROW_SPARSE, RowSparse, SparseContainer
from mxtrain_kvstore.pairs import Key, paired, require_form


def has_sparse(*arrays: NDArray) -> bool:
    """Whether some array is not dense."""
    return any(isinstance(array, BaseSparseNDArray) for array in arrays)


def require_no_csr(key: Key, array: NDArray) -> None:
    """Raise ArgumentTypeError for a push of csr, as MXNet does."""
    if array.stype == CSR:
        raise ArgumentTypeError(f"Key {key!r}: expected a push of dense or row_sparse arrays. Received: a csr one.")


def sparse_sum(values: Sequence[NDArray], ctx: Context) -> NDArray:
    """The sum of arrays on any devices, in their order, as a new array on a context; row_sparse if they all are."""
    arrays = [value_of(value.as_in_context(ctx)) for value in values]
    with ctx.backend.active():
        if all(isinstance(array, RowSparse) for array in arrays):
            return wrap_value(sum_of_row_sparse(ctx.xp, *arrays), ctx)
        total = ctx.xp.zeros(arrays[0].shape, arrays[0].dtype)
        for array in arrays:
            accumulate(ctx.xp, total, array)
    return wrap_value(total, ctx)


def write_copy(target: NDArray, source: NDArray) -> None:
    """Give an array of any storage the values of another."""
    value = value_of(source)
    is_taken = isinstance(value, SparseContainer) and source.context is target.context
    write_value(target, value.copy() if is_taken else value, source.context)


class Stored(Protocol):
    """What a request needs to know about a stored value."""

    @property
    def stype(self) -> str:
        """Its storage."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""


@dataclass
class RowRequest:
    """The rows of one key that are wanted: outs[i] takes those numbered in row_ids[i]."""

    key: Key
    outs: list[NDArray]
    row_ids: list[NDArray]

    def check(self, stored: Stored) -> None:
        """Raise ArgumentError or IndexRangeError where the request does not fit the stored value."""
        if stored.stype != ROW_SPARSE:
            raise ArgumentError(
                f"Key {self.key!r}: expected a row_sparse value in row_sparse_pull. Received: one that was initialized "
                f"as {stored.stype!r}. Use `pull`."
            )
        for out in self.outs:
            require_form(self.key, out, stored.shape, "an out")
            if out.stype != ROW_SPARSE:
                raise ArgumentError(
                    f"Key {self.key!r}: expected row_sparse arrays as out of row_sparse_pull. Received: {out.stype!r}."
                )
        for ids in self.row_ids:
            with ids.context.backend.active():
                require_rows(ids.context.xp, value_of(ids), stored.shape[0])

    def fill(self, stored: NDArray) -> None:
        """Give each array its rows."""
        table, ctx = value_of(stored), stored.context
        for out, ids in zip(self.outs, self.row_ids, strict=True):
            with ctx.backend.active():
                rows = rising_rows(ctx.xp, value_of(ids.as_in_context(ctx)))
                found = RowSparse(rows_at(ctx.xp, table, rows), rows, table.shape)
            if out.context is not ctx:
                found = move(found, ctx, out.context)
            with out.context.backend.active():
                overwrite(out.context.xp, value_of(out), found)


def rising_rows(xp: Any, ids: Any) -> Any:
    """Numbers of rows as a new array: int64, rising, each once."""
    rows = ids.reshape(-1).astype(np.int64)
    return rows if bool((rows[1:] > rows[:-1]).all()) else xp.unique(rows)


def row_requests(key: Any, out: Any, row_ids: Any) -> list[RowRequest]:
    """The requests of one row_sparse_pull. Raises ArgumentError where the arguments do not match."""
    if out is None or row_ids is None:
        raise ArgumentError("row_sparse_pull: expected out and row_ids. Received: None.")
    ids_of = dict(paired(key, row_ids, "row_ids"))
    return [_request(single, outs, ids_of[single]) for single, outs in paired(key, out, "out")]


def _request(key: Key, outs: list[NDArray], row_ids: list[NDArray]) -> RowRequest:
    if any(isinstance(ids, BaseSparseNDArray) for ids in row_ids):
        raise ArgumentTypeError(f"Key {key!r}: expected dense arrays as row_ids. Received: sparse ones.")
    if len(row_ids) == 1:
        row_ids = row_ids * len(outs)
    if len(row_ids) != len(outs):
        raise ArgumentError(f"Key {key!r}: expected row_ids for {len(outs)} arrays. Received: {len(row_ids)}.")
    return RowRequest(key, outs, row_ids)
