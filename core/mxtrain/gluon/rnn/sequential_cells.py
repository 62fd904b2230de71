"""Cells one above the other: `SequentialRNNCell` and `HybridSequentialRNNCell`."""

from collections.abc import Callable, Iterator
from typing import Any

from mxtrain import ndarray as nd
from mxtrain.gluon.errors import CheckError
from mxtrain.gluon.parameter import ParameterDict
from mxtrain.gluon.rnn.base_cell import HybridRecurrentCell, RecurrentCell
from mxtrain.gluon.rnn.bidirectional_cell import BidirectionalCell
from mxtrain.gluon.rnn.sequences import format_sequence


class _Stack(RecurrentCell):
    """What both do: each cell's output is the next one's input; the states of all cells stand in one list."""

    def add(self, cell: Any) -> None:
        """Put a cell on top."""
        self.register_child(cell)

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The states of all cells."""
        return [info for cell in self._cells() for info in cell.state_info(batch_size)]

    def begin_state(self, batch_size: int = 0, func: Callable[..., Any] = nd.zeros, **kwargs: Any) -> list[Any]:
        """States of all cells to begin with."""
        if self._modified:
            raise CheckError(
                "After applying modifier cells (e.g. ZoneoutCell) the base cell cannot be called directly. Call the "
                "modifier cell instead."
            )
        return [state for cell in self._cells() for state in cell.begin_state(batch_size, func, **kwargs)]

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Any = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
        valid_length: Any = None,
    ) -> tuple[Any, list[Any]]:
        """Run the whole sequence through one cell after the other; see RecurrentCell.unroll."""
        self.reset()
        inputs, _, F, batch_size = format_sequence(length, inputs, layout, None)
        states = self._begin_or(begin_state, F, inputs, batch_size)
        cells = self._cells()
        new_states: list[Any] = []
        for number, cell in enumerate(cells):
            count = len(cell.state_info())
            inputs, cell_states = cell.unroll(
                length,
                inputs=inputs,
                begin_state=states[:count],
                layout=layout,
                merge_outputs=merge_outputs if number == len(cells) - 1 else None,
                valid_length=valid_length,
            )
            states = states[count:]
            new_states += cell_states
        return inputs, new_states

    def _step(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """One step through all cells."""
        new_states: list[Any] = []
        for cell in self._cells():
            if isinstance(cell, BidirectionalCell):
                raise CheckError("A BidirectionalCell cannot be stepped. Please use unroll.")
            count = len(cell.state_info())
            inputs, cell_states = cell(inputs, states[:count])
            states = states[count:]
            new_states += cell_states
        return inputs, new_states

    def _cells(self) -> list[Any]:
        return list(self._children.values())

    def __repr__(self) -> str:
        lines = "\n".join(f"({name}): " + repr(cell).replace("\n", "\n  ") for name, cell in self._children.items())
        return f"{type(self).__name__}(\n{lines}\n)"

    def __getitem__(self, i: int) -> Any:
        return self._cells()[i]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cells())

    def __len__(self) -> int:
        return len(self._children)


class SequentialRNNCell(_Stack):
    """Cells one above the other."""

    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(prefix=prefix, params=params)

    def __call__(self, inputs: Any, states: Any) -> Any:
        """One step through all cells: (output, new states)."""
        self._counter += 1
        return self._step(inputs, states)

    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """A container without a computation of its own, as in MXNet: always raises NotImplementedError."""
        raise NotImplementedError("SequentialRNNCell is a Block. Use HybridSequentialRNNCell.")


class HybridSequentialRNNCell(_Stack, HybridRecurrentCell):
    """Cells one above the other, which can be compiled as one."""

    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(prefix=prefix, params=params)

    def __call__(self, inputs: Any, states: Any) -> Any:
        """One step through all cells: (output, new states)."""
        self._counter += 1
        return super().__call__(inputs, states)

    def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> Any:
        """One step through all cells: (output, new states)."""
        return self._step(inputs, states)
