"""Row_sparse parameters that a KVStore updates: devices take the rows that a batch needs."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.context import cpu
from mxtrain.ndarray import NDArray, arange, zeros

ROW_SPARSE = "row_sparse"


def pull_rows_for(
    batch: Any,
    row_ids_of: Callable[[Any], Any],
    kvstore: Any,
    param_names: Sequence[str],
    param_arrays: Sequence[Sequence[NDArray]],
) -> set[str]:
    """Give all devices the rows of a batch; returns the names of the parameters that took rows.

    row_ids_of: from the batch to {parameter: numbers of rows}. kvstore: None where it does not update parameters.
    """
    if kvstore is None:
        warnings.warn("Parameters are not updated in the KVStore. No need to call sparse_row_id_fn.", stacklevel=3)
        return set()
    row_ids = row_ids_of(batch)
    if not isinstance(row_ids, Mapping):
        raise ArgumentTypeError(
            f"Expected: a dict of row ids by parameter from sparse_row_id_fn. Received: {type(row_ids).__name__}."
        )
    taken = set()
    for name, ids in row_ids.items():
        if name not in param_names:
            raise ArgumentError(f"sparse_row_id_fn: expected parameters of {list(param_names)}. Received: {name!r}.")
        position = list(param_names).index(name)
        copies = list(param_arrays[position])
        if copies[0].stype != ROW_SPARSE:
            warnings.warn(f"{name}.stype is not 'row_sparse'. No need to perform row_sparse_pull.", stacklevel=3)
            continue
        kvstore.row_sparse_pull(name, copies, row_ids=ids, priority=-position)
        taken.add(name)
    return taken


def pull_all_rows(kvstore: Any, params: Mapping[str, NDArray]) -> None:
    """Fill the row_sparse arrays among parameters from the store that updates them."""
    for name, array in sorted(params.items()):
        if array.stype == ROW_SPARSE:
            kvstore.row_sparse_pull(name, array, row_ids=arange(array.shape[0], dtype="int64"))


def host_zeros_like(names: Sequence[str], arrays: Sequence[Sequence[NDArray]]) -> dict[str, NDArray]:
    """Host arrays like the first device's, of the same storage."""
    firsts = {name: copies[0] for name, copies in zip(names, arrays, strict=True)}
    return {name: zeros(first.shape, cpu(), first.dtype, first.stype) for name, first in firsts.items()}


def largest(params: Mapping[str, NDArray]) -> int:
    """How many elements the largest parameter has."""
    return max((math.prod(array.shape) for array in params.values()), default=0)


def push_then_pull(
    kvstore: Any, key: str, grads: Any, out: Any, priority: int, taken_by_rows: set[str]
) -> Callable[[], None]:
    """The step that gives the store a gradient and takes the new value, one of them sparse.

    A parameter whose rows are taken before each batch (`taken_by_rows`, by name) is not pulled as a whole.
    """

    def step() -> None:
        kvstore.push(key, grads, priority)
        if key not in taken_by_rows:
            kvstore.pull(key, out, priority, ignore_sparse=False)

    return step
