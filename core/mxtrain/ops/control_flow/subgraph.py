"""What control flow asks of a graph inside an operator, and of its compiled form; other layers provide both."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from mxtrain.base import MXNetError
from mxtrain.context import Context
from mxtrain.ops.shapes import Shapes
from mxtrain.ops.types import Types


class Subgraph(Protocol):
    """A graph as a function of its variables, in the order in which a walk over it meets them."""

    num_inputs: int
    num_outputs: int
    changed: list[bool]  # per input, whether it is an auxiliary state, which running the graph changes

    def infer_shape(self, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
        """All that can be concluded about the shapes of inputs and outputs."""

    def infer_type(self, ins: Types, outs: Types) -> tuple[Types, Types]:
        """All that can be concluded about the dtypes of inputs and outputs."""

    def depends(self, inputs: Sequence[bool]) -> list[bool]:
        """Per output, whether a gradient by it reaches one of the marked inputs."""


class Body(Protocol):
    """A compiled graph: fill `inputs`, run, read `outputs`; and back from `head_grads` to `grads`.

    inputs, outputs: fixed backend arrays. head_grads: per output the array that takes its gradient, None where nothing
    depends on it. grads: per input its gradient, None where it is not wanted.
    """

    inputs: list[Any]
    outputs: list[Any]
    head_grads: list[Any]
    grads: list[Any]

    def new_record(self) -> Any:
        """Room for what a run leaves behind for its way back."""

    def run(self, record: Any = None) -> None:
        """Compute the outputs; with a record, remember what `run_back` needs."""

    def run_back(self, record: Any) -> None:
        """Compute the gradients of the run that left the record."""


# (graph, context, input arrays, what happens to their gradients, mode) -> compiled form; set by mxtrain.executor, which
# this layer may not import
Compiler = Callable[[Any, Context, Sequence[Any], Sequence[str | None], bool], Body]
_compile: Compiler | None = None


def install_compiler(compiler: Compiler) -> None:
    """Tell how the graph inside an operator is compiled."""
    global _compile
    _compile = compiler


def compile_body(
    graph: Subgraph, ctx: Context, inputs: Sequence[Any], reqs: Sequence[str | None], is_train: bool
) -> Body:
    """A graph compiled over fixed input arrays. reqs: per input "write" or "add" for its gradient, None for none."""
    if _compile is None:
        raise MXNetError("Expected: an executor that compiles the bodies of loops. Received: none; import mxtrain.")
    return _compile(graph, ctx, inputs, reqs, is_train)
