"""Recurrent cells over whole sequences, forward and backward: plain (tanh or relu), LSTM and GRU.

One layer in one direction. x: (T, N, I); weights w_x (G H, I), w_h (G H, H) and biases b_x, b_h (G H,), where G is the
number of gates; initial state h (N, H), and c (N, H) for LSTM. With w_r (P, H), LSTM's h is projected to P numbers, and
w_h is (G H, P). alive: (T, N, 1), where a sequence goes on, or None: all
do; a sequence that has ended keeps its state and gives zeros.
"""

from __future__ import annotations

import types
from dataclasses import dataclass, field
from typing import Any

from mxtrain.ops.kernels.activations import sigmoid

NUM_GATES = {"rnn_relu": 1, "rnn_tanh": 1, "lstm": 4, "gru": 3}


@dataclass
class Weights:
    """What a layer multiplies with in one direction."""

    w_x: Any
    w_h: Any
    b_x: Any
    b_h: Any
    w_r: Any = None


@dataclass
class Trace:
    """What the forward of a layer leaves for its backward."""

    x: Any
    weights: Weights
    alive: Any
    states: list[Any]  # h before each step, and after the last
    cells: list[Any] = field(default_factory=list)  # c likewise (LSTM)
    steps: list[Any] = field(default_factory=list)  # per step, the cell's activations


def project(xp: types.ModuleType, x: Any, w_x: Any, b_x: Any) -> Any:
    """The inputs' share of all gates of all steps in one product: (T, N, G H)."""
    steps, batch = x.shape[:2]
    result = xp.dot(x.reshape(steps * batch, -1), w_x.T)
    result += b_x
    return result.reshape(steps, batch, -1)


def _kept(xp: types.ModuleType, alive: Any, step: int, new: Any, old: Any) -> Any:
    return new if alive is None else xp.where(alive[step], new, old)


def forward(
    xp: types.ModuleType, mode: str, x: Any, h: Any, c: Any, weights: Weights, alive: Any, clip: Any
) -> tuple[Any, Trace]:
    """The outputs (T, N, H) of a layer, and the trace; its last states are the final ones.

    clip: (lowest, highest) of LSTM's cell state, or None.
    """
    trace = Trace(x, weights, alive, [h], [c])
    from_x = project(xp, x, weights.w_x, weights.b_x)
    outputs = xp.empty((*x.shape[:2], h.shape[1]), x.dtype)
    step_of = _STEPS[mode]
    for step in range(x.shape[0]):
        from_h = xp.dot(trace.states[-1], weights.w_h.T)
        from_h += weights.b_h
        new_h, new_c, kept = step_of(xp, from_x[step], from_h, trace.states[-1], trace.cells[-1], clip)
        if weights.w_r is not None:
            new_h = xp.dot(new_h, weights.w_r.T)
        outputs[step] = new_h if alive is None else xp.where(alive[step], new_h, 0)
        trace.states.append(_kept(xp, alive, step, new_h, trace.states[-1]))
        trace.cells.append(new_c if new_c is None else _kept(xp, alive, step, new_c, trace.cells[-1]))
        trace.steps.append(kept)
    return outputs, trace


def _tanh_step(xp, from_x, from_h, h, c, clip):
    new = xp.tanh(from_x + from_h)
    return new, None, new


def _relu_step(xp, from_x, from_h, h, c, clip):
    new = xp.maximum(from_x + from_h, 0)
    return new, None, new


def _lstm_step(xp, from_x, from_h, h, c, clip):
    """Gates in the order input, forget, candidate, output."""
    size = c.shape[1]
    from_h += from_x
    gates = sigmoid(xp, from_h)
    xp.tanh(from_h[:, 2 * size : 3 * size], out=gates[:, 2 * size : 3 * size])
    i, f, g, o = _split(gates, 4)
    cell = f * c
    cell += i * g
    if clip is not None:
        cell = xp.clip(cell, *clip)
    squashed = xp.tanh(cell)
    return o * squashed, cell, (gates, squashed)


def _gru_step(xp, from_x, from_h, h, c, clip):
    """Gates in the order reset, update, candidate; the reset acts on the state's product, as cuDNN has it."""
    size = h.shape[1]
    r, z = _split(sigmoid(xp, from_x[:, : 2 * size] + from_h[:, : 2 * size]), 2)
    candidate_h = from_h[:, 2 * size :]
    n = xp.tanh(from_x[:, 2 * size :] + r * candidate_h)
    return n + z * (h - n), None, (r, z, n, candidate_h)


_STEPS = {"rnn_tanh": _tanh_step, "rnn_relu": _relu_step, "lstm": _lstm_step, "gru": _gru_step}


def _split(array: Any, parts: int) -> list[Any]:
    size = array.shape[1] // parts
    return [array[:, part * size : (part + 1) * size] for part in range(parts)]


@dataclass
class Gradients:
    """Gradients of a layer in one direction."""

    x: Any
    h: Any
    c: Any
    weights: Weights


def backward(xp: types.ModuleType, mode: str, gy: Any, gh: Any, gc: Any, trace: Trace, clip: Any) -> Gradients:
    """Gradients of a layer from those of its outputs (T, N, H) and of its final states (N, H)."""
    steps, batch, _ = gy.shape
    width, w_r = len(trace.weights.w_h), trace.weights.w_r
    by_projected = None if w_r is None else xp.empty(gy.shape, gy.dtype)
    by_x_share = xp.zeros((steps, batch, width), gy.dtype)
    by_h_share = by_x_share if mode != "gru" else xp.zeros_like(by_x_share)
    step_back = _STEPS_BACK[mode]
    for step in reversed(range(steps)):
        total = gy[step] + gh
        passed_h, passed_c = 0, gc
        if trace.alive is not None:
            alive = trace.alive[step]
            passed_h, total = xp.where(alive, 0, gh), xp.where(alive, total, 0)
            passed_c, gc = (None, None) if gc is None else (xp.where(alive, 0, gc), xp.where(alive, gc, 0))
        if by_projected is not None:
            by_projected[step] = total
            total = xp.dot(total, w_r)
        shares = (by_x_share[step], by_h_share[step])
        direct, new_gc = step_back(xp, total, gc, trace, step, *shares, clip)
        gh = xp.dot(by_h_share[step], trace.weights.w_h)
        gh += direct
        gh += passed_h
        gc = new_gc if new_gc is None or trace.alive is None else new_gc + passed_c
    found = Gradients(*_products(xp, by_x_share, by_h_share, trace, gh, gc))
    if by_projected is not None:
        found.weights.w_r = _by_projection(xp, by_projected, trace)
    return found


def _by_projection(xp, by_projected, trace):
    """The gradient by w_r, (P, H), from those by the projected outputs of all steps, (T, N, P)."""
    total: Any = 0
    for by_step, (gates, squashed) in zip(by_projected, trace.steps, strict=True):
        total = total + xp.dot(by_step.T, _split(gates, 4)[3] * squashed)
    return total


def _products(xp, by_x_share, by_h_share, trace, gh, gc):
    """The gradients that are products over all steps at once."""
    flat_x = by_x_share.reshape(-1, by_x_share.shape[2])
    flat_h = by_h_share.reshape(flat_x.shape)
    states = xp.stack(trace.states[:-1]).reshape(flat_x.shape[0], -1)
    x = trace.x.reshape(flat_x.shape[0], -1)
    weights = Weights(xp.dot(flat_x.T, x), xp.dot(flat_h.T, states), flat_x.sum(axis=0), flat_h.sum(axis=0))
    return xp.dot(flat_x, trace.weights.w_x).reshape(trace.x.shape), gh, gc, weights


def _tanh_back(xp, gh, gc, trace, step, to_x, to_h, clip):
    new = trace.steps[step]
    to_x[...] = gh * (1 - new * new)
    return 0, None


def _relu_back(xp, gh, gc, trace, step, to_x, to_h, clip):
    to_x[...] = gh * (trace.steps[step] > 0)
    return 0, None


def _lstm_back(xp, gh, gc, trace, step, to_x, to_h, clip):
    gates, squashed = trace.steps[step]
    i, f, g, o = _split(gates, 4)
    by_cell = gc + gh * o * (1 - squashed * squashed)
    if clip is not None:
        cell = trace.cells[step + 1]
        by_cell = xp.where((cell > clip[0]) & (cell < clip[1]), by_cell, 0)
    for target, by_gate, slope in zip(
        _split(to_x, 4),
        (by_cell * g, by_cell * trace.cells[step], by_cell * i, gh * squashed),
        (i * (1 - i), f * (1 - f), 1 - g * g, o * (1 - o)),
        strict=True,
    ):
        xp.multiply(by_gate, slope, out=target)
    return 0, by_cell * f


def _gru_back(xp, gh, gc, trace, step, to_x, to_h, clip):
    r, z, n, candidate_h = trace.steps[step]
    by_r, by_z, by_n = _split(to_x, 3)
    xp.multiply(gh * (1 - z), 1 - n * n, out=by_n)
    xp.multiply(by_n * candidate_h, r * (1 - r), out=by_r)
    xp.multiply(gh * (trace.states[step] - n), z * (1 - z), out=by_z)
    to_h[...] = to_x
    _split(to_h, 3)[2][...] *= r
    return gh * z, None


_STEPS_BACK = {"rnn_tanh": _tanh_back, "rnn_relu": _relu_back, "lstm": _lstm_back, "gru": _gru_back}
