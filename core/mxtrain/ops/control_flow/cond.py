"""`_cond`: one of two graphs, chosen by a condition."""

from collections.abc import Sequence
from typing import Any

from mxtrain.base import MXNetError
from mxtrain.dtypes import is_floating
from mxtrain.ops.control_flow.backward import backward
from mxtrain.ops.control_flow.inference import SHAPES, TYPES, infer_graph
from mxtrain.ops.control_flow.outputs import loop_outputs
from mxtrain.ops.control_flow.subgraph import Body, compile_body
from mxtrain.ops.control_flow.while_loop import is_true
from mxtrain.ops.control_flow.wiring import Wire, changed_inputs, require_graphs
from mxtrain.ops.operator import operator
from mxtrain.ops.parameters import Shape, Subgraphs


@operator("_cond")
class Cond:
    """`then` where `pred` is true, else `else`: three graphs, of which the second or third is computed.

    Inputs: what the graphs read. Outputs: those of the chosen graph; both have the same number, shapes and dtypes.
    subgraphs: pred, whose output has one element, then and else. cond_input_locs, then_input_locs, else_input_locs:
    which inputs of this operator are those of each graph. num_args: the number of inputs, and of the graphs.
    Source: MXNet 1.9.1's `_cond`.
    """

    count = "num_inputs"

    def inputs(p):
        return [f"data{i}" for i in range(p.num_args - 3)]

    def mutates(p):
        places = (p.cond_input_locs, p.then_input_locs, p.else_input_locs)
        return changed_inputs(p.subgraphs, [dict(enumerate(sources)) for sources in places])

    def outputs(p):
        return loop_outputs(p.num_outputs)

    def infer_shape(ins, outs, p):
        return _infer(SHAPES, ins, outs, p)

    def infer_type(ins, outs, p):
        return _infer(TYPES, ins, outs, p)

    def create_state(ctx, in_shapes, in_types, p):
        return Branches(ctx, require_graphs("_cond", p, 3), _wires(p))

    def forward(
        xp,
        *data,
        num_args: int,
        num_outputs: int,
        cond_input_locs: Shape,
        then_input_locs: Shape,
        else_input_locs: Shape,
        subgraphs: Subgraphs = (),
        needs,
        is_train,
        state,
        out=None,
    ):
        outputs = state.run(data, needs, is_train)
        if out is None:
            return tuple(array.copy() for array in outputs)
        for target, array in zip(out, outputs, strict=True):
            target[...] = array
        return out

    def gradient(F, gy, y, *data, needs, state, **params):
        return backward(F, gy, data, needs, state)


def _wires(p):
    """Per graph, where its inputs come from."""
    places = (p.cond_input_locs, p.then_input_locs, p.else_input_locs)
    return [[Wire(target, source) for target, source in enumerate(sources)] for sources in places]


def _infer(kind, ins, outs, p):
    require_graphs("_cond", p, 3)
    pred, then, otherwise = _wires(p)
    ins, _ = infer_graph(kind, p.subgraphs[0], pred, ins, [None])
    ins, outs = infer_graph(kind, p.subgraphs[1], then, ins, outs)
    return infer_graph(kind, p.subgraphs[2], otherwise, ins, outs)


class Chosen:
    """What one run leaves behind: which branch it took, as which body; and per branch a body and its record."""

    def __init__(self):
        self.branch: int | None = None
        self.body: Any = None
        self.records: dict[int, tuple[Body, Any]] = {}


class Branches:
    """The state of a node or call of `_cond`: its graphs, compiled when they are first needed.

    memory: what the latest run that a gradient may be asked of left behind. The branches of an outer loop's body get
    another one for each outer step.
    """

    def __init__(self, ctx, graphs, wires):
        self.memory = Chosen()
        self._ctx = ctx
        self._graphs = graphs
        self._wires = wires
        self._bodies: dict[Any, Body] = {}
        self._arrays: Sequence[Any] = ()

    def new_memory(self):
        """Memory for another run that has to be remembered beside the latest one."""
        return Chosen()

    def run(self, arrays, needs, is_train):
        """The outputs of the branch that the condition chooses."""
        if not (len(arrays) == len(self._arrays) and all(a is b for a, b in zip(arrays, self._arrays, strict=True))):
            self._arrays, self._bodies = arrays, {}
        pred = self._body(0, (False,) * len(arrays), is_train)
        pred.run()
        branch = 1 if is_true("pred", pred.outputs[0]) else 2
        body = self._body(branch, needs, is_train)
        record = None
        if any(needs):
            record = self._remember(branch, body)
        body.run(record)
        return body.outputs

    def _remember(self, branch, body):
        """Room for what the run at hand leaves behind; that of an earlier one of the same body is used again."""
        memory = self.memory
        known = memory.records.get(branch)
        if known is None or known[0] is not body:
            memory.records[branch] = known = (body, body.new_record())
        memory.branch, memory.body = branch, body
        return known[1]

    def _body(self, index, needs, is_train):
        key = (index, any(needs), is_train)
        if key not in self._bodies:
            inputs = [self._arrays[wire.source] for wire in self._wires[index]]
            wanted = [needs[wire.source] for wire in self._wires[index]]
            reqs = ["write" if w and is_floating(a.dtype) else None for w, a in zip(wanted, inputs, strict=True)]
            self._bodies[key] = compile_body(self._graphs[index], self._ctx, inputs, reqs, is_train)
        return self._bodies[key]

    def run_back(self, head_grads, targets):
        """Fill the gradients of the latest run; those by inputs that only the other branch reads are 0."""
        branch = self.memory.branch
        if branch is None:
            raise MXNetError("Expected: a branch that has run forward before its gradient is asked for. It has not.")
        for target in targets.values():
            target[...] = 0
        body = self.memory.body
        for buffer, grad in zip(body.head_grads, head_grads, strict=True):
            if buffer is not None:
                buffer[...] = grad
        body.run_back(self.memory.records[branch][1])
        for wire in self._wires[branch]:
            if wire.source in targets and body.grads[wire.target] is not None:
                targets[wire.source] += body.grads[wire.target]
