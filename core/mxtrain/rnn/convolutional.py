"""Recurrent cells over images: convolutions in the place of products."""

import functools
from collections.abc import Sequence
from typing import Any

from mxtrain import symbol
from mxtrain.base import ArgumentError
from mxtrain.rnn.base_cell import BaseRNNCell, RNNParams
from mxtrain.rnn.cells import gru_step, lstm_step
from mxtrain.symbol.operators import functions

_LEAKY = functools.partial(functions.LeakyReLU, act_type="leaky", slope=0.2)


class BaseConvRNNCell(BaseRNNCell):
    """Base of convolutional cells. input_shape: (N, C, H, W) of each step; states have its height and width.

    h2h_kernel: odd sizes. *_initializer: of the variables. activation: a name or a function of a symbol.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        num_hidden: int,
        h2h_kernel: tuple[int, int],
        h2h_dilate: tuple[int, int],
        i2h_kernel: tuple[int, int],
        i2h_stride: tuple[int, int],
        i2h_pad: tuple[int, int],
        i2h_dilate: tuple[int, int],
        i2h_weight_initializer: Any,
        h2h_weight_initializer: Any,
        i2h_bias_initializer: Any,
        h2h_bias_initializer: Any,
        activation: Any,
        prefix: str = "",
        params: RNNParams | None = None,
        conv_layout: str = "NCHW",
    ) -> None:
        super().__init__(prefix=prefix, params=params)
        if any(size % 2 == 0 for size in h2h_kernel):
            raise ArgumentError(f"Expected: odd sizes, so that states keep theirs. Received: h2h_kernel={h2h_kernel}.")
        self._num_hidden = num_hidden
        self._activation = activation
        self._conv_layout = conv_layout
        h2h_pad = tuple(dilate * (size - 1) // 2 for size, dilate in zip(h2h_kernel, h2h_dilate, strict=True))
        self._input_form = {"kernel": i2h_kernel, "stride": i2h_stride, "pad": i2h_pad, "dilate": i2h_dilate}
        self._state_form = {"kernel": h2h_kernel, "stride": (1, 1), "pad": h2h_pad, "dilate": h2h_dilate}
        image = symbol.Variable("data")
        probe = functions.Convolution(image, num_filter=num_hidden, layout=conv_layout, **self._input_form)
        self._state_shape = (0, *probe.infer_shape(data=tuple(input_shape))[1][0][1:])
        get = self.params.get
        self._input_weights = get("i2h_weight", init=i2h_weight_initializer), get("i2h_bias", init=i2h_bias_initializer)
        self._state_weights = get("h2h_weight", init=h2h_weight_initializer), get("h2h_bias", init=h2h_bias_initializer)

    @property
    def _num_gates(self) -> int:
        return len(self._gate_names)

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """Shape and layout of each state."""
        return [{"shape": self._state_shape, "__layout__": self._conv_layout}]

    def _conv_forward(self, inputs: Any, states: Any, name: str) -> tuple[Any, Any]:
        """The input's and the state's shares of all gates."""
        count = self._num_hidden * self._num_gates
        given = {"num_filter": count, "layout": self._conv_layout}
        by_input, by_state = {**given, **self._input_form}, {**given, **self._state_form}
        from_input = functions.Convolution(inputs, *self._input_weights, name=f"{name}i2h", **by_input)
        from_state = functions.Convolution(states[0], *self._state_weights, name=f"{name}h2h", **by_state)
        return from_input, from_state

    def _activate(self, inputs: Any, **kwargs: Any) -> Any:
        return self._get_activation(inputs, self._activation, **kwargs)


class _ConvCell(BaseConvRNNCell):
    """The defaults that all three cells have."""

    def __init__(
        self,
        input_shape: Sequence[int],
        num_hidden: int,
        h2h_kernel: tuple[int, int] = (3, 3),
        h2h_dilate: tuple[int, int] = (1, 1),
        i2h_kernel: tuple[int, int] = (3, 3),
        i2h_stride: tuple[int, int] = (1, 1),
        i2h_pad: tuple[int, int] = (1, 1),
        i2h_dilate: tuple[int, int] = (1, 1),
        i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros",
        activation: Any = _LEAKY,
        prefix: str | None = None,
        params: RNNParams | None = None,
        conv_layout: str = "NCHW",
    ) -> None:
        super().__init__(
            input_shape,
            num_hidden,
            h2h_kernel,
            h2h_dilate,
            i2h_kernel,
            i2h_stride,
            i2h_pad,
            i2h_dilate,
            i2h_weight_initializer,
            h2h_weight_initializer,
            i2h_bias_initializer,
            h2h_bias_initializer,
            activation,
            f"{type(self).__name__.removesuffix('Cell')}_" if prefix is None else prefix,
            params,
            conv_layout,
        )


class ConvRNNCell(_ConvCell):
    """The plain recurrent cell over images."""

    @property
    def _gate_names(self) -> Sequence[str]:
        return ("",)

    def __call__(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        name = self._next_name()
        from_input, from_state = self._conv_forward(inputs, states, name)
        output = self._activate(from_input + from_state, name=f"{name}out")
        return output, [output]


class ConvLSTMCell(_ConvCell):
    """LSTM over images. Source: arXiv:1506.04214, without its peepholes."""

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
        from_input, from_state = self._conv_forward(inputs, states, name)
        gates = functions.SliceChannel(
            from_input + from_state, num_outputs=4, axis=self._conv_layout.find("C"), name=f"{name}slice"
        )
        return lstm_step(gates, states[1], self._activate, name)


class ConvGRUCell(_ConvCell):
    """GRU over images. Source: arXiv:1511.06432."""

    @property
    def _gate_names(self) -> Sequence[str]:
        return ["_r", "_z", "_o"]

    def __call__(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        name = self._next_name()
        shares = self._conv_forward(inputs, states, name)
        return gru_step(*shares, states[0], self._activate, name)
