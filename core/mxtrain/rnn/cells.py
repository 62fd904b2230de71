"""The plain recurrent cell, LSTM and GRU."""

import functools
from collections.abc import Sequence
from typing import Any

from mxtrain.initializer import LSTMBias
from mxtrain.rnn.base_cell import BaseRNNCell, RNNParams
from mxtrain.symbol.operators import functions

_tanh = functools.partial(functions.Activation, act_type="tanh")


class _DenseCell(BaseRNNCell):
    """A cell whose gates come from products with the input and with the state, (N, num_hidden) each."""

    def __init__(self, num_hidden: int, prefix: str, params: RNNParams | None, bias: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._num_hidden = num_hidden
        initializer = {} if bias is None else {"init": bias}
        self._input_weights = self.params.get("i2h_weight"), self.params.get("i2h_bias", **initializer)
        self._state_weights = self.params.get("h2h_weight"), self.params.get("h2h_bias")

    def _gates(self, inputs: Any, state: Any, name: str) -> tuple[Any, Any]:
        """The input's and the state's shares, (N, gates * num_hidden)."""
        count = len(self._gate_names) * self._num_hidden
        from_input = functions.FullyConnected(inputs, *self._input_weights, num_hidden=count, name=f"{name}i2h")
        from_state = functions.FullyConnected(state, *self._state_weights, num_hidden=count, name=f"{name}h2h")
        return from_input, from_state

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """Shape and layout of each state."""
        return [{"shape": (0, self._num_hidden), "__layout__": "NC"}]


class RNNCell(_DenseCell):
    """output = activation(W x + b + V h + c)."""

    def __init__(
        self, num_hidden: int, activation: Any = "tanh", prefix: str = "rnn_", params: RNNParams | None = None
    ) -> None:
        super().__init__(num_hidden, prefix, params)
        self._activation = activation

    @property
    def _gate_names(self) -> Sequence[str]:
        return ("",)

    def __call__(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        name = self._next_name()
        from_input, from_state = self._gates(inputs, states[0], name)
        output = self._get_activation(from_input + from_state, self._activation, name=f"{name}out")
        return output, [output]


class LSTMCell(_DenseCell):
    """Long short-term memory. forget_bias: what the bias of the forget gates starts with.

    Source: Hochreiter and Schmidhuber 1997; the gates of arXiv:1409.2329.
    """

    def __init__(
        self, num_hidden: int, prefix: str = "lstm_", params: RNNParams | None = None, forget_bias: float = 1.0
    ) -> None:
        super().__init__(num_hidden, prefix, params, LSTMBias(forget_bias=forget_bias))

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """Shape and layout of each state."""
        return super().state_info * 2

    @property
    def _gate_names(self) -> Sequence[str]:
        return ["_i", "_f", "_c", "_o"]

    def __call__(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        name = self._next_name()
        from_input, from_state = self._gates(inputs, states[0], name)
        gates = functions.SliceChannel(from_input + from_state, num_outputs=4, name=f"{name}slice")
        return lstm_step(gates, states[1], _tanh, name)


def lstm_step(gates: Any, cell: Any, activation: Any, name: str) -> tuple[Any, list[Any]]:
    """Output and states from the four gates' shares. activation: of the candidate and of the new cell state."""
    i, f, o = (
        functions.Activation(gates[index], act_type="sigmoid", name=f"{name}{gate}")
        for index, gate in ((0, "i"), (1, "f"), (3, "o"))
    )
    candidate = activation(gates[2], name=f"{name}c")
    next_cell = functions.elemwise_add(f * cell, i * candidate, name=f"{name}state")
    output = functions.elemwise_mul(o, activation(next_cell), name=f"{name}out")
    return output, [output, next_cell]


class GRUCell(_DenseCell):
    """Gated recurrent unit, whose reset gate acts on the state's product. Source: arXiv:1406.1078; cuDNN's form."""

    def __init__(self, num_hidden: int, prefix: str = "gru_", params: RNNParams | None = None) -> None:
        super().__init__(num_hidden, prefix, params)

    @property
    def _gate_names(self) -> Sequence[str]:
        return ["_r", "_z", "_o"]

    def __call__(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        name = self._next_name()
        shares = self._gates(inputs, states[0], f"{name}_")
        return gru_step(
            *shares, states[0], lambda x, **kwargs: functions.Activation(x, act_type="tanh", **kwargs), name
        )


def gru_step(from_input: Any, from_state: Any, state: Any, activation: Any, name: str) -> tuple[Any, list[Any]]:
    """Output and state from the three gates' shares. activation: of the candidate."""
    r_x, z_x, n_x = functions.SliceChannel(from_input, num_outputs=3, name=f"{name}_i2h_slice")
    r_h, z_h, n_h = functions.SliceChannel(from_state, num_outputs=3, name=f"{name}_h2h_slice")
    r = functions.Activation(r_x + r_h, act_type="sigmoid", name=f"{name}_r_act")
    z = functions.Activation(z_x + z_h, act_type="sigmoid", name=f"{name}_z_act")
    candidate = activation(n_x + r * n_h, name=f"{name}_h_act")
    output = functions.elemwise_add((1.0 - z) * candidate, z * state, name=f"{name}out")
    return output, [output]
