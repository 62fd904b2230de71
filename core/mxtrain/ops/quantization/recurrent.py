"""`quantized_rnn`: an LSTM over quantized data."""

from typing import Literal

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.quantization.ranges import FLOAT, UINT8, infer_numbers, require_integers
from mxtrain.ops.registry import find

_INPUTS = ("data", "parameters", "state", "state_cell")


@operator(
    "_contrib_quantized_rnn",
    cases=[
        Case(
            data=np.array([[[3, 200]], [[100, 50]]]),
            parameters=np.linspace(-1, 1, 48, dtype=np.float32),
            state=np.zeros((1, 1, 2), np.float32),
            state_cell=np.zeros((1, 1, 2), np.float32),
            data_scale=np.array([128], np.float32),
            data_shift=np.array([20], np.float32),
            state_size=2,
            num_layers=1,
            mode="lstm",
            state_outputs=True,
        )
    ],
)
class QuantizedRNN:
    """RNN in the mode "lstm" over uint8 data, as `quantize_asym` gives it, with its scale and shift.

    data: (steps, batch, features), uint8, standing for (data - data_shift) / data_scale. parameters, state, state_cell
    and the outputs: float32, as in RNN. data_scale, data_shift: (1,), float32.
    Source: MXNet 1.9.1's `quantized_rnn`, which rounds the weights to int8 as well.
    """

    gradient = NOT_DIFFERENTIABLE

    def inputs(p):
        return (*_INPUTS, "data_scale", "data_shift")

    def outputs(p):
        return ("output", "state_output", "statecell_output") if p.state_outputs else ("output",)

    def infer_shape(ins, outs, p):
        known, found = find("RNN").infer_shape(ins[:4], [outs[0], *[None] * 2], p)
        return [*known, *infer_numbers(ins[4:])], found[: len(outs)]

    def infer_type(ins, outs, p):
        return [ins[0] or UINT8, *[FLOAT] * 5], [FLOAT] * len(outs)

    def forward(
        xp,
        data,
        parameters,
        state,
        state_cell,
        data_scale,
        data_shift,
        *,
        state_size: int,
        num_layers: int,
        bidirectional: bool = False,
        mode: Literal["rnn_relu", "rnn_tanh", "lstm", "gru"],
        p: float = 0.0,
        state_outputs: bool = False,
        projection_size: int | None = None,
        lstm_state_clip_min: float | None = None,
        lstm_state_clip_max: float | None = None,
        lstm_state_clip_nan: bool = False,
        use_sequence_length: bool = False,
    ):
        if mode != "lstm" or use_sequence_length:
            raise ArgumentError(f"Expected: mode='lstm', without sequence lengths. Received: mode={mode!r}.")
        require_integers(data)
        for name, array in (("data_scale", data_scale), ("data_shift", data_shift)):
            require_shape(name, array, (1,))
        real = (data - data_shift) / data_scale
        results = find("RNN").forward(
            xp,
            real.astype(np.float32),
            parameters,
            state,
            state_cell,
            state_size=state_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            mode=mode,
            projection_size=projection_size,
            lstm_state_clip_min=lstm_state_clip_min,
            lstm_state_clip_max=lstm_state_clip_max,
            is_train=False,
            rng=None,
        )
        return tuple(results[:3] if state_outputs else results[:1])
