"""What the layers RNN, LSTM and GRU share: they run whole sequences by one operator."""

from collections.abc import Callable
from typing import Any

from mxtrain import ndarray as nd
from mxtrain import symbol as sym
from mxtrain.base import ArgumentError
from mxtrain.gluon.block import HybridBlock
from mxtrain.gluon.errors import CheckError
from mxtrain.gluon.parameter import tensor_types
from mxtrain.gluon.rnn.bidirectional_cell import BidirectionalCell
from mxtrain.gluon.rnn.gated_cell import GRUCell, LSTMCell, RNNCell
from mxtrain.gluon.rnn.modifier_cells import DropoutCell
from mxtrain.gluon.rnn.sequential_cells import HybridSequentialRNNCell

GATES = {"rnn_relu": 1, "rnn_tanh": 1, "lstm": 4, "gru": 3}


class _RNNLayer(HybridBlock):
    """Stacked recurrent layers as one operator.

    Called with inputs (time, batch, input), or (batch, time, input) with layout "NTC": gives the outputs, (time, batch,
    hidden; twice that where bidirectional). Called with inputs and states as well: gives (outputs, new states).
    dropout: between the layers. use_sequence_length: a third argument, (batch,), tells each sample's number of steps.
    """

    def __init__(
        self,
        hidden_size: int,
        num_layers: int,
        layout: str,
        dropout: float,
        bidirectional: bool,
        input_size: int,
        i2h_weight_initializer: Any,
        h2h_weight_initializer: Any,
        i2h_bias_initializer: Any,
        h2h_bias_initializer: Any,
        mode: str,
        projection_size: int | None = None,
        h2r_weight_initializer: Any = None,
        lstm_state_clip_min: float | None = None,
        lstm_state_clip_max: float | None = None,
        lstm_state_clip_nan: bool = False,
        dtype: Any = "float32",
        use_sequence_length: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if layout not in ("TNC", "NTC"):
            raise CheckError(f"Invalid layout {layout}; must be one of ['TNC' or 'NTC']")
        self._hidden_size = hidden_size
        self._projection_size = projection_size
        self._num_layers = num_layers
        self._mode = mode
        self._layout = layout
        self._dropout = dropout
        self._dir = 2 if bidirectional else 1
        self._input_size = input_size
        self._clip = {
            "lstm_state_clip_min": lstm_state_clip_min,
            "lstm_state_clip_max": lstm_state_clip_max,
            "lstm_state_clip_nan": lstm_state_clip_nan,
        }
        self._dtype = dtype
        self._use_sequence_length = use_sequence_length
        self._gates = GATES[mode]
        self._initializers = {
            "i2h_weight": i2h_weight_initializer,
            "h2h_weight": h2h_weight_initializer,
            "i2h_bias": i2h_bias_initializer,
            "h2h_bias": h2h_bias_initializer,
            "h2r_weight": h2r_weight_initializer,
        }
        self.skip_states = True
        self._make_parameters()

    # ---------------------------------------------------------------- parameters

    def _make_parameters(self) -> None:
        size = self._gates * self._hidden_size
        inputs = self._input_size
        step = self._projection_size or self._hidden_size
        for layer in range(self._num_layers):
            for direction in self._directions():
                shapes: dict[str, tuple[int, ...]] = {
                    "i2h_weight": (size, inputs),
                    "h2h_weight": (size, step),
                    "i2h_bias": (size,),
                    "h2h_bias": (size,),
                }
                if self._projection_size:
                    shapes["h2r_weight"] = (self._projection_size, self._hidden_size)
                for name, shape in shapes.items():
                    self._register(f"{direction}{layer}_{name}", shape, self._initializers[name])
            inputs = step * self._dir

    def _directions(self) -> tuple[str, ...]:
        return ("l", "r")[: self._dir]

    def _register(self, name: str, shape: tuple[int, ...], init: Any) -> None:
        setattr(self, name, self.params.get(name, shape=shape, init=init, allow_deferred_init=True, dtype=self._dtype))

    def _packed_names(self) -> list[str]:
        """Parameters in the order of the operator's one vector: all weights, then all biases."""
        kinds = {
            "weight": ("i2h", "h2h", "h2r") if self._projection_size else ("i2h", "h2h"),
            "bias": ("i2h", "h2h"),
        }
        return [
            f"{direction}{layer}_{product}_{kind}"
            for kind, products in kinds.items()
            for layer in range(self._num_layers)
            for direction in self._directions()
            for product in products
        ]

    def infer_shape(self, inputs: Any, *args: Any) -> None:
        """Give the weights of the first layer the inputs' size."""
        if inputs.ndim != 3:
            raise CheckError(
                "Input data should be rank-3 tensor of dim [sequence length, batch size, input size]. "
                f"Received: {inputs.shape}."
            )
        for direction in self._directions():
            weight = getattr(self, f"{direction}0_i2h_weight")
            weight.shape = (self._gates * self._hidden_size, inputs.shape[2])

    def cast(self, dtype: Any) -> None:
        """Change the element type of the parameters."""
        super().cast(dtype)
        self._dtype = dtype

    # ---------------------------------------------------------------- states

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """Shape and layout of each state."""
        shape = (self._num_layers * self._dir, batch_size, self._projection_size or self._hidden_size)
        return [{"shape": shape, "__layout__": "LNC", "dtype": self._dtype}]

    def begin_state(self, batch_size: int = 0, func: Callable[..., Any] = nd.zeros, **kwargs: Any) -> list[Any]:
        """States to begin with. func(shape=..., name=..., **kwargs) makes each of them."""
        return [
            func(name=f"{self.prefix}h0_{number}", **{**info, **kwargs})
            for number, info in enumerate(self.state_info(batch_size))
        ]

    # ---------------------------------------------------------------- running

    def __call__(self, inputs: Any, states: Any = None, sequence_length: Any = None, **kwargs: Any) -> Any:
        """The outputs, and with states the new states."""
        self.skip_states = states is None
        if states is None:
            if isinstance(inputs, nd.NDArray):
                batch_size = inputs.shape[self._layout.find("N")]
                states = self.begin_state(batch_size, ctx=inputs.context, dtype=inputs.dtype)
            else:
                states = self.begin_state(0, func=sym.zeros)
        if isinstance(states, tensor_types):
            states = [states]
        if self._use_sequence_length:
            return super().__call__(inputs, states, sequence_length, **kwargs)
        return super().__call__(inputs, states, **kwargs)

    def hybrid_forward(self, F: Any, inputs: Any, states: Any, sequence_length: Any = None, **params: Any) -> Any:
        """The outputs, and unless they were made here the new states."""
        if F is nd:
            self._check_states(inputs.shape[self._layout.find("N")], states)
        outputs, new_states = self._run(F, inputs, states, sequence_length, params)
        return outputs if self.skip_states else (outputs, new_states)

    def _check_states(self, batch_size: int, states: Any) -> None:
        for state, info in zip(states, self.state_info(batch_size), strict=True):
            if state.shape != info["shape"]:
                raise ArgumentError(f"Invalid recurrent state shape. Expecting {info['shape']}, got {state.shape}.")

    def _run(self, F: Any, inputs: Any, states: Any, sequence_length: Any, params: dict[str, Any]) -> Any:
        if self._layout == "NTC":
            inputs = F.swapaxes(inputs, dim1=0, dim2=1)
        packed = F._internal._rnn_param_concat(
            *(F.reshape(params[name], shape=-1) for name in self._packed_names()), dim=0
        )
        lengths = [sequence_length] if self._use_sequence_length else []
        outputs, *new_states = F.RNN(
            inputs,
            packed,
            *states,
            *lengths,
            use_sequence_length=self._use_sequence_length,
            state_size=self._hidden_size,
            projection_size=self._projection_size,
            num_layers=self._num_layers,
            bidirectional=self._dir == 2,
            p=self._dropout,
            state_outputs=True,
            mode=self._mode,
            **self._clip,
        )
        if self._layout == "NTC":
            outputs = F.swapaxes(outputs, dim1=0, dim2=1)
        return outputs, new_states

    # ---------------------------------------------------------------- other forms

    def _unfuse(self) -> HybridSequentialRNNCell:
        """The same layers as cells, which share the parameters.

        Raises CheckError for layers with projections or clipped states, which no cell has.
        """
        if self._projection_size or any(value not in (None, False) for value in self._clip.values()):
            raise CheckError("_unfuse does not support projection layer or state clipping yet!")
        make = {
            "rnn_relu": lambda **kwargs: RNNCell(self._hidden_size, activation="relu", **kwargs),
            "rnn_tanh": lambda **kwargs: RNNCell(self._hidden_size, activation="tanh", **kwargs),
            "lstm": lambda **kwargs: LSTMCell(self._hidden_size, **kwargs),
            "gru": lambda **kwargs: GRUCell(self._hidden_size, **kwargs),
        }[self._mode]
        stack = HybridSequentialRNNCell(prefix=self.prefix, params=self.params)
        with stack.name_scope():
            inputs = self._input_size
            for layer in range(self._num_layers):
                cells = [make(prefix=f"{d}{layer}_", input_size=inputs) for d in self._directions()]
                stack.add(BidirectionalCell(cells[0], cells[1]) if self._dir == 2 else cells[0])
                if self._dropout > 0 and layer < self._num_layers - 1:
                    stack.add(DropoutCell(self._dropout))
                inputs = self._hidden_size * self._dir
        return stack

    def __repr__(self) -> str:
        size, inputs = self._reg_params["l0_i2h_weight"].shape or (0, 0)
        words = [f"{inputs or None} -> {size // self._gates}", self._layout]
        words += [f"num_layers={self._num_layers}"] if self._num_layers != 1 else []
        words += [f"dropout={self._dropout}"] if self._dropout else []
        words += ["bidirectional"] if self._dir == 2 else []
        return f"{type(self).__name__}({', '.join(words)})"
