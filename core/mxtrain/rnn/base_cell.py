"""What all recurrent cells of symbols share: parameters, initial states, unrolling, packed weights."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mxtrain import ndarray, symbol
from mxtrain.base import ArgumentError
from mxtrain.ndarray import NDArray
from mxtrain.rnn.sequences import as_steps, merged
from mxtrain.symbol import Symbol
from mxtrain.symbol.operators import functions

Arrays = dict[str, NDArray]


class RNNParams:
    """The variables of a cell by name, made on first use; cells that share one share their weights.

    prefix: of the variables' names.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._params: dict[str, Symbol] = {}

    def get(self, name: str, **kwargs: Any) -> Symbol:
        """The variable of a name (without the prefix). kwargs: as for `mx.sym.Variable`, when it is made."""
        name = self._prefix + name
        if name not in self._params:
            self._params[name] = symbol.Variable(name, **kwargs)
        return self._params[name]


class BaseRNNCell:
    """Base of recurrent cells: `output, states = cell(inputs, states)` is one step.

    prefix: of the names of all layers. params: variables to share with another cell.
    """

    def __init__(self, prefix: str = "", params: RNNParams | None = None) -> None:
        self._own_params = params is None
        self._prefix = prefix
        self._params = RNNParams(prefix) if params is None else params
        self._modified = False
        self.reset()

    def reset(self) -> None:
        """Forget the steps so far, before unrolling anew."""
        self._init_counter = -1
        self._counter = -1

    def __call__(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """The output and the new states of one step. inputs: (N, C)."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(inputs, states)")

    @property
    def params(self) -> RNNParams:
        """The variables."""
        self._own_params = False
        return self._params

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """Shape (0: the batch) and layout of each state."""
        raise NotImplementedError(f"{type(self).__name__} must define state_info")

    @property
    def state_shape(self) -> list[tuple[int, ...]]:
        """Shapes of the states; 0 stands for the batch."""
        return [info["shape"] for info in self.state_info]

    @property
    def _gate_names(self) -> Sequence[str]:
        """What the names of the gates' weights end with; none for cells without weights of their own."""
        return ()

    def begin_state(self, func: Callable[..., Any] = symbol.zeros, **kwargs: Any) -> list[Any]:
        """Initial states, made by func(name=, shape=, ...)."""
        if self._modified:
            raise ArgumentError(
                f"Expected: begin_state of the cell that modifies this {type(self).__name__}. Received: its own."
            )
        states = []
        for info in self.state_info:
            self._init_counter += 1
            states.append(func(name=f"{self._prefix}begin_state_{self._init_counter}", **{**(info or {}), **kwargs}))
        return states

    def _next_name(self) -> str:
        """The prefix of the names of one more step."""
        self._counter += 1
        return f"{self._prefix}t{self._counter}_"

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Sequence[Any] | None = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:
        """Outputs and final states of `length` steps.

        inputs: a symbol of all steps in `layout` ("NTC" or "TNC"), or a list with (N, C) for each. merge_outputs: the
        outputs as one symbol (True), as a list (False), or as comes (None).
        """
        self.reset()
        steps = as_steps(inputs, length, layout)
        states = self.begin_state() if begin_state is None else list(begin_state)
        outputs = []
        for step in steps:
            output, states = self(step, states)
            outputs.append(output)
        return merged(outputs, layout, merge_outputs), states

    def _get_activation(self, inputs: Any, activation: Any, **kwargs: Any) -> Any:
        """An activation by name, or a function, applied."""
        if isinstance(activation, str):
            return functions.Activation(inputs, act_type=activation, **kwargs)
        return activation(inputs, **kwargs)

    # ---------------------------------------------------------------- weights by gate

    def unpack_weights(self, args: Mapping[str, NDArray]) -> Arrays:
        """The weights of all gates as arrays of their own, such as "lstm_i2h_f_weight"; others as they are."""
        unpacked = dict(args)
        for group in self._weight_groups():
            for kind in ("weight", "bias"):
                whole = unpacked.pop(f"{group}_{kind}")
                size = whole.shape[0] // len(self._gate_names)
                for index, gate in enumerate(self._gate_names):
                    unpacked[f"{group}{gate}_{kind}"] = whole[index * size : (index + 1) * size].copy()
        return unpacked

    def pack_weights(self, args: Mapping[str, NDArray]) -> Arrays:
        """The opposite of `unpack_weights`."""
        packed = dict(args)
        for group in self._weight_groups():
            for kind in ("weight", "bias"):
                parts = [packed.pop(f"{group}{gate}_{kind}") for gate in self._gate_names]
                packed[f"{group}_{kind}"] = ndarray.concatenate(parts)
        return packed

    def _weight_groups(self) -> list[str]:
        return [f"{self._prefix}{group}" for group in ("i2h", "h2h")] if self._gate_names else []
