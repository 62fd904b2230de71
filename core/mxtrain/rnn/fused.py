"""`FusedRNNCell`: a whole recurrent network in one operator."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mxtrain import ndarray
from mxtrain.base import ArgumentError
from mxtrain.initializer import FusedRNN
from mxtrain.ndarray import NDArray
from mxtrain.rnn import cells
from mxtrain.rnn.base_cell import Arrays, BaseRNNCell, RNNParams
from mxtrain.rnn.containers import BidirectionalCell, SequentialRNNCell
from mxtrain.rnn.dropout import DropoutCell
from mxtrain.rnn.sequences import as_steps, as_whole
from mxtrain.symbol.operators import functions

_GATES: dict[str, Sequence[str]] = {
    "rnn_relu": [""],
    "rnn_tanh": [""],
    "lstm": ["_i", "_f", "_c", "_o"],
    "gru": ["_r", "_z", "_o"],
}


class FusedRNNCell(BaseRNNCell):
    """Several layers of one kind, in one or two directions, computed by the operator `RNN`.

    mode: "rnn_relu", "rnn_tanh", "lstm" or "gru". dropout: between layers. get_next_state: whether `unroll` gives final
    states. forget_bias: what LSTM's forget gates start with. unfuse() gives the same network of single cells.
    """

    def __init__(
        self,
        num_hidden: int,
        num_layers: int = 1,
        mode: str = "lstm",
        bidirectional: bool = False,
        dropout: float = 0.0,
        get_next_state: bool = False,
        forget_bias: float = 1.0,
        prefix: str | None = None,
        params: RNNParams | None = None,
    ) -> None:
        if mode not in _GATES:
            raise ArgumentError(f"Expected: a mode of {list(_GATES)}. Received: {mode!r}.")
        super().__init__(prefix=f"{mode}_" if prefix is None else prefix, params=params)
        self._num_hidden = num_hidden
        self._num_layers = num_layers
        self._mode = mode
        self._bidirectional = bidirectional
        self._dropout = dropout
        self._get_next_state = get_next_state
        self._directions = ["l", "r"] if bidirectional else ["l"]
        initializer = FusedRNN(None, num_hidden, num_layers, mode, bidirectional, forget_bias)
        self._parameter = self.params.get("parameters", init=initializer)

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """Shape and layout of each state."""
        count = len(self._directions) * self._num_layers
        info = {"shape": (count, 0, self._num_hidden), "__layout__": "LNC"}
        return [dict(info) for _ in range(2 if self._mode == "lstm" else 1)]

    @property
    def _gate_names(self) -> Sequence[str]:
        return _GATES[self._mode]

    @property
    def _num_gates(self) -> int:
        return len(self._gate_names)

    def __call__(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """The output and the new states of one step."""
        raise NotImplementedError("A FusedRNNCell needs the whole sequence. Call unroll, or unfuse() for single steps.")

    def unroll(
        self,
        length: int,
        inputs: Any,
        begin_state: Sequence[Any] | None = None,
        layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:
        """Outputs and final states of `length` steps; see `BaseRNNCell.unroll`."""
        self.reset()
        whole = as_whole(inputs, length, layout, "TNC")
        begin_state = self.begin_state() if begin_state is None else begin_state
        states = dict(zip(("state", "state_cell"), begin_state, strict=False))
        result = functions.RNN(
            data=whole,
            parameters=self._parameter,
            state_size=self._num_hidden,
            num_layers=self._num_layers,
            bidirectional=self._bidirectional,
            p=self._dropout,
            state_outputs=self._get_next_state,
            mode=self._mode,
            name=f"{self._prefix}rnn",
            **states,
        )
        outputs = result[0] if self._get_next_state else result
        finals = [result[index] for index in range(1, len(result))] if self._get_next_state else []
        outputs = as_whole(outputs, length, "TNC", layout)
        return (as_steps(outputs, length, layout) if merge_outputs is False else outputs), finals

    def unfuse(self) -> SequentialRNNCell:
        """The same network of single cells; `unpack_weights` here and `pack_weights` there carry weights over."""
        stack = SequentialRNNCell()
        for layer in range(self._num_layers):
            if self._bidirectional:
                left, right = (self._single(f"{self._prefix}{side}{layer}_") for side in self._directions)
                stack.add(BidirectionalCell(left, right, output_prefix=f"{self._prefix}bi_l{layer}_"))
            else:
                stack.add(self._single(f"{self._prefix}l{layer}_"))
            if self._dropout > 0 and layer != self._num_layers - 1:
                stack.add(DropoutCell(self._dropout, prefix=f"{self._prefix}_dropout{layer}_"))
        return stack

    def _single(self, prefix: str) -> BaseRNNCell:
        if self._mode == "lstm":
            return cells.LSTMCell(self._num_hidden, prefix=prefix)
        if self._mode == "gru":
            return cells.GRUCell(self._num_hidden, prefix=prefix)
        return cells.RNNCell(self._num_hidden, activation=self._mode.removeprefix("rnn_"), prefix=prefix)

    # ---------------------------------------------------------------- weights by gate

    def _slice_weights(self, arr: NDArray, li: int, lh: int) -> Arrays:
        """Views of the packed parameters by name. li, lh: sizes of the input and of the state."""
        parts = [(name, shape, math.prod(shape)) for name, shape in self._layout(li, lh)]
        total = sum(size for _, _, size in parts)
        if li < 1 or total != arr.size:
            raise ArgumentError(f"Expected: parameters that fit an input's size. Received: {arr.size} of them.")
        views: Arrays = {}
        start = 0
        for name, shape, size in parts:
            views[name] = arr[start : start + size].reshape(shape)
            start += size
        return views

    def _layout(self, li: int, lh: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Names and shapes of the packed arrays in their order: all weights, then all biases."""
        places = [(layer, side) for layer in range(self._num_layers) for side in self._directions]
        for layer, side in places:
            width = li if layer == 0 else lh * len(self._directions)
            for group, columns in (("i2h", width), ("h2h", lh)):
                for gate in self._gate_names:
                    yield f"{self._prefix}{side}{layer}_{group}{gate}_weight", (lh, columns)
        for layer, side in places:
            for group in ("i2h", "h2h"):
                for gate in self._gate_names:
                    yield f"{self._prefix}{side}{layer}_{group}{gate}_bias", (lh,)

    def _input_size(self, count: int) -> int:
        """The input's size that goes with `count` packed parameters."""
        h, sides = self._num_hidden, len(self._directions)
        rows = self._num_gates * h
        later = (self._num_layers - 1) * sides * rows * (h * sides + h + 2)
        return (count - later) // (sides * rows) - h - 2

    def unpack_weights(self, args: Mapping[str, Any]) -> Arrays:
        """The packed parameters as one array per gate, named as the cells of `unfuse()` name theirs."""
        unpacked = dict(args)
        packed = unpacked.pop(f"{self._prefix}parameters")
        views = self._slice_weights(packed, self._input_size(packed.size), self._num_hidden)
        unpacked.update({name: view.copy() for name, view in views.items()})
        return unpacked

    def pack_weights(self, args: Mapping[str, Any]) -> Arrays:
        """The opposite of `unpack_weights`."""
        packed = dict(args)
        first = packed[f"{self._prefix}l0_i2h{self._gate_names[0]}_weight"]
        names = [name for name, _ in self._layout(first.shape[1], self._num_hidden)]
        packed[f"{self._prefix}parameters"] = ndarray.concatenate([packed.pop(name).reshape(-1) for name in names])
        return packed
