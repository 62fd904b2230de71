"""Cells that change what another cell does: zoneout, residual connections."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mxtrain import symbol
from mxtrain.base import ArgumentError
from mxtrain.rnn.base_cell import Arrays, BaseRNNCell, RNNParams
from mxtrain.rnn.fused import FusedRNNCell
from mxtrain.rnn.sequences import as_steps, as_whole
from mxtrain.symbol import Symbol
from mxtrain.symbol.operators import functions


class ModifierCell(BaseRNNCell):
    """Base of cells around another one, whose parameters and states are theirs."""

    def __init__(self, base_cell: BaseRNNCell) -> None:
        base_cell._modified = True
        super().__init__()
        self.base_cell = base_cell

    @property
    def params(self) -> RNNParams:
        """The variables."""
        self._own_params = False
        return self.base_cell.params

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """Shape and layout of each state."""
        return self.base_cell.state_info

    def begin_state(  # type: ignore[override]  # MXNet's signature
        self, init_sym: Callable[..., Any] = symbol.zeros, **kwargs: Any
    ) -> list[Any]:
        """Initial states of the cell inside, made by init_sym(name=, shape=, ...)."""
        if self._modified:
            raise ArgumentError(
                f"Expected: begin_state of the cell that modifies this {type(self).__name__}. Received: its own."
            )
        self.base_cell._modified = False
        try:
            return self.base_cell.begin_state(func=init_sym, **kwargs)
        finally:
            self.base_cell._modified = True

    def reset(self) -> None:
        """Forget the steps so far, before unrolling anew."""
        super().reset()
        if hasattr(self, "base_cell"):
            self.base_cell.reset()

    def unpack_weights(self, args: Mapping[str, Any]) -> Arrays:
        """The weights of all gates as arrays of their own."""
        return self.base_cell.unpack_weights(args)

    def pack_weights(self, args: Mapping[str, Any]) -> Arrays:
        """The opposite of `unpack_weights`."""
        return self.base_cell.pack_weights(args)


class ZoneoutCell(ModifierCell):
    """Keeps, with given probabilities, elements of the output and of the states as they were a step before.

    Source: arXiv:1606.01305.
    """

    def __init__(self, base_cell: BaseRNNCell, zoneout_outputs: float = 0.0, zoneout_states: float = 0.0) -> None:
        if isinstance(base_cell, FusedRNNCell):
            raise ArgumentError("Expected: a cell that goes step by step. Received: a FusedRNNCell; call unfuse().")
        super().__init__(base_cell)
        self.zoneout_outputs = zoneout_outputs
        self.zoneout_states = zoneout_states

    def reset(self) -> None:
        """Forget the steps so far, before unrolling anew."""
        super().reset()
        self.prev_output: Any = None

    def __call__(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        next_output, next_states = self.base_cell(inputs, states)
        before = functions.zeros_like(next_output) if self.prev_output is None else self.prev_output
        output = _mixed(self.zoneout_outputs, next_output, before)
        states = [_mixed(self.zoneout_states, new, old) for new, old in zip(next_states, states, strict=True)]
        self.prev_output = output
        return output, states


def _mixed(probability: float, new: Any, old: Any) -> Any:
    """New values, but old ones with a probability."""
    if probability == 0:
        return new
    chosen = functions.Dropout(functions.ones_like(new), p=probability)
    return functions.where(chosen, new, old)


class ResidualCell(ModifierCell):
    """Adds the inputs to the outputs. Source: arXiv:1609.08144."""

    def __call__(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        output, states = self.base_cell(inputs, states)
        return functions.elemwise_add(output, inputs, name=f"{output.name}_plus_residual"), states

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Sequence[Any] | None = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:
        """Outputs and final states of `length` steps; see `BaseRNNCell.unroll`."""
        self.reset()
        begin_state = self.begin_state() if begin_state is None else begin_state
        self.base_cell._modified = False
        try:
            outputs, states = self.base_cell.unroll(length, inputs, begin_state, layout, merge_outputs)
        finally:
            self.base_cell._modified = True
        if isinstance(outputs, Symbol):
            whole = as_whole(inputs, length, layout, layout)
            return functions.elemwise_add(outputs, whole, name=f"{outputs.name}_plus_residual"), states
        steps = as_steps(inputs, length, layout)
        added = [
            functions.elemwise_add(output, step, name=f"{output.name}_plus_residual")
            for output, step in zip(outputs, steps, strict=True)
        ]
        return added, states
