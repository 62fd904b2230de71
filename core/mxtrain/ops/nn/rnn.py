"""`RNN`: a whole recurrent network (plain, LSTM or GRU; several layers, one or two directions) as one operator."""

from typing import Literal

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels import recurrent as kernels
from mxtrain.ops.kernels.precision import deliver, widen
from mxtrain.ops.nn.checks import require_one_dtype, require_shape
from mxtrain.ops.nn.rnn_composition import compose
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator

_STATES = ("state", "state_cell")


def _form(data, state_size, num_layers, bidirectional, mode, projection_size, clip_min, clip_max):
    """The network that the parameters describe. Raises ArgumentError for what there is not."""
    if projection_size is not None and (mode != "lstm" or projection_size < 1):
        raise ArgumentError(
            f"Expected: projection_size of at least 1, with mode='lstm'. Received: {projection_size}, mode={mode!r}."
        )
    if (clip_min is None) != (clip_max is None):
        raise ArgumentError(
            "Expected: both or none of lstm_state_clip_min and lstm_state_clip_max. "
            f"Received: {clip_min} and {clip_max}."
        )
    if len(data.shape) != 3:
        raise ArgumentError(f"Expected: data of (steps, batch, features). Received: data.shape={data.shape}.")
    clip = None if clip_min is None or mode != "lstm" else (clip_min, clip_max)
    directions = 2 if bidirectional else 1
    return kernels.Form(mode, data.shape[2], state_size, num_layers, directions, clip, projection_size)


def _names(p, *first):
    """The inputs in use after `first`."""
    cell = ("state_cell",) if p.mode == "lstm" else ()
    return (*first, "data", "parameters", "state", *cell, *(("sequence_length",) if p.use_sequence_length else ()))


def _infer_inputs(names, ins, outs, p):
    """Shapes of the inputs by name, and of the outputs."""
    known = dict(zip(names, ins, strict=True))
    data = known["data"]
    directions = 2 if p.bidirectional else 1
    if outs[0] is not None:
        data = shapes.unify(data, (*outs[0][:2], -1))
    if data is None:
        return known, None, []
    if len(data) != 3:
        raise ArgumentError(f"Expected: data of (steps, batch, features). Received: data.shape={data}.")
    known["data"] = data
    if data[2] != -1:
        form = kernels.Form(p.mode, data[2], p.state_size, p.num_layers, directions, None, p.projection_size)
        known["parameters"] = shapes.unify(known["parameters"], (form.num_parameters,))
    size = p.projection_size or p.state_size
    batch = (p.num_layers * directions, data[1])
    states = []
    for name, width in zip(_STATES, (size, p.state_size), strict=True):
        if name in known:
            known[name] = shapes.unify(known[name], (*batch, width))
            states.append(known[name])
    if "sequence_length" in known:
        known["sequence_length"] = shapes.unify(known["sequence_length"], (data[1],))
    return known, (data[0], data[1], directions * size), states


def _has_mask(p):
    return p.p > 0 and p.num_layers > 1


def _fill_mask(xp, mask, rng, probability):
    """Factors of dropout, 0 or 1 / (1 - probability); all 1 without a generator."""
    if not 0 <= probability < 1:
        raise ArgumentError(f"Expected: p from 0 to below 1. Received: p={probability}.")
    if rng is None:
        mask[...] = 1
        return
    mask[...] = rng.generator.random(mask.shape, dtype=np.float32) >= probability
    mask *= mask.dtype.type(1 / (1 - probability))


def _check(data, parameters, state, state_cell, form):
    require_one_dtype(data, parameters, state, state_cell)
    require_shape("parameters", parameters, (form.num_parameters,))
    batch = (form.num_layers * form.directions, data.shape[1])
    require_shape("state", state, (*batch, form.output_size))
    if state_cell is not None:
        require_shape("state_cell", state_cell, (*batch, form.state_size))


def _read_lengths(xp, sequence_length, data):
    """The lengths as integers. Raises ArgumentError, on a CPU, for one outside of the data."""
    if sequence_length is None:
        return None
    require_shape("sequence_length", sequence_length, data.shape[1:2])
    lengths = sequence_length.astype(np.int64)
    if xp is np and lengths.size and not 0 <= lengths.min() <= lengths.max() <= data.shape[0]:
        raise ArgumentError(f"Expected: sequence_length from 0 to {data.shape[0]}. Received: {lengths.tolist()}.")
    return lengths


def _deliver_all(results, out, dtype):
    present = [result for result in results if result is not None]
    targets = (None,) * len(present) if out is None else out
    return tuple(deliver(result, target, dtype) for result, target in zip(present, targets, strict=True))


_MODES = Literal["rnn_relu", "rnn_tanh", "lstm", "gru"]
_SMALL = {"data": (3, 2, 2), "state": (1, 2, 2), "state_size": 2, "num_layers": 1}
_LSTM = {**_SMALL, "mode": "lstm", "parameters": (48,), "state_cell": (1, 2, 2)}
_CASES = [
    {**_SMALL, "mode": "rnn_tanh", "parameters": (12,)},
    {**_SMALL, "mode": "gru", "parameters": (36,), "state_outputs": True},
    _LSTM,
    {
        **_LSTM,
        "num_layers": 2,
        "bidirectional": True,
        "parameters": (224,),
        "state": (4, 2, 2),
        "state_cell": (4, 2, 2),
    },
    {**_LSTM, "use_sequence_length": True, "sequence_length": np.array([3, 1])},
    {
        **_LSTM,
        "projection_size": 1,
        "bidirectional": True,
        "parameters": (84,),
        "state": (2, 2, 1),
        "state_cell": (2, 2, 2),
        "use_sequence_length": True,
        "sequence_length": np.array([3, 1]),
    },
]


@operator("RNN", cases=[Case(**case) for case in _CASES])
class RNN:
    """A recurrent network over sequences: layers of tanh or relu cells, LSTM or GRU, in one or two directions.

    data: (steps T, batch N, features I), floating. parameters: 1-D, for each layer and direction the input and state
    weights, then for each the input and state biases; gates in the order i, f, c, o (LSTM) and r, z, n (GRU, whose
    reset gate acts on the state's product); with a projection, its weights follow the state weights. state: initial,
    (num_layers * directions, N, state_size). state_cell for LSTM: likewise.
    projection_size: LSTM's outputs and states are projected to so many numbers (arXiv:1402.1128); state then is
    (num_layers * directions, N, projection_size).
    sequence_length (with use_sequence_length): (N,), how many steps of each sequence count; later outputs are 0.
    Outputs: (T, N, directions * state_size); with state_outputs visible too, the final states, shaped like the initial.
    p: probability of dropout between layers in training. lstm_state_clip_min, _max: bounds of LSTM's cell states.
    Source: arXiv:1412.3555 (GRU), Hochreiter and Schmidhuber 1997 (LSTM); MXNet 1.9.1's `RNN`, which ignores lengths
    and bounds on a CPU.
    """

    def inputs(p):
        return _names(p)

    def outputs(p):
        cell = ("statecell_output",) if p.mode == "lstm" else ()
        return ("output", "state_output", *cell, *(("mask",) if _has_mask(p) else ()))

    def listed_outputs(p):
        # MXNet lists no states where they are not asked for
        states = ("state_output", *(("statecell_output",) if p.mode == "lstm" else ()))
        return ("output", *(states if p.state_outputs else ()))

    def visible(p):
        return (3 if p.mode == "lstm" else 2) if p.state_outputs else 1

    def infer_shape(ins, outs, p):
        names = _names(p)
        known, output, states = _infer_inputs(names, ins, outs, p)
        found = [output, *(states or [None] * (2 if p.mode == "lstm" else 1))]
        if _has_mask(p):
            found.append(None if output is None else (p.num_layers - 1, *output))
        return [known[name] for name in names], found

    def infer_type(ins, outs, p):
        count = len(ins) - (1 if p.use_sequence_length else 0)
        dtype = types.unify_all([*ins[:count], *outs])
        return [dtype] * count + [length or dtype for length in ins[count:]], [dtype] * len(outs)

    def forward(
        xp,
        data,
        parameters,
        state,
        state_cell=None,
        sequence_length=None,
        *,
        state_size: int,
        num_layers: int,
        bidirectional: bool = False,
        mode: _MODES,
        p: float = 0.0,
        state_outputs: bool = False,
        projection_size: int | None = None,
        lstm_state_clip_min: float | None = None,
        lstm_state_clip_max: float | None = None,
        lstm_state_clip_nan: bool = False,
        use_sequence_length: bool = False,
        is_train: bool,
        rng,
        out=None,
    ):
        given = (state_size, num_layers, bidirectional, mode, projection_size, lstm_state_clip_min, lstm_state_clip_max)
        form = _form(data, *given)
        _check(data, parameters, state, state_cell, form)
        mask = None
        if p > 0 and num_layers > 1:
            shape = (num_layers - 1, *data.shape[:2], form.directions * form.output_size)
            mask = xp.empty(shape, data.dtype) if out is None else out[-1]
            _fill_mask(xp, mask, rng if is_train else None, p)
        lengths = _read_lengths(xp, sequence_length, data)
        y, h, c, _ = kernels.forward(xp, form, *_wide(xp, data, parameters, state, state_cell), lengths, mask)
        return _deliver_all((y, h, c, mask), out, data.dtype)

    def gradient(
        F, gy, y, data, parameters, state, state_cell=None, sequence_length=None, *, mode, p, num_layers, **params
    ):
        own = {name: params[name] for name in _FORM}
        lengths = {} if sequence_length is None else {"sequence_length": sequence_length}
        cells = {} if mode != "lstm" else {"gy_cell": gy[2], "initial_cell": state_cell}
        masks = {"mask": y[-1]} if p > 0 and num_layers > 1 else {}
        return tuple(
            F._rnn_backward(
                gy=gy[0],
                gy_state=gy[1],
                data=data,
                parameters=parameters,
                initial_state=state,
                **cells,
                **lengths,
                **masks,
                mode=mode,
                num_layers=num_layers,
                use_mask=bool(masks),
                **own,
            )
        )

    def composition(
        F, data, parameters, state, state_cell=None, sequence_length=None, *, num_layers, mode, p, is_train, **params
    ):
        if is_train and p > 0 and num_layers > 1:
            return None  # other random numbers than those of the forward would be drawn
        own = [params[name] for name in _FORM[2:5]]
        form = _form(data, params["state_size"], num_layers, params["bidirectional"], mode, *own)
        return compose(F, form, data, parameters, state, state_cell, sequence_length)


_FORM = (
    "state_size",
    "bidirectional",
    "projection_size",
    "lstm_state_clip_min",
    "lstm_state_clip_max",
    "use_sequence_length",
)


def _wide(xp, *arrays):
    return [None if array is None else widen(xp, array) for array in arrays]


def _backward_names(p):
    cell = p.mode == "lstm"
    return (
        "gy",
        "gy_state",
        *(("gy_cell",) if cell else ()),
        "data",
        "parameters",
        "initial_state",
        *(("initial_cell",) if cell else ()),
        *(("sequence_length",) if p.use_sequence_length else ()),
        *(("mask",) if p.use_mask else ()),
    )


def _backward_outputs(p):
    return ("data", "parameters", "initial_state", *(("initial_cell",) if p.mode == "lstm" else ()))


def _infer_backward(ins, outs, p):
    known = dict(zip(_backward_names(p), ins, strict=True))
    return ins, [known[name] for name in _backward_outputs(p)]


@operator(
    "_rnn_backward",
    cases=[
        Case(
            data=(3, 2, 2),
            parameters=(12,),
            initial_state=(1, 2, 2),
            gy=(3, 2, 2),
            gy_state=(1, 2, 2),
            mode="rnn_tanh",
            state_size=2,
            num_layers=1,
        ),
    ],
)
class RNNBackward:
    """Gradients of RNN by data, parameters and initial states, from those of its outputs.

    The forward is computed again; mask (with use_mask): the factors of dropout that it drew. Shapes as in RNN.
    """

    gradient = NOT_DIFFERENTIABLE

    def inputs(p):
        return _backward_names(p)

    def outputs(p):
        return _backward_outputs(p)

    infer_shape = _infer_backward

    def infer_type(ins, outs, p):
        return ins, [ins[0]] * len(outs)

    def forward(
        xp,
        gy,
        gy_state,
        gy_cell,
        data,
        parameters,
        initial_state,
        initial_cell=None,
        sequence_length=None,
        mask=None,
        *,
        state_size: int,
        num_layers: int,
        bidirectional: bool = False,
        mode: _MODES,
        projection_size: int | None = None,
        lstm_state_clip_min: float | None = None,
        lstm_state_clip_max: float | None = None,
        use_sequence_length: bool = False,
        use_mask: bool = False,
        out=None,
    ):
        given = (state_size, num_layers, bidirectional, mode, projection_size, lstm_state_clip_min, lstm_state_clip_max)
        form = _form(data, *given)
        _check(data, parameters, initial_state, initial_cell, form)
        inputs = _wide(xp, data, parameters, initial_state, initial_cell)
        lengths = _read_lengths(xp, sequence_length, data)
        *_, record = kernels.forward(xp, form, *inputs, lengths, mask)
        grads = kernels.backward(xp, form, *_wide(xp, gy, gy_state, gy_cell), record, lengths)
        return _deliver_all(grads, out, data.dtype)
