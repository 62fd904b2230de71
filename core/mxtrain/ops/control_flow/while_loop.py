"""`_while_loop`: a body run as long as a condition holds."""

from mxtrain.base import ArgumentError
from mxtrain.ops.control_flow.backward import backward
from mxtrain.ops.control_flow.inference import SHAPES, TYPES, infer_graph, infer_loop
from mxtrain.ops.control_flow.loop import Loop
from mxtrain.ops.control_flow.outputs import allocate, loop_outputs
from mxtrain.ops.control_flow.subgraph import compile_body
from mxtrain.ops.control_flow.wiring import Wire, changed_inputs, wire_while
from mxtrain.ops.operator import operator
from mxtrain.ops.parameters import Shape, Subgraphs


@operator("_while_loop")
class WhileLoop:
    """A loop `while cond(variables): output[i], variables = func(variables)`, of at most `max_iterations` steps.

    Inputs: what `cond` and `func` read: loop variables and free variables. Outputs: what func gives in each step,
    stacked to (max_iterations, ...) and 0 behind the last step; the last loop variables.
    subgraphs: cond, whose output has one element, and func. cond_input_locs, func_input_locs: which inputs of this
    operator are those of each graph. func_var_locs: which of func's inputs are the loop variables. num_args: the number
    of inputs, and of both graphs. Source: MXNet 1.9.1's `_while_loop`, where outputs behind the last step are anything.
    """

    count = "num_inputs"

    def inputs(p):
        return [f"data{i}" for i in range(p.num_args - 2)]

    def mutates(p):
        return changed_inputs(p.subgraphs, [dict(enumerate(p.cond_input_locs)), dict(enumerate(p.func_input_locs))])

    def outputs(p):
        return loop_outputs(p.num_outputs)

    def infer_shape(ins, outs, p):
        wiring = wire_while(p)
        ins, _ = infer_graph(SHAPES, p.subgraphs[0], _condition_wires(p), ins, [None])
        return infer_loop(SHAPES, p.subgraphs[1], wiring, ins, outs, _max_steps(p.max_iterations))

    def infer_type(ins, outs, p):
        wiring = wire_while(p)
        ins, _ = infer_graph(TYPES, p.subgraphs[0], _condition_wires(p), ins, [None])
        return infer_loop(TYPES, p.subgraphs[1], wiring, ins, outs)

    def create_state(ctx, in_shapes, in_types, p):
        return WhileState(ctx, p)

    def forward(
        xp,
        *data,
        num_args: int,
        num_outputs: int,
        num_out_data: int,
        max_iterations: int,
        cond_input_locs: Shape,
        func_input_locs: Shape,
        func_var_locs: Shape,
        subgraphs: Subgraphs = (),
        needs,
        is_train,
        state,
        out=None,
    ):
        length = _max_steps(max_iterations)
        body = state.prepare(xp, data, needs, is_train)
        outs = allocate(xp, body.outputs, num_out_data, length) if out is None else out
        state.run(body, data, outs, length, state.proceed)
        return outs

    def gradient(F, gy, y, *data, needs, state, **params):
        return backward(F, gy, data, needs, state)


class WhileState(Loop):
    """A Loop with its condition."""

    def __init__(self, ctx, p):
        wiring = wire_while(p)
        super().__init__(ctx, p.subgraphs[1], wiring)
        self._condition_graph = p.subgraphs[0]
        self._condition_wires = _condition_wires(p)
        self._condition = None
        self._condition_inputs = []

    def prepare(self, xp, arrays, needs, is_train):
        body = super().prepare(xp, arrays, needs, is_train)
        variables = {wire.source: body.inputs[wire.target] for wire in self.wiring.states}
        inputs = [variables.get(wire.source, arrays[wire.source]) for wire in self._condition_wires]
        known = self._condition_inputs
        if self._condition is None or not all(a is b for a, b in zip(inputs, known, strict=True)):
            self._condition_inputs = inputs
            self._condition = compile_body(self._condition_graph, self.ctx, inputs, [None] * len(inputs), False)
        return body

    def proceed(self):
        """Whether the condition holds for the loop variables of the body."""
        self._condition.run()
        return is_true("cond", self._condition.outputs[0])


def is_true(what, array):
    """The truth of an array of one element. Raises ArgumentError for one of another size."""
    if array.size != 1:
        raise ArgumentError(f"Expected: {what} with one element. Received: shape {tuple(array.shape)}.")
    return bool(array.reshape(-1)[0])


def _condition_wires(p):
    return [Wire(target, source) for target, source in enumerate(p.cond_input_locs)]


def _max_steps(max_iterations):
    if max_iterations < 1:
        raise ArgumentError(f"Expected: max_iterations of at least 1. Received: {max_iterations}.")
    return max_iterations
