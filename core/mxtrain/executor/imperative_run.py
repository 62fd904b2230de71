"""A graph run imperatively, operator by operator, so that the tape sees each of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mxtrain.executor.shown_names import shown_input_names
from mxtrain.ndarray import recording
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.invoke import invoke
from mxtrain.symbol.graph import Entry, Node, topological

Watch = Callable[[str, str, NDArray], None]


def run_imperatively(
    heads: Sequence[Entry],
    arrays: Mapping[int, NDArray],
    drawn: Mapping[Node, Sequence[NDArray]] | None = None,
    watch: Watch | None = None,
    watch_inputs: bool = False,
) -> list[NDArray]:
    """The outputs of a graph.

    arrays: the variables, by id of the node. drawn: outputs, hidden ones among them, of nodes that must not draw
    random numbers again. watch: called with name, operator and array of each visible output, and of each input if
    watch_inputs.
    """
    values: dict[int, Sequence[NDArray]] = {key: (array,) for key, array in arrays.items()}
    for node in topological(heads):
        if node.op is None:
            continue
        inputs = [values[id(entry.node)][entry.index] for entry in node.inputs]
        if watch is not None and watch_inputs:
            for name, array in zip(shown_input_names(node), inputs, strict=True):
                watch(f"{node.name}_{name}", node.op.name, array)
        given = None if drawn is None else drawn.get(node)
        values[id(node)] = _outputs(node, inputs) if given is None else _recorded(node, inputs, given)
        if watch is not None:
            for name, array in zip(node.output_names, values[id(node)], strict=False):
                watch(name, node.op.name, array)
    return [values[id(head.node)][head.index] for head in heads]


def _outputs(node: Node, inputs: Sequence[NDArray]) -> Sequence[NDArray]:
    op: Any = node.op
    result = invoke(op, inputs, node.params)
    return result if isinstance(result, list) else [result]


def _recorded(node: Node, inputs: Sequence[NDArray], outputs: Sequence[NDArray]) -> Sequence[NDArray]:
    """Let the tape know outputs that were computed before."""
    mode = recording.mode
    if mode.recording:
        recording.tape.record(node.op, node.params, inputs, outputs, mode.training, None)
    return outputs
