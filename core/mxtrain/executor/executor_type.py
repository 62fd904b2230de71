"""`Executor`: a Symbol bound to arrays, ready to run."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError
from mxtrain.context import Context, cpu
from mxtrain.device.float_errors import ignoring_float_errors
from mxtrain.executor.common_expressions import eliminate_common_expressions
from mxtrain.executor.compilation import Target, compile_graph
from mxtrain.executor.memory import key_of
from mxtrain.executor.placement import Placement
from mxtrain.executor.plan import Plan, StepList
from mxtrain.executor.shown_names import shown_input_names
from mxtrain.ndarray import deferred
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.sparse_array import wrap_value, write_value
from mxtrain.ndarray.writing import write_array
from mxtrain.symbol.debug import describe
from mxtrain.symbol.graph import Entry, Node
from mxtrain.symbol.symbol_type import Symbol
from mxtrain.util import getenv


def optimized(heads: Sequence[Entry]) -> list[Entry]:
    """The graph after the passes that save work; MXNET_ELIMINATE_COMMON_EXPR=0 switches them off."""
    return list(heads) if getenv("MXNET_ELIMINATE_COMMON_EXPR") == "0" else eliminate_common_expressions(heads)


class Executor:
    """A compiled Symbol over fixed arrays. Made by `Symbol.bind` and `Symbol.simple_bind`.

    arg_arrays, grad_arrays (None where no gradient is wanted), aux_arrays: NDArrays in the order of the symbol's lists;
    write into them to change what the next `forward` sees. outputs: NDArrays that each `forward` overwrites.
    """

    def __init__(
        self,
        symbol: Symbol,
        ctx: Context,
        args: Mapping[str, NDArray],
        grads: Mapping[str, NDArray | None],
        grad_req: Mapping[str, str],
        aux: Mapping[str, NDArray],
        *,
        spare: Mapping[Context, Any] | None = None,
        arenas: "Sequence[Any]" = (),
        placement: Placement | None = None,
    ) -> None:
        self._symbol = symbol
        self._ctx = ctx
        self._grad_req = dict(grad_req)
        self._args, self._grads, self._aux = dict(args), dict(grads), dict(aux)
        self.arg_arrays = list(args.values())
        self.grad_arrays = list(grads.values())
        self.aux_arrays = list(aux.values())
        self.arenas = list(arenas)
        self._monitor: Callable[[str, NDArray], None] | None = None
        self._monitor_all = False
        self._has_run = False
        self._heads = optimized(symbol.heads)
        self.placement = placement or Placement(ctx)
        self._compile(spare or {})

    def _compile(self, spare: Mapping[Context, Any]) -> None:
        arrays = {**self.arg_dict, **self.aux_dict}
        compiled = compile_graph(self._ctx, self._heads, arrays, self._targets(), spare, placement=self.placement)
        self._plan = compiled.plan
        self._num_repeated = compiled.num_repeated
        self._shown = compiled.shown
        self._head_grads = compiled.head_grads
        self.outputs = [wrap_value(*output) for output in zip(compiled.outputs, compiled.places, strict=True)]

    def _targets(self) -> dict[str, Target]:
        """Where the gradients that are wanted go."""
        wanted = {name: self._grad_req.get(name, "null") for name in self.grad_dict}
        return {
            name: Target(grad, wanted[name])
            for name, grad in self.grad_dict.items()
            if grad is not None and wanted[name] != "null"
        }

    # ---------------------------------------------------------------- running

    def forward(self, is_train: bool = False, **kwargs: Any) -> list[NDArray]:
        """Compute the outputs; returns them. kwargs: arguments to copy in first, by name (NDArray or NumPy array).

        is_train: run layers such as Dropout in training mode, and keep what `backward` needs.
        """
        for name, value in kwargs.items():
            self._copy_in(name, value)
        if deferred.outstanding:
            deferred.settle_all()
        steps = self._plan.training if is_train else self._plan.inference
        self._has_run = True
        self._run(steps)
        return self.outputs

    def _copy_in(self, name: str, value: Any) -> None:
        target = self.arg_dict.get(name)
        if target is None:
            raise ArgumentTypeError(f"Expected: an argument of {list(self.arg_dict)}. Received: {name!r}.")
        if not hasattr(value, "shape"):
            kind = type(value).__name__
            raise ArgumentTypeError(f"Expected: an NDArray or NumPy array for {name!r}. Received: {kind}.")
        if tuple(value.shape) != target.shape:
            raise ArgumentError(f"{name}: expected shape {target.shape}, as bound. Received: {tuple(value.shape)}.")
        _overwrite(target, value)

    def backward(self, out_grads: Any = None, is_train: bool = True) -> None:
        """Compute the gradients of the last `forward`, which should have had is_train=True; without one it runs now.

        out_grads: the gradient by each output (an NDArray, a list or a dict by output name); loss layers need none.
        Raises MXNetError where one is missing.
        """
        if not self._has_run:
            self.forward(is_train=True)
        given = self._listed(out_grads)
        for index, buffer in enumerate(self._head_grads):
            if buffer is None:
                continue
            grad = given[index] if index < len(given) else None
            if grad is None:
                raise MXNetError(
                    f"Output {index} ({self._symbol.list_outputs()[index]}): expected its gradient in out_grads, since "
                    "it does not come from a loss layer. Received: none."
                )
            self._copy_head_gradient(index, grad, buffer)
        if deferred.outstanding:
            deferred.settle_all()
        self._run(self._plan.backward)

    def _copy_head_gradient(self, index: int, grad: Any, buffer: Any) -> None:
        if not hasattr(grad, "shape"):
            raise ArgumentTypeError(
                f"Output {index}: expected an NDArray in out_grads. Received: {type(grad).__name__}."
            )
        if tuple(grad.shape) != tuple(buffer.shape):
            raise ArgumentError(
                f"Output {index}: expected a gradient of shape {tuple(buffer.shape)}. Received: {tuple(grad.shape)}."
            )
        _overwrite(wrap_value(buffer, self.outputs[index].context), grad)

    def _listed(self, out_grads: Any) -> list[Any]:
        if out_grads is None:
            return []
        if isinstance(out_grads, dict):
            return [out_grads.get(name) for name in self._symbol.list_outputs()]
        listed = list(out_grads) if isinstance(out_grads, (list, tuple)) else [out_grads]
        return listed[: len(self.outputs)]  # as in MXNet, further ones do not matter

    @ignoring_float_errors  # infinities and NaN are results like others
    def _run(self, steps: StepList) -> None:
        run = steps.run if self._monitor is None else partial(self._run_watched, steps)
        if self._ctx.device_typeid == 2:
            with self._ctx.backend.active():
                run(self._plan)
        else:
            run(self._plan)

    def _run_watched(self, steps: StepList, plan: Plan) -> None:
        """Run step by step, showing each result to the monitor."""
        for step, node in zip(steps.steps, steps.nodes, strict=True):
            if node is not None and self._monitor_all and "is_inserted" not in node.runtime:
                self._show_inputs(node)
            StepList([step], [node]).run(plan)
            if node is not None and "is_inserted" not in node.runtime:
                for index, name in enumerate(node.all_output_names[: node.num_outputs]):
                    self._show(name, Entry(node, index))

    def _show_inputs(self, node: Node) -> None:
        for name, entry in zip(shown_input_names(node), node.inputs, strict=False):
            if entry.node.is_variable:
                self._show(entry.node.name, entry)
            self._show(f"{node.name}_{name}", entry)

    def _show(self, name: str, entry: Entry) -> None:
        if self._monitor is not None:
            ctx = self._plan.places[id(entry.node)]
            with ctx.backend.active():
                value = self._plan.buffers[key_of(entry)].copy()
            self._monitor(name, wrap_value(value, ctx))

    def set_monitor_callback(self, callback: Callable[[str, NDArray], None] | None, monitor_all: bool = False) -> None:
        """Call `callback(name, array)` with every operator's output while running; monitor_all: with inputs as well."""
        self._monitor = callback
        self._monitor_all = monitor_all

    # ---------------------------------------------------------------- arrays

    @property
    def arg_dict(self) -> dict[str, NDArray]:
        """The arguments by name."""
        return self._args

    @property
    def grad_dict(self) -> dict[str, NDArray | None]:
        """The gradients by name of the argument; None where none is wanted."""
        return self._grads

    @property
    def aux_dict(self) -> dict[str, NDArray]:
        """The auxiliary states by name."""
        return self._aux

    @property
    def output_dict(self) -> dict[str, NDArray]:
        """The outputs by name."""
        return dict(zip(self._symbol.list_outputs(), self.outputs, strict=True))

    def copy_params_from(
        self,
        arg_params: Mapping[str, NDArray],
        aux_params: Mapping[str, NDArray] | None = None,
        allow_extra_params: bool = False,
    ) -> None:
        """Copy values into the arguments and auxiliary states.

        Raises ArgumentError for a name that is not there, unless allow_extra_params.
        """
        for params, arrays, what in (
            (arg_params, self.arg_dict, "argument"),
            (aux_params or {}, self.aux_dict, "auxiliary state"),
        ):
            for name, value in params.items():
                if name in arrays:
                    value.astype(arrays[name].dtype, copy=False).copyto(arrays[name])
                elif not allow_extra_params:
                    raise ArgumentError(f"Expected: an {what} of {list(arrays)}. Received: {name!r}.")

    @property
    def context(self) -> Context:
        """The context that the Executor runs on."""
        return self._ctx

    @property
    def grad_req(self) -> dict[str, str]:
        """What happens to the gradient of each argument, by name."""
        return self._grad_req

    @property
    def symbol(self) -> Symbol:
        """The bound Symbol."""
        return self._symbol

    def get_optimized_symbol(self) -> Symbol:
        """The graph that runs: the bound Symbol after the passes that save work."""
        return Symbol(self._heads)

    @property
    def memory(self) -> dict[Context, Any]:
        """The byte buffer on each device that intermediate values share."""
        return self._plan.memory

    @property
    def memory_slots(self) -> list[Any]:
        """The byte buffers that intermediate values share."""
        return list(self._plan.memory.values())

    def debug_str(self) -> str:
        """The graph and its memory in words: MXNet's lines, then ours."""
        sizes = {ctx: buffer.nbytes for ctx, buffer in self._plan.memory.items()}
        total = sum(sizes.values())
        lines = [f"Total {total >> 20} MB allocated", "Total 0 TempSpace resource requested"]
        lines += [f"Intermediate values on {ctx}: {nbytes} bytes" for ctx, nbytes in sizes.items()]
        lines.append(f"Computed again in backward: {self._num_repeated} of {len(self._plan.training.steps)} operators")
        return describe(self._shown) + "\n".join(lines) + "\n"


def _overwrite(target: NDArray, value: Any) -> None:
    """Copy an NDArray or NumPy array of the same shape in, whether or not calls are being recorded."""
    if isinstance(value, NDArray):
        write_array(target, value)
    else:
        write_value(target, np.asarray(value), cpu())
