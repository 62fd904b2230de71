"""What RNNCell, LSTMCell and GRUCell share: two products, of the inputs and of the hidden state."""

from typing import Any

from mxtrain.gluon.parameter import ParameterDict
from mxtrain.gluon.rnn.base_cell import HybridRecurrentCell


class GatedCell(HybridRecurrentCell):
    """A cell with parameters i2h_weight (gates * hidden, input), h2h_weight (gates * hidden, hidden) and two biases.

    hidden_size: size of output and states. input_size: 0: found out at the first step.
    """

    _gates: int

    def __init__(
        self,
        hidden_size: int,
        i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros",
        input_size: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        super().__init__(prefix=prefix, params=params)
        self._hidden_size = hidden_size
        self._input_size = input_size
        size = self._gates * hidden_size
        self.i2h_weight = self._own("i2h_weight", (size, input_size), i2h_weight_initializer)
        self.h2h_weight = self._own("h2h_weight", (size, hidden_size), h2h_weight_initializer)
        self.i2h_bias = self._own("i2h_bias", (size,), i2h_bias_initializer)
        self.h2h_bias = self._own("h2h_bias", (size,), h2h_bias_initializer)

    def _own(self, name: str, shape: tuple[int, ...], init: Any) -> Any:
        return self.params.get(name, shape=shape, init=init, allow_deferred_init=True)

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The hidden state."""
        return [{"shape": (batch_size, self._hidden_size), "__layout__": "NC"}]

    def _products(self, F: Any, inputs: Any, hidden: Any, params: dict[str, Any]) -> tuple[str, Any, Any]:
        """The prefix of this step's names, and both products."""
        step = f"t{self._counter}_"
        size = self._gates * self._hidden_size
        i2h, h2h = (
            F.FullyConnected(
                data=data, weight=params[f"{k}_weight"], bias=params[f"{k}_bias"], num_hidden=size, name=step + k
            )
            for data, k in ((inputs, "i2h"), (hidden, "h2h"))
        )
        return step, i2h, h2h

    def _signature(self) -> str:
        """What the representation says of the sizes: INPUT -> SIZE."""
        size, inputs = self.i2h_weight.shape or (0, 0)
        return f"{inputs or None} -> {size}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._signature()})"


class RNNCell(GatedCell):
    """Elman's cell: h' = activation(W_i x + b_i + W_h h + b_h). inputs: (batch, input); one state: (batch, hidden)."""

    _gates = 1

    def __init__(
        self,
        hidden_size: int,
        activation: Any = "tanh",
        i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros",
        input_size: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        super().__init__(
            hidden_size, i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer,
            input_size, prefix, params,
        )  # fmt: skip
        self._activation = activation

    def _alias(self) -> str:
        return "rnn"

    def hybrid_forward(self, F: Any, inputs: Any, states: Any, **params: Any) -> Any:
        """One step."""
        step, i2h, h2h = self._products(F, inputs, states[0], params)
        total = F.elemwise_add(i2h, h2h, name=step + "plus0")
        output = self._get_activation(F, total, self._activation, name=step + "out")
        return output, [output]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._signature()}, {self._activation})"


class LSTMCell(GatedCell):
    """Long short-term memory: gates i, f, g (the candidate) and o from the products; c' = f c + i g, h' = o act(c').

    inputs: (batch, input); two states, h and c: (batch, hidden). activation: of candidate and output.
    Source: Hochreiter, Schmidhuber (1997).
    """

    _gates = 4

    def __init__(
        self,
        hidden_size: int,
        i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros",
        input_size: int = 0,
        prefix: str | None = None,
        params: ParameterDict | None = None,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
    ) -> None:
        super().__init__(
            hidden_size, i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer,
            input_size, prefix, params,
        )  # fmt: skip
        self._activation = activation
        self._recurrent_activation = recurrent_activation

    def _alias(self) -> str:
        return "lstm"

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The hidden state and the memory."""
        return super().state_info(batch_size) * 2

    def hybrid_forward(self, F: Any, inputs: Any, states: Any, **params: Any) -> Any:
        """One step."""
        step, i2h, h2h = self._products(F, inputs, states[0], params)
        parts = F.SliceChannel(F.elemwise_add(i2h, h2h, name=step + "plus0"), num_outputs=4, name=step + "slice")
        gate = self._recurrent_activation
        input_gate = self._get_activation(F, parts[0], gate, name=step + "i")
        forget_gate = self._get_activation(F, parts[1], gate, name=step + "f")
        candidate = self._get_activation(F, parts[2], self._activation, name=step + "c")
        output_gate = self._get_activation(F, parts[3], gate, name=step + "o")
        memory = F.elemwise_add(
            F.elemwise_mul(forget_gate, states[1], name=step + "mul0"),
            F.elemwise_mul(input_gate, candidate, name=step + "mul1"),
            name=step + "state",
        )
        shown = F.Activation(memory, act_type=self._activation, name=step + "activation0")
        hidden = F.elemwise_mul(output_gate, shown, name=step + "out")
        return hidden, [hidden, memory]


class GRUCell(GatedCell):
    """Gated recurrent unit: h' = (1 - z) tanh(W_i x + r (W_h h + b_h)) + z h, with gates r and z.

    inputs: (batch, input); one state: (batch, hidden). Source: arXiv:1406.1078, in cuDNN's variant.
    """

    _gates = 3

    def _alias(self) -> str:
        return "gru"

    def hybrid_forward(self, F: Any, inputs: Any, states: Any, **params: Any) -> Any:
        """One step."""
        step, i2h, h2h = self._products(F, inputs, states[0], params)
        i2h_r, i2h_z, i2h_h = F.SliceChannel(i2h, num_outputs=3, name=step + "i2h_slice")
        h2h_r, h2h_z, h2h_h = F.SliceChannel(h2h, num_outputs=3, name=step + "h2h_slice")
        reset = F.Activation(F.elemwise_add(i2h_r, h2h_r, name=step + "plus0"), act_type="sigmoid", name=step + "r_act")
        update = F.Activation(
            F.elemwise_add(i2h_z, h2h_z, name=step + "plus1"), act_type="sigmoid", name=step + "z_act"
        )
        candidate = F.Activation(
            F.elemwise_add(i2h_h, F.elemwise_mul(reset, h2h_h, name=step + "mul0"), name=step + "plus2"),
            act_type="tanh",
            name=step + "h_act",
        )
        ones = F.ones_like(update, name=step + "ones_like0")
        output = F.elemwise_add(
            F.elemwise_mul(F.elemwise_sub(ones, update, name=step + "minus0"), candidate, name=step + "mul1"),
            F.elemwise_mul(update, states[0], name=step + "mul20"),
            name=step + "out",
        )
        return output, [output]
