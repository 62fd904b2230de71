"""Recurrent networks of several layers and one or two directions, their weights packed into one array."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Any

from mxtrain.ops.kernels import recurrent_cells as cells
from mxtrain.ops.kernels.recurrent_cells import NUM_GATES, Trace, Weights


@dataclass(frozen=True)
class Form:
    """The shape of a network. clip: (lowest, highest) of LSTM's cell states, or None. projection: the size that LSTM's
    outputs and states h are projected to, or None.
    """

    mode: str
    input_size: int
    state_size: int
    num_layers: int
    directions: int
    clip: tuple[float, float] | None = None
    projection: int | None = None

    @property
    def output_size(self) -> int:
        """The size of h, and of the outputs in one direction."""
        return self.projection or self.state_size

    @property
    def num_parameters(self) -> int:
        """How many numbers the packed array holds."""
        rows, count = NUM_GATES[self.mode] * self.state_size, self.num_layers * self.directions
        return sum(r * c for i in range(count) for r, c in self._matrices(i)) + 2 * rows * count

    def _matrices(self, index: int) -> list[tuple[int, int]]:
        """Shapes of w_x, w_h and, with a projection, w_r."""
        rows = NUM_GATES[self.mode] * self.state_size
        projection = [] if self.projection is None else [(self.projection, self.state_size)]
        return [(rows, self._input_size(index)), (rows, self.output_size), *projection]

    def _input_size(self, index: int) -> int:
        return self.input_size if index < self.directions else self.output_size * self.directions

    def unpack(self, packed: Any) -> list[Weights]:
        """Views of the weights, per layer and direction.

        The packed array holds for each of them w_x and w_h (and w_r), then for each b_x and b_h.
        """
        rows = NUM_GATES[self.mode] * self.state_size
        count = self.num_layers * self.directions
        matrices: list[list[Any]] = []
        offset = 0
        for index in range(count):
            of_one = []
            for height, width in self._matrices(index):
                of_one.append(packed[offset : offset + height * width].reshape(height, width))
                offset += height * width
            matrices.append(of_one)
        biases = [packed[offset + k * rows : offset + (k + 1) * rows] for k in range(2 * count)]
        return [Weights(*matrices[k][:2], *biases[2 * k : 2 * k + 2], *matrices[k][2:]) for k in range(count)]


@dataclass
class Record:
    """What a forward leaves for its backward: a trace per layer and direction, and the mask of dropout, if any."""

    traces: list[Trace]
    mask: Any


def forward(
    xp: types.ModuleType, form: Form, data: Any, packed: Any, h: Any, c: Any, lengths: Any, mask: Any
) -> tuple[Any, Any, Any, Record]:
    """Outputs (T, N, D P), final states h (L D, N, P) and c (L D, N, H) (None but for LSTM), and the record.

    P is the output size: that of the projection, or H. data: (T, N, I). packed: see `Form.unpack`. h, c: initial
    states, shaped like the final ones. lengths: (N,) integers or None. mask: (L - 1, T, N, D P), the factors of dropout
    behind each layer but the last; None: no dropout.
    """
    weights = form.unpack(packed)
    turn = _reversal(xp, data.shape[:2], lengths)
    alive = None if lengths is None else (xp.arange(data.shape[0])[:, None] < lengths)[..., None]
    record = Record([], mask)
    x = data
    for layer in range(form.num_layers):
        if layer and mask is not None:
            x = x * mask[layer - 1]
        outputs = []
        for direction in range(form.directions):
            k = layer * form.directions + direction
            given = turn(x) if direction else x
            initial_c = None if c is None else c[k]
            y, trace = cells.forward(xp, form.mode, given, h[k], initial_c, weights[k], alive, form.clip)
            outputs.append(turn(y) if direction else y)
            record.traces.append(trace)
        x = outputs[0] if form.directions == 1 else xp.concatenate(outputs, axis=2)
    final_h = xp.stack([trace.states[-1] for trace in record.traces])
    final_c = None if c is None else xp.stack([trace.cells[-1] for trace in record.traces])
    return x, final_h, final_c, record


def _reversal(xp: types.ModuleType, shape: tuple[int, int], lengths: Any) -> Any:
    """A function that reverses (T, N, ...) in time, each sequence within its own length."""
    if lengths is None:
        return lambda array: xp.ascontiguousarray(array[::-1])
    steps = xp.arange(shape[0])[:, None]
    index = xp.where(steps < lengths, lengths - 1 - steps, steps)
    batch = xp.arange(shape[1])
    return lambda array: array[index, batch]


def backward(
    xp: types.ModuleType, form: Form, gy: Any, gh: Any, gc: Any, record: Record, lengths: Any
) -> tuple[Any, Any, Any, Any]:
    """Gradients by data, the packed weights and the initial states h and c, from those of what `forward` returned."""
    packed = xp.empty(form.num_parameters, gy.dtype)
    targets = form.unpack(packed)
    turn = _reversal(xp, gy.shape[:2], lengths)
    by_h, by_c = xp.empty_like(gh), None if gc is None else xp.empty_like(gc)
    size = form.output_size
    for layer in reversed(range(form.num_layers)):
        total: Any = 0
        for direction in range(form.directions):
            k = layer * form.directions + direction
            part = xp.ascontiguousarray(gy[:, :, direction * size : (direction + 1) * size])
            final_c = None if gc is None else gc[k]
            found = cells.backward(
                xp, form.mode, turn(part) if direction else part, gh[k], final_c, record.traces[k], form.clip
            )
            total = total + (turn(found.x) if direction else found.x)
            by_h[k] = found.h
            if by_c is not None:
                by_c[k] = found.c
            for name in ("w_x", "w_h", "b_x", "b_h", "w_r"):
                if getattr(targets[k], name) is not None:
                    getattr(targets[k], name)[...] = getattr(found.weights, name)
        if layer and record.mask is not None:
            total = total * record.mask[layer - 1]
        gy = total
    return gy, packed, by_h, by_c
