"""Cells that change what others do: dropout, zoneout, residual connections."""

from collections.abc import Callable, Sequence
from typing import Any

from mxtrain import ndarray as nd
from mxtrain.gluon.errors import CheckError
from mxtrain.gluon.parameter import ParameterDict, tensor_types
from mxtrain.gluon.rnn.base_cell import HybridRecurrentCell
from mxtrain.gluon.rnn.bidirectional_cell import BidirectionalCell
from mxtrain.gluon.rnn.sequences import format_sequence, mask_sequence
from mxtrain.gluon.rnn.sequential_cells import SequentialRNNCell


class DropoutCell(HybridRecurrentCell):
    """Drops values of its input in training. rate: probability. axes: axes along which the mask is one."""

    def __init__(
        self,
        rate: float,
        axes: Sequence[int] = (),
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        super().__init__(prefix=prefix, params=params)
        if not isinstance(rate, (int, float)):
            raise CheckError(f"rate must be a number. Received: {rate!r}.")
        self._rate = rate
        self._axes = axes

    def _alias(self) -> str:
        return "dropout"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(rate={self._rate}, axes={self._axes})"

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """No states."""
        return []

    def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> Any:
        """The inputs with values dropped, and the states as they are."""
        if self._rate > 0:
            inputs = F.Dropout(data=inputs, p=self._rate, axes=self._axes, name=f"t{self._counter}_fwd")
        return inputs, states

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Any = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
        valid_length: Any = None,
    ) -> tuple[Any, list[Any]]:
        """Drop values of the whole sequence at once where it is one array; see RecurrentCell.unroll."""
        self.reset()
        inputs, _, F, _ = format_sequence(length, inputs, layout, merge_outputs)
        if isinstance(inputs, tensor_types):
            outputs, states = self.hybrid_forward(F, inputs, begin_state or [])
            return outputs, states
        return super().unroll(length, inputs, begin_state, layout, merge_outputs, valid_length=None)


class ModifierCell(HybridRecurrentCell):
    """Base of cells around another cell, which can then no longer be called by itself."""

    def __init__(self, base_cell: Any) -> None:
        if base_cell._modified:
            raise CheckError(f"Cell {base_cell.name} is already modified. One cell cannot be modified twice")
        base_cell._modified = True
        super().__init__(prefix=base_cell.prefix + self._alias(), params=None)
        self.base_cell = base_cell

    @property
    def params(self) -> ParameterDict:
        """The base cell's own parameters."""
        found: ParameterDict = self.base_cell.params
        return found

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The base cell's states."""
        found: list[dict[str, Any]] = self.base_cell.state_info(batch_size)
        return found

    def begin_state(self, batch_size: int = 0, func: Callable[..., Any] = nd.zeros, **kwargs: Any) -> list[Any]:
        """The base cell's states to begin with."""
        if self._modified:
            raise CheckError(
                "After applying modifier cells (e.g. DropoutCell) the base cell cannot be called directly. Call the "
                "modifier cell instead."
            )
        self.base_cell._modified = False
        try:
            states: list[Any] = self.base_cell.begin_state(func=func, batch_size=batch_size, **kwargs)
        finally:
            self.base_cell._modified = True
        return states

    def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> Any:
        """One step, written with F."""
        raise NotImplementedError(f"{type(self).__name__} must define hybrid_forward")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_cell})"


class ZoneoutCell(ModifierCell):
    """Keeps values of the step before at random, in training. zoneout_outputs, zoneout_states: probabilities.

    Source: arXiv:1606.01305.
    """

    def __init__(self, base_cell: Any, zoneout_outputs: float = 0.0, zoneout_states: float = 0.0) -> None:
        for cell in base_cell if isinstance(base_cell, SequentialRNNCell) else (base_cell,):
            if isinstance(cell, BidirectionalCell):
                raise CheckError(
                    "BidirectionalCell doesn't support zoneout since it doesn't support step. Please add ZoneoutCell "
                    "to the cells underneath instead."
                )
        super().__init__(base_cell)
        self.zoneout_outputs = zoneout_outputs
        self.zoneout_states = zoneout_states
        self._prev_output: Any = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p_out={self.zoneout_outputs}, p_state={self.zoneout_states}, {self.base_cell})"

    def _alias(self) -> str:
        return "zoneout"

    def reset(self) -> None:
        """Forget the step before."""
        super().reset()
        self._prev_output = None

    def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> Any:
        """One step."""
        output, new_states = self.base_cell(inputs, states)
        if self.zoneout_outputs:
            changes = _mask(F, self.zoneout_outputs, output)
            before = F.zeros_like(output) if self._prev_output is None else self._prev_output
            output = F.where(changes, output, before)
        if self.zoneout_states:
            new_states = [
                F.where(_mask(F, self.zoneout_states, new), new, old)
                for new, old in zip(new_states, states, strict=True)
            ]
        self._prev_output = output
        return output, new_states


def _mask(F: Any, rate: float, like: Any) -> Any:
    """Zero where the value of the step before is kept."""
    return F.Dropout(F.ones_like(like), p=rate)


class ResidualCell(ModifierCell):
    """Adds its input to the base cell's output. Source: arXiv:1609.08144."""

    def hybrid_forward(self, F: Any, inputs: Any, states: Any) -> Any:
        """One step."""
        output, states = self.base_cell(inputs, states)
        return F.elemwise_add(output, inputs, name=f"t{self._counter}_fwd"), states

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Any = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
        valid_length: Any = None,
    ) -> tuple[Any, list[Any]]:
        """Run the base cell, then add the inputs; see RecurrentCell.unroll."""
        self.reset()
        self.base_cell._modified = False
        try:
            outputs, states = self.base_cell.unroll(length, inputs, begin_state, layout, merge_outputs, valid_length)
        finally:
            self.base_cell._modified = True
        merge = isinstance(outputs, tensor_types) if merge_outputs is None else merge_outputs
        inputs, axis, F, _ = format_sequence(length, inputs, layout, merge)
        if valid_length is not None:
            inputs = mask_sequence(F, inputs, length, valid_length, axis, merge)
        if merge:
            return F.elemwise_add(outputs, inputs), states
        return [F.elemwise_add(output, step) for output, step in zip(outputs, inputs, strict=True)], states
