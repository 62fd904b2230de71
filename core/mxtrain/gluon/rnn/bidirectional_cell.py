"""`BidirectionalCell`: one cell runs forwards, another one backwards."""

from collections.abc import Callable
from typing import Any

from mxtrain import ndarray as nd
from mxtrain.gluon.errors import CheckError
from mxtrain.gluon.parameter import tensor_types
from mxtrain.gluon.rnn.base_cell import HybridRecurrentCell
from mxtrain.gluon.rnn.sequences import format_sequence, mask_sequence, reverse_sequence


class BidirectionalCell(HybridRecurrentCell):
    """Runs one cell from the first step to the last and another back; their outputs are joined step by step."""

    def __init__(self, l_cell: Any, r_cell: Any, output_prefix: str = "bi_") -> None:
        super().__init__(prefix="", params=None)
        self.register_child(l_cell, "l_cell")
        self.register_child(r_cell, "r_cell")
        self._output_prefix = output_prefix

    def __call__(self, inputs: Any, states: Any) -> Any:
        """A single step has no other direction: always raises NotImplementedError."""
        raise NotImplementedError("Bidirectional cannot be stepped. Please use unroll")

    def __repr__(self) -> str:
        left, right = self._children.values()
        return f"{type(self).__name__}(forward={left}, backward={right})"

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The states of both cells."""
        return [info for cell in self._both() for info in cell.state_info(batch_size)]

    def begin_state(self, batch_size: int = 0, func: Callable[..., Any] = nd.zeros, **kwargs: Any) -> list[Any]:
        """States of both cells to begin with."""
        if self._modified:
            raise CheckError(
                "After applying modifier cells (e.g. DropoutCell) the base cell cannot be called directly. Call the "
                "modifier cell instead."
            )
        return [state for cell in self._both() for state in cell.begin_state(batch_size, func, **kwargs)]

    def _both(self) -> list[Any]:
        return list(self._children.values())

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Any = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
        valid_length: Any = None,
    ) -> tuple[Any, list[Any]]:
        """Run the sequence in both directions; see RecurrentCell.unroll."""
        self.reset()
        steps, axis, F, batch_size = format_sequence(length, inputs, layout, False)
        states = self._begin_or(begin_state, F, steps, batch_size)
        left, right = self._both()
        count = len(left.state_info(batch_size))
        l_out, l_states = left.unroll(length, steps, states[:count], layout, merge_outputs, valid_length)
        r_out, r_states = right.unroll(
            length, reverse_sequence(steps, length, valid_length), states[count:], layout, False, valid_length
        )
        r_out = reverse_sequence(r_out, length, valid_length)
        if merge_outputs is None:
            merge_outputs = isinstance(l_out, tensor_types)
            l_out, _, _, _ = format_sequence(None, l_out, layout, merge_outputs)
        outputs = self._joined(F, l_out, r_out, axis, merge_outputs)
        if valid_length is not None:
            outputs = mask_sequence(F, outputs, length, valid_length, axis, merge_outputs)
        return outputs, l_states + r_states

    def _joined(self, F: Any, l_out: Any, r_out: Any, axis: int, merge: bool) -> Any:
        if merge:
            return F.concat(l_out, F.stack(*r_out, axis=axis), dim=2, name=f"{self._output_prefix}out")
        return [
            F.concat(l_step, r_step, dim=1, name=f"{self._output_prefix}t{number}")
            for number, (l_step, r_step) in enumerate(zip(l_out, r_out, strict=True))
        ]
