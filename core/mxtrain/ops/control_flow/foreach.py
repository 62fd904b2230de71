"""`_foreach`: a body run once per slice of its data along axis 0."""

from mxtrain.base import ArgumentError
from mxtrain.ops.control_flow.backward import backward
from mxtrain.ops.control_flow.inference import SHAPES, TYPES, infer_loop
from mxtrain.ops.control_flow.loop import Loop
from mxtrain.ops.control_flow.outputs import allocate, loop_outputs
from mxtrain.ops.control_flow.wiring import changed_inputs, wire_foreach
from mxtrain.ops.operator import operator
from mxtrain.ops.parameters import Shape, Subgraphs


@operator("_foreach")
class Foreach:
    """A loop over the slices of data along axis 0: `outputs[i], states = body(data[i], states)`.

    Inputs: data, (length, ...) each, all of one length; initial states; free variables of the body. Outputs: what the
    body gives in each step, stacked to (length, ...); the last states. A slice of a vector has the shape (1,).
    subgraphs: the body. in_data_locs, in_state_locs, remain_locs: which of the body's inputs they are, in the order of
    this operator's. num_args: the number of inputs, and of the body itself. Source: MXNet 1.9.1's `_foreach`.
    """

    count = "num_inputs"

    def inputs(p):
        return [f"data{i}" for i in range(p.num_args - 1)]

    def mutates(p):
        targets = (*p.in_data_locs, *p.in_state_locs, *p.remain_locs)
        return changed_inputs(p.subgraphs, [{target: source for source, target in enumerate(targets)}])

    def outputs(p):
        return loop_outputs(p.num_outputs)

    def infer_shape(ins, outs, p):
        wiring = wire_foreach(p)
        return infer_loop(SHAPES, p.subgraphs[0], wiring, ins, outs)

    def infer_type(ins, outs, p):
        wiring = wire_foreach(p)
        return infer_loop(TYPES, p.subgraphs[0], wiring, ins, outs)

    def create_state(ctx, in_shapes, in_types, p):
        wiring = wire_foreach(p)
        return Loop(ctx, p.subgraphs[0], wiring)

    def forward(
        xp,
        *data,
        num_args: int,
        num_outputs: int,
        num_out_data: int,
        in_data_locs: Shape,
        in_state_locs: Shape,
        remain_locs: Shape,
        subgraphs: Subgraphs = (),
        needs,
        is_train,
        state,
        out=None,
    ):
        length = _length(data[: len(in_data_locs)])
        body = state.prepare(xp, data, needs, is_train)
        outs = allocate(xp, body.outputs, num_out_data, length) if out is None else out
        state.run(body, data, outs, length)
        return outs

    def gradient(F, gy, y, *data, needs, state, **params):
        return backward(F, gy, data, needs, state)


def _length(data):
    """The number of steps: the size of axis 0 of all data."""
    lengths = {array.shape[0] if array.ndim else 0 for array in data}
    if len(lengths) != 1 or 0 in lengths:
        received = [tuple(array.shape) for array in data]
        raise ArgumentError(f"Expected: data of one length, at least 1, along axis 0. Received: shapes {received}.")
    return lengths.pop()
