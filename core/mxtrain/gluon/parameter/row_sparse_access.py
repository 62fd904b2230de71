"""Rows of row_sparse parameters, which the Trainer's store holds."""

from typing import Any

from mxtrain.base import ArgumentTypeError, MXNetError
from mxtrain.context import Context
from mxtrain.ndarray import NDArray


class RowSparseAccess:
    """The part of a Parameter that pulls rows."""

    name: str
    _stype: str
    _data: list[NDArray] | None
    _trainer: Any

    def _initialized(self, arrays: list[NDArray] | None) -> list[NDArray]:
        """The copies. Raises MXNetError where there are none yet."""
        raise NotImplementedError

    def _on(self, arrays: list[NDArray] | None, ctx: Context | None) -> NDArray:
        """The copy on a context."""
        raise NotImplementedError

    def row_sparse_data(self, row_id: NDArray) -> NDArray:
        """Rows of a row_sparse parameter, on row_id's context. row_id: indices; other rows are zero."""
        self._require_row_sparse("row_sparse_data")
        return self._pull_rows([self._on(self._data, row_id.context)], row_id)[0]

    def list_row_sparse_data(self, row_id: NDArray) -> list[NDArray]:
        """As `row_sparse_data`, on all contexts."""
        self._require_row_sparse("list_row_sparse_data")
        return self._pull_rows(self._initialized(self._data), row_id)

    def _require_row_sparse(self, method: str) -> None:
        if self._stype != "row_sparse":
            raise MXNetError(
                f"Cannot return a copy of Parameter {self.name} via {method}() because its storage type is "
                f"{self._stype}. Please use data() instead."
            )

    def _pull_rows(self, arrays: list[NDArray], row_id: NDArray) -> list[NDArray]:
        if not isinstance(row_id, NDArray):
            raise ArgumentTypeError(f"row_id must have NDArray type, but {type(row_id)} is given")
        if self._trainer is None:
            raise MXNetError(
                f"Cannot get row_sparse data for Parameter '{self.name}' when no Trainer is created with it."
            )
        self._trainer._row_sparse_pull(self, arrays, row_id)
        return arrays
