"""Cells made of cells: one after the other, or in both directions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.rnn.base_cell import Arrays, BaseRNNCell, RNNParams
from mxtrain.rnn.sequences import as_steps, merged
from mxtrain.symbol.operators import functions


class _Container(BaseRNNCell):
    """A cell of several cells, whose states follow each other. params: given to all of them."""

    def __init__(self, prefix: str, params: RNNParams | None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._override_cell_params = params is not None
        self._cells: list[BaseRNNCell] = []

    def _take(self, cell: BaseRNNCell) -> None:
        if self._override_cell_params:
            if not cell._own_params:
                raise ArgumentError(
                    "Expected: params for the container or for its cells. Received: for both. Leave out one."
                )
            cell.params._params.update(self.params._params)
        self.params._params.update(cell.params._params)
        self._cells.append(cell)

    def reset(self) -> None:
        """Forget the steps so far, before unrolling anew."""
        super().reset()
        for cell in getattr(self, "_cells", ()):
            cell.reset()

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """Shape and layout of each state."""
        return [info for cell in self._cells for info in cell.state_info]

    def begin_state(self, **kwargs: Any) -> list[Any]:  # type: ignore[override]  # MXNet's signature
        """Initial states of all cells; kwargs as for theirs."""
        if self._modified:
            raise ArgumentError(
                f"Expected: begin_state of the cell that modifies this {type(self).__name__}. Received: its own."
            )
        return [state for cell in self._cells for state in cell.begin_state(**kwargs)]

    def _with_states(self, states: Sequence[Any]) -> Iterator[tuple[BaseRNNCell, list[Any]]]:
        """Each cell with its own states."""
        start = 0
        for cell in self._cells:
            count = len(cell.state_info)
            yield cell, list(states[start : start + count])
            start += count

    def unpack_weights(self, args: Mapping[str, Any]) -> Arrays:
        """The weights of all gates as arrays of their own."""
        unpacked = dict(args)
        for cell in self._cells:
            unpacked = cell.unpack_weights(unpacked)
        return unpacked

    def pack_weights(self, args: Mapping[str, Any]) -> Arrays:
        """The opposite of `unpack_weights`."""
        packed = dict(args)
        for cell in self._cells:
            packed = cell.pack_weights(packed)
        return packed


class SequentialRNNCell(_Container):
    """Cells one upon the other: the output of each is the input of the next."""

    def __init__(self, params: RNNParams | None = None) -> None:
        super().__init__("", params)

    def add(self, cell: BaseRNNCell) -> None:
        """Put a cell on top."""
        self._take(cell)

    def __call__(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        self._counter += 1
        next_states: list[Any] = []
        for cell, own in self._with_states(states):
            if isinstance(cell, BidirectionalCell):
                raise ArgumentError("Expected: cells that can go step by step. Received: a BidirectionalCell; unroll.")
            inputs, own = cell(inputs, own)
            next_states += own
        return inputs, next_states

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
        states = self.begin_state() if begin_state is None else begin_state
        next_states: list[Any] = []
        for index, (cell, own) in enumerate(self._with_states(states)):
            merge = merge_outputs if index == len(self._cells) - 1 else None
            inputs, own = cell.unroll(length, inputs, own, layout, merge)
            next_states += own
        return inputs, next_states


class BidirectionalCell(_Container):
    """Two cells, one of which reads the sequence backwards; their outputs stand side by side, (N, 2 C)."""

    def __init__(
        self, l_cell: BaseRNNCell, r_cell: BaseRNNCell, params: RNNParams | None = None, output_prefix: str = "bi_"
    ) -> None:
        super().__init__("", params)
        self._output_prefix = output_prefix
        self._take(l_cell)
        self._take(r_cell)

    def __call__(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        raise NotImplementedError("A BidirectionalCell needs the whole sequence. Call unroll.")

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
        steps = as_steps(inputs, length, layout)
        states = self.begin_state() if begin_state is None else begin_state
        (left, left_states), (right, right_states) = self._with_states(states)
        forwards, left_states = left.unroll(length, steps, left_states, layout, False)
        backwards, right_states = right.unroll(length, steps[::-1], right_states, layout, False)
        outputs = [
            functions.Concat(there, back, dim=1, name=f"{self._output_prefix}t{step}")
            for step, (there, back) in enumerate(zip(forwards, backwards[::-1], strict=True))
        ]
        return merged(outputs, layout, merge_outputs), [*left_states, *right_states]
