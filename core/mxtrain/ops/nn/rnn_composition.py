"""`RNN` step by step in other operators, to differentiate it more than once."""

from typing import Any

from mxtrain.ops.kernels.recurrent import Form


def compose(
    F: Any, form: Form, data: Any, parameters: Any, state: Any, state_cell: Any, lengths: Any
) -> tuple[Any, Any, Any]:
    """Outputs (T, N, D H) and final states (L D, N, H), the cells' None but for LSTM; arguments as in `RNN`."""
    weights = form.unpack(parameters)
    x = data
    finals: list[tuple[Any, Any]] = []
    for _ in range(form.num_layers):
        outputs = []
        for direction in range(form.directions):
            index = len(finals)
            h = _part(F, state, index)
            c = None if state_cell is None else _part(F, state_cell, index)
            y, h, c = _run(F, form, _turned(F, x, direction, lengths), h, c, weights[index], lengths)
            finals.append((h, c))
            outputs.append(_turned(F, y, direction, lengths))
        x = F.Concat(*outputs, dim=2) if len(outputs) > 1 else outputs[0]
    hidden, cells = zip(*finals, strict=True)
    return x, F.stack(*hidden), None if state_cell is None else F.stack(*cells)


def _part(F: Any, array: Any, index: int) -> Any:
    """array[index], without its first axis."""
    return F.Reshape(F.slice_axis(array, axis=0, begin=index, end=index + 1), shape=(-3, 0))


def _turned(F: Any, sequence: Any, direction: int, lengths: Any) -> Any:
    """The sequences backwards in the second direction, each as far as it goes."""
    if not direction:
        return sequence
    if lengths is None:
        return F.SequenceReverse(sequence)
    return F.SequenceReverse(sequence, lengths, use_sequence_length=True)


def _run(F: Any, form: Form, x: Any, h: Any, c: Any, weights: Any, lengths: Any) -> tuple[Any, Any, Any]:
    """Outputs (T, N, H) of one layer in one direction, and its final states."""
    rows = weights.w_x.shape[0]
    from_x = F.FullyConnected(x, weights.w_x, weights.b_x, num_hidden=rows, flatten=False)
    outputs = []
    for step in range(x.shape[0]):
        from_h = F.FullyConnected(h, weights.w_h, weights.b_h, num_hidden=rows)
        new_h, new_c = _STEPS[form.mode](F, _part(F, from_x, step), from_h, h, c, form.clip)
        if weights.w_r is not None:
            new_h = F.FullyConnected(new_h, weights.w_r, num_hidden=form.output_size, no_bias=True)
        if lengths is None:
            h, c = new_h, new_c
            outputs.append(h)
            continue
        alive = F.Reshape(F._greater_scalar(F.Cast(lengths, dtype=h.dtype), scalar=step), shape=(-1, 1))
        h, c = (old if old is None else old + alive * (new - old) for new, old in ((new_h, h), (new_c, c)))
        outputs.append(new_h * alive)
    return F.stack(*outputs), h, c


def _plain_step(function: str) -> Any:
    def step(F: Any, from_x: Any, from_h: Any, h: Any, c: Any, clip: Any) -> tuple[Any, Any]:
        return getattr(F, function)(from_x + from_h), None

    return step


def _lstm_step(F: Any, from_x: Any, from_h: Any, h: Any, c: Any, clip: Any) -> tuple[Any, Any]:
    i, f, g, o = F.SliceChannel(from_x + from_h, num_outputs=4, axis=1)
    cell = F.sigmoid(f) * c + F.sigmoid(i) * F.tanh(g)
    if clip is not None:
        cell = F.clip(cell, a_min=clip[0], a_max=clip[1])
    return F.sigmoid(o) * F.tanh(cell), cell


def _gru_step(F: Any, from_x: Any, from_h: Any, h: Any, c: Any, clip: Any) -> tuple[Any, Any]:
    r_x, z_x, n_x = F.SliceChannel(from_x, num_outputs=3, axis=1)
    r_h, z_h, n_h = F.SliceChannel(from_h, num_outputs=3, axis=1)
    n = F.tanh(n_x + F.sigmoid(r_x + r_h) * n_h)
    return n + F.sigmoid(z_x + z_h) * (h - n), None


_STEPS = {"rnn_tanh": _plain_step("tanh"), "rnn_relu": _plain_step("relu"), "lstm": _lstm_step, "gru": _gru_step}
