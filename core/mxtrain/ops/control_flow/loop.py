"""A loop at work: one compiled body, run step by step, and back."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mxtrain.base import MXNetError
from mxtrain.context import Context
from mxtrain.dtypes import is_floating
from mxtrain.ops.control_flow.subgraph import Body, Subgraph, compile_body
from mxtrain.ops.control_flow.wiring import Wiring


class History:
    """What the steps of one run of a loop left behind for its way back."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.num_steps: int | None = None
        self._body: Body | None = None

    def record(self, step: int, body: Body) -> Any:
        """Room for what a step of a body leaves behind; that of an earlier run is used again."""
        if body is not self._body:
            self._body, self.records = body, []
        if step == len(self.records):
            self.records.append(body.new_record())
        return self.records[step]


class Compiled(NamedTuple):
    """A body and the arrays that it reads where they lie."""

    body: Body
    bound: list[Any]


class Loop:
    """The state of a node or call of a loop.

    memory: the History of the latest run that a gradient may be asked of. The loop of an outer loop's body gets another
    one for each outer step.
    """

    def __init__(self, ctx: Context, graph: Subgraph, wiring: Wiring) -> None:
        self.ctx = ctx
        self.wiring = wiring
        self.memory = History()
        self._graph = graph
        self._compiled: dict[bool, Compiled] = {}
        self._differentiable: Body | None = None

    def new_memory(self) -> History:
        """Memory for another run that has to be remembered beside the latest one."""
        return History()

    def prepare(self, xp: Any, arrays: Sequence[Any], needs: Sequence[bool], is_train: bool) -> Body:
        """The body compiled over these arrays, free inputs being read where they lie. needs: whose gradient is wanted.

        Compiled once per mode, where the arrays stay the same from run to run, as they do in executors.
        """
        bound = [arrays[wire.source] for wire in self.wiring.free]
        known = self._compiled.get(is_train)
        if known is not None and all(a is b for a, b in zip(bound, known.bound, strict=True)):
            return known.body
        inputs = self._inputs(xp, arrays)
        body = compile_body(self._graph, self.ctx, inputs, self._reqs(inputs, needs), is_train)
        self._compiled[is_train] = Compiled(body, bound)
        if any(needs):
            self._differentiable = body
        return body

    def _inputs(self, xp: Any, arrays: Sequence[Any]) -> list[Any]:
        """The arrays that the body reads: the operator's own, but for slices and states."""
        inputs: list[Any] = [None] * self.wiring.num_inputs
        for wire in self.wiring.free:
            inputs[wire.target] = arrays[wire.source]
        for wire in self.wiring.data:
            array = arrays[wire.source]
            inputs[wire.target] = xp.empty(array.shape[1:] or (1,), array.dtype)
        for wire in self.wiring.states:
            inputs[wire.target] = xp.empty_like(arrays[wire.source])
        return inputs

    def _reqs(self, inputs: Sequence[Any], needs: Sequence[bool]) -> list[str | None]:
        """Per input of the body how its gradient is taken: added up where the input stays the same.

        A state's gradient is wanted as soon as its value depends on something whose gradient is.
        """
        wiring = self.wiring
        wanted = [False] * wiring.num_inputs
        for wire in (*wiring.data, *wiring.states, *wiring.free):
            wanted[wire.target] = needs[wire.source] and is_floating(inputs[wire.target].dtype)
        grew = any(wanted)
        while grew:
            grew = False
            reached = self._graph.depends(wanted)
            for index, wire in enumerate(wiring.states, wiring.num_out_data):
                if reached[index] and not wanted[wire.target] and is_floating(inputs[wire.target].dtype):
                    wanted[wire.target] = grew = True
        added = {wire.target for wire in wiring.free}
        return [("add" if i in added else "write") if want else None for i, want in enumerate(wanted)]

    def run(
        self,
        body: Body,
        arrays: Sequence[Any],
        outs: Sequence[Any],
        max_steps: int,
        proceed: Callable[[], bool] | None = None,
    ) -> None:
        """Run up to `max_steps` steps, as long as `proceed` says so, and fill `outs`: stacked outputs and last states.

        Stacked outputs are 0 behind the last step.
        """
        wiring, memory = self.wiring, self.memory
        count = wiring.num_out_data
        keep = body is self._differentiable
        states = [body.inputs[wire.target] for wire in wiring.states]
        for state, wire in zip(states, wiring.states, strict=True):
            state[...] = arrays[wire.source]
        step = 0
        while step < max_steps and (proceed is None or proceed()):
            for wire in wiring.data:
                _put(body.inputs[wire.target], arrays[wire.source], step)
            body.run(memory.record(step, body) if keep else None)
            for stacked, output in zip(outs[:count], body.outputs, strict=False):
                stacked[step] = output
            for state, output in zip(states, body.outputs[count:], strict=True):
                state[...] = output
            step += 1
        if keep:
            memory.num_steps = step
        for stacked in outs[:count]:
            stacked[step:] = 0
        for out, state in zip(outs[count:], states, strict=True):
            out[...] = state

    def run_back(self, head_grads: Sequence[Any], targets: dict[int, Any]) -> None:
        """Fill the gradients of the latest run. targets: arrays to fill, by input of the operator."""
        body, num_steps = self._differentiable, self.memory.num_steps
        if body is None or num_steps is None:
            raise MXNetError("Expected: a loop that has run forward before its gradient is asked for. It has not.")
        wiring = self.wiring
        for wire in wiring.free:
            if body.grads[wire.target] is not None:
                body.grads[wire.target][...] = 0
        state_grads = list(head_grads[wiring.num_out_data :])
        for step in reversed(range(num_steps)):
            self._fill_head_grads(body, head_grads, state_grads, step)
            body.run_back(self.memory.records[step])
            state_grads = [body.grads[wire.target] for wire in wiring.states]
            for wire in wiring.data:
                if wire.source in targets:
                    _take(targets[wire.source], body.grads[wire.target], step)
        for wire, grad in zip(wiring.states, state_grads, strict=True):
            _deliver(targets.get(wire.source), grad)
        for wire in wiring.free:
            _deliver(targets.get(wire.source), body.grads[wire.target])

    def _fill_head_grads(self, body: Body, head_grads: Sequence[Any], state_grads: Sequence[Any], step: int) -> None:
        """The gradients by a step's outputs: slices of those by stacked outputs, and what the next step gave back."""
        count = self.wiring.num_out_data
        for buffer, stacked in zip(body.head_grads[:count], head_grads, strict=False):
            if buffer is not None:
                buffer[...] = stacked[step]
        for buffer, grad in zip(body.head_grads[count:], state_grads, strict=True):
            if buffer is not None:
                buffer[...] = 0 if grad is None else grad


def _put(target: Any, data: Any, step: int) -> None:
    """Copy one slice of data in."""
    target[...] = data[step : step + 1].reshape(target.shape)


def _take(target: Any, grad: Any, step: int) -> None:
    """Put the gradient by one slice in its place."""
    target[step : step + 1] = 0 if grad is None else grad.reshape(target[step : step + 1].shape)


def _deliver(target: Any, grad: Any) -> None:
    if target is not None:
        target[...] = 0 if grad is None else grad
