"""`DropoutCell`."""

from collections.abc import Sequence
from typing import Any

from mxtrain.rnn.base_cell import BaseRNNCell, RNNParams
from mxtrain.symbol import Symbol
from mxtrain.symbol.operators import functions


class DropoutCell(BaseRNNCell):
    """Dropout of the inputs with probability `dropout`; no states."""

    def __init__(self, dropout: float, prefix: str = "dropout_", params: RNNParams | None = None) -> None:
        super().__init__(prefix, params)
        self.dropout = dropout

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """Shape and layout of each state."""
        return []

    def __call__(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        return (functions.Dropout(data=inputs, p=self.dropout) if self.dropout > 0 else inputs), states

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Sequence[Any] | None = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:
        """Outputs and final states of `length` steps; see `BaseRNNCell.unroll`."""
        if isinstance(inputs, Symbol) and merge_outputs is not False:  # one mask for all steps
            self.reset()
            return self(inputs, [])
        return super().unroll(length, inputs, begin_state, layout, merge_outputs)
