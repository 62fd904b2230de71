"""The one parameter vector of a fused RNN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.initializer.base import InitDesc, Initializer, create, register
from mxtrain.ndarray import NDArray

#: Gates by mode, in the order of the vector.
_GATES = {"rnn_relu": ("",), "rnn_tanh": ("",), "lstm": ("_i", "_f", "_c", "_o"), "gru": ("_r", "_z", "_o")}


@register
class FusedRNN(Initializer):
    """Initializes each matrix and bias within the parameter vector of operator RNN, gate by gate.

    init: an initializer, its JSON text, or None for the model's own. mode: "lstm", "gru", "rnn_relu" or "rnn_tanh".
    forget_bias: value of both biases of an LSTM's forget gate.
    Raises ArgumentError for a vector whose length fits no input size.
    Source: mxnet.initializer.FusedRNN of MXNet 1.9.1.
    """

    def __init__(
        self,
        init: Initializer | str | None,
        num_hidden: int,
        num_layers: int,
        mode: str,
        bidirectional: bool = False,
        forget_bias: float = 1.0,
    ) -> None:
        part_init: Initializer | None = create(init) if isinstance(init, str) else init
        if mode not in _GATES:
            raise ArgumentError(f"Expected: a mode of {sorted(_GATES)}. Received: {mode!r}.")
        super().__init__(
            init=None if part_init is None else part_init.dumps(),
            num_hidden=num_hidden,
            num_layers=num_layers,
            mode=mode,
            bidirectional=bidirectional,
            forget_bias=forget_bias,
        )
        self._init = part_init
        self._num_hidden = num_hidden
        self._num_layers = num_layers
        self._mode = mode
        self._directions = ("l", "r") if bidirectional else ("l",)
        self._forget_bias = forget_bias

    def _init_weight(self, desc: Any, arr: NDArray) -> None:
        init = self._init or getattr(desc, "global_init", None)
        if init is None or init is self:
            raise ArgumentError(f"FusedRNN: expected an initializer for the parts of {desc}. Received: None.")
        start = 0
        for name, shape in self._parts(desc, arr.shape[0]):
            stop = start + shape[0] * (shape[1] if len(shape) == 2 else 1)
            part = arr[start:stop].reshape(shape)
            if self._mode == "lstm" and name.endswith("_f_bias"):
                part[:] = self._forget_bias
            else:
                init(InitDesc(name, global_init=init), part)
            start = stop

    def _parts(self, desc: str, size: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Name and shape of each gate's weights and biases, in the order of the vector."""
        hidden, gates = self._num_hidden, _GATES[self._mode]
        layers = [
            (f"{side}{layer}", self._input_size(desc, size) if layer == 0 else hidden * len(self._directions))
            for layer in range(self._num_layers)
            for side in self._directions
        ]
        for prefix, num_inputs in layers:
            for kind, width in (("i2h", num_inputs), ("h2h", hidden)):
                yield from ((f"{prefix}_{kind}{gate}_weight", (hidden, width)) for gate in gates)
        for prefix, _ in layers:
            for kind in ("i2h", "h2h"):
                yield from ((f"{prefix}_{kind}{gate}_bias", (hidden,)) for gate in gates)

    def _input_size(self, desc: str, size: int) -> int:
        """The number of inputs of the first layer, from the length of the whole vector."""
        hidden, directions = self._num_hidden, len(self._directions)
        rows = hidden * len(_GATES[self._mode]) * directions
        later = (self._num_layers - 1) * rows * (hidden * directions + hidden + 2)
        num_inputs, rest = divmod(size - later, rows)
        num_inputs -= hidden + 2
        if rest or num_inputs < 1:
            raise ArgumentError(
                f"FusedRNN: expected for {desc} the parameter vector of {self._num_layers} {self._mode} layer(s) of"
                f" {hidden} units. Received: {size} values."
            )
        return num_inputs
