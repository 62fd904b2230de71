"""`RecurrentCell`: one step of a recurrent network."""

from collections.abc import Callable
from typing import Any

from mxtrain import ndarray as nd
from mxtrain.gluon.block import Block, HybridBlock
from mxtrain.gluon.errors import CheckError
from mxtrain.gluon.nn import LeakyReLU
from mxtrain.gluon.parameter import ParameterDict
from mxtrain.gluon.rnn.sequences import format_sequence, last_states, mask_sequence
from mxtrain.ndarray import NDArray

#: Activations that are operators of their own.
ACTIVATIONS = ("tanh", "relu", "sigmoid", "softsign")


class RecurrentCell(Block):
    """Base of all cells: `cell(inputs, states)` gives (output, new states), `unroll` runs a whole sequence.

    Source: follows mxnet.gluon.rnn.RecurrentCell of MXNet 1.9.1.
    """

    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._modified = False
        self.reset()

    def reset(self) -> None:
        """Start counting steps (which symbols are named after) from zero again."""
        self._init_counter = -1
        self._counter = -1
        for cell in self._children.values():
            if isinstance(cell, RecurrentCell):
                cell.reset()

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """Shape and layout of each state. batch_size: 0: not known."""
        raise NotImplementedError(f"{type(self).__name__} must define state_info")

    def begin_state(self, batch_size: int = 0, func: Callable[..., Any] = nd.zeros, **kwargs: Any) -> list[Any]:
        """States to begin with. func(shape=..., name=..., **kwargs) makes each of them.

        Raises CheckError for a cell that stands inside a modifier cell.
        """
        if self._modified:
            raise CheckError(
                "After applying modifier cells (e.g. ZoneoutCell) the base cell cannot be called directly. Call the "
                "modifier cell instead."
            )
        states = []
        for info in self.state_info(batch_size):
            self._init_counter += 1
            states.append(func(name=f"{self._prefix}begin_state_{self._init_counter}", **{**info, **kwargs}))
        return states

    def _begin_or(self, given: Any, F: Any, inputs: Any, batch_size: int) -> list[Any]:
        """The given states, or new ones where the inputs are."""
        if given is not None:
            return list(given)
        if F is not nd:
            return self.begin_state(func=F.zeros, batch_size=batch_size)
        first = inputs if isinstance(inputs, NDArray) else inputs[0]
        with first.context:
            return self.begin_state(func=F.zeros, batch_size=batch_size)

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Any = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
        valid_length: Any = None,
    ) -> tuple[Any, list[Any]]:
        """Run `length` steps: (outputs, states at the end).

        inputs: one array with a time axis as `layout` says, or a list of an array per step. merge_outputs: True: one
        array, False: a list, None: either. valid_length: (batch,), numbers of steps of the samples; outputs behind them
        are zero.
        """
        self.reset()
        steps, axis, F, batch_size = format_sequence(length, inputs, layout, False)
        states = self._begin_or(begin_state, F, steps, batch_size)
        outputs: Any = []
        all_states = []
        for step in steps[:length]:
            output, states = self(step, states)
            outputs.append(output)
            all_states.append(states)
        if valid_length is not None:
            states = last_states(F, all_states, valid_length)
            outputs = mask_sequence(F, outputs, length, valid_length, axis, True)
        outputs, _, _, _ = format_sequence(length, outputs, layout, merge_outputs)
        return outputs, states

    def _get_activation(self, F: Any, inputs: Any, activation: Any, **kwargs: Any) -> Any:
        """activation(inputs), by name, as a LeakyReLU or as a function."""
        if isinstance(activation, str):
            if activation in ACTIVATIONS:
                return getattr(F, activation)(inputs, **kwargs)
            return F.Activation(inputs, act_type=activation, **kwargs)
        if isinstance(activation, LeakyReLU):
            return F.LeakyReLU(inputs, act_type="leaky", slope=activation._alpha, **kwargs)
        return activation(inputs, **kwargs)

    def forward(self, inputs: Any, states: Any) -> Any:
        """One step: (output, new states)."""
        self._counter += 1
        return super().forward(inputs, states)


class HybridRecurrentCell(RecurrentCell, HybridBlock):
    """Base of cells that are HybridBlocks."""

    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None:
        super().__init__(prefix=prefix, params=params)

    def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        """One step, written with F."""
        raise NotImplementedError(f"{type(self).__name__} must define hybrid_forward")
