"""`Executor`: a Symbol bound to arrays, ready to run."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError, NameLookupError
from mxtrain.context import Context
from mxtrain.executor.gradient import GradientGraph, differentiate
from mxtrain.executor.memory import Key, Spec, key_of
from mxtrain.executor.plan import Program, StepList, compile_program
from mxtrain.ndarray import deferred
from mxtrain.ndarray.array_type import NDArray, wrap
from mxtrain.symbol.debug import describe
from mxtrain.symbol.graph import Entry, Node, topological
from mxtrain.symbol.infer import infer_shapes, infer_types
from mxtrain.symbol.symbol_type import Symbol


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
        spare: Sequence[Any] = (),
        arenas: "Sequence[Any]" = (),
    ) -> None:
        self._symbol = symbol
        self._ctx = ctx
        self._grad_req = dict(grad_req)
        self.arg_dict = dict(args)
        self.grad_dict = dict(grads)
        self.aux_dict = dict(aux)
        self.arg_arrays = list(args.values())
        self.grad_arrays = list(grads.values())
        self.aux_arrays = list(aux.values())
        self.arenas = list(arenas)
        self._monitor: Callable[[str, NDArray], None] | None = None
        self._monitor_all = False
        self._has_run_training = False
        self._compile(spare)

    # ---------------------------------------------------------------- compilation

    def _compile(self, spare: Sequence[Any]) -> None:
        heads = self._symbol.heads
        order = topological(heads)
        self._variables = [node for node in order if node.is_variable]
        wanted = [node for node in self._variables if self._wants_gradient(node.name)]
        graph = differentiate(heads, wanted) if wanted else GradientGraph([], [None] * len(heads), {})
        forward = [node for node in order if not node.is_variable]
        specs = self._specs(heads, graph)
        fixed: dict[Key, Any] = {(id(node), 0): self._array_of(node)._data for node in self._variables}
        self._head_grads = self._allocate_head_grads(heads, graph, specs, fixed)
        copies = self._place_gradients(wanted, graph, fixed)
        self._plan = compile_program(
            Program(self._ctx, forward, graph.nodes, fixed, specs, heads, [key for key, _, _ in copies], spare)
        )
        for key, target, add in copies:
            source = self._plan.buffers[key]
            self._plan.backward.append(partial(_accumulate if add else _copy, target, source), None)
        self.outputs = [wrap(self._plan.buffers[key_of(head)], self._ctx) for head in heads]
        self._never_reached = [
            grad for node in wanted if id(node) not in graph.grads and (grad := self._write_target(node)) is not None
        ]

    def _wants_gradient(self, name: str) -> bool:
        return self.grad_dict.get(name) is not None and self._grad_req.get(name, "null") != "null"

    def _array_of(self, node: Node) -> NDArray:
        return self.arg_dict[node.name] if node.name in self.arg_dict else self.aux_dict[node.name]

    def _specs(self, heads: Sequence[Entry], graph: GradientGraph) -> dict[Key, Spec]:
        """Shape and dtype of every value, of the gradient graph as well."""
        shapes = {node.name: self._array_of(node).shape for node in self._variables}
        types: dict[str, Any] = {node.name: self._array_of(node)._data.dtype for node in self._variables}
        forward_shapes, forward_types = infer_shapes(heads, shapes), infer_types(heads, types)
        for head, variable in zip(heads, graph.head_grads, strict=True):
            if variable is not None:
                shapes[variable.name] = forward_shapes.get(head)
                types[variable.name] = forward_types.get(head)
        computed = [*graph.nodes, *(variable for variable in graph.head_grads if variable is not None)]
        everything = [*heads, *(Entry(node, i) for node in computed for i in range(node.num_outputs))]
        all_shapes, all_types = infer_shapes(everything, shapes), infer_types(everything, types)
        specs: dict[Key, Spec] = {}
        for node in all_shapes.order:
            for index in range(node.num_outputs):
                entry = Entry(node, index)
                specs[key_of(entry)] = _spec(entry, all_shapes.get(entry), all_types.get(entry))
        return specs

    def _allocate_head_grads(
        self, heads: Sequence[Entry], graph: GradientGraph, specs: Mapping[Key, Spec], fixed: dict[Key, Any]
    ) -> list[Any]:
        """A buffer per output whose gradient the backward steps read; None for the others (loss layers)."""
        buffers: list[Any] = []
        for variable in graph.head_grads:
            if variable is None:
                buffers.append(None)
                continue
            spec = specs[id(variable), 0]
            with self._ctx.backend.active():
                buffer = self._ctx.xp.ones(spec.shape, spec.dtype)
            fixed[id(variable), 0] = buffer
            buffers.append(buffer)
        return buffers

    def _place_gradients(
        self, wanted: Sequence[Node], graph: GradientGraph, fixed: dict[Key, Any]
    ) -> list[tuple[Key, Any, bool]]:
        """Let gradients be computed right into the caller's arrays; returns those that a last step must copy or add."""
        copies: list[tuple[Key, Any, bool]] = []
        computed = {id(node): node for node in graph.nodes}
        for node in wanted:
            entry = graph.grads.get(id(node))
            if entry is None:
                continue
            array = self.grad_dict[node.name]
            if array is None:
                raise MXNetError(f"{node.name}: expected a gradient array where grad_req is not 'null'. Received: None.")
            key, add = key_of(entry), self._grad_req[node.name] == "add"
            producer = computed.get(id(entry.node))
            direct = not add and producer is not None and key not in fixed and not _is_view(producer)
            if direct:
                fixed[key] = array._data
            else:
                copies.append((key, array._data, add))
        return copies

    def _write_target(self, node: Node) -> Any:
        array = self.grad_dict[node.name]
        return array._data if array is not None and self._grad_req[node.name] == "write" else None

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
        self._has_run_training = is_train
        self._run(steps)
        return self.outputs

    def _copy_in(self, name: str, value: Any) -> None:
        target = self.arg_dict.get(name)
        if target is None:
            raise NameLookupError(f"Expected: an argument of {list(self.arg_dict)}. Received: {name!r}.")
        if not hasattr(value, "shape"):
            raise ArgumentTypeError(f"Expected: an NDArray or NumPy array for {name!r}. Received: {type(value).__name__}.")
        if tuple(value.shape) != target.shape:
            raise ArgumentError(f"{name}: expected shape {target.shape}, as bound. Received: {tuple(value.shape)}.")
        target[:] = value

    def backward(self, out_grads: Any = None, is_train: bool = True) -> None:
        """Compute the gradients of the last `forward(is_train=True)`.

        out_grads: the gradient by each output (an NDArray, a list or a dict by output name); loss layers need none.
        Raises MXNetError where one is missing, or where no training forward came before.
        """
        if not self._has_run_training:
            raise MXNetError("Expected: forward(is_train=True) before backward(). Received: no such call.")
        given = self._listed(out_grads)
        for index, buffer in enumerate(self._head_grads):
            if buffer is None:
                continue
            grad = given[index] if index < len(given) else None
            if grad is None:
                raise MXNetError(
                    f"Output {index} ({self._symbol.list_outputs()[index]}): expected its gradient in out_grads, since it "
                    "does not come from a loss layer. Received: none."
                )
            self._copy_head_gradient(index, grad, buffer)
        if deferred.outstanding:
            deferred.settle_all()
        for target in self._never_reached:
            target[...] = 0
        self._run(self._plan.backward)

    def _copy_head_gradient(self, index: int, grad: Any, buffer: Any) -> None:
        if tuple(grad.shape) != tuple(buffer.shape):
            raise ArgumentError(
                f"Output {index}: expected a gradient of shape {tuple(buffer.shape)}. Received: {tuple(grad.shape)}."
            )
        wrap(buffer, self._ctx)[:] = grad

    def _listed(self, out_grads: Any) -> list[Any]:
        if out_grads is None:
            return []
        if isinstance(out_grads, dict):
            return [out_grads.get(name) for name in self._symbol.list_outputs()]
        return list(out_grads) if isinstance(out_grads, (list, tuple)) else [out_grads]

    def _run(self, steps: StepList) -> None:
        if self._monitor is not None:
            self._run_watched(steps)
        elif self._ctx.device_typeid == 2:
            with self._ctx.backend.active():
                steps.run(self._plan)
        else:
            steps.run(self._plan)

    def _run_watched(self, steps: StepList) -> None:
        """Run step by step, showing each result to the monitor."""
        for step, node in zip(steps.steps, steps.nodes, strict=True):
            if node is not None and self._monitor_all:
                self._show_inputs(node)
            StepList([step], [node]).run(self._plan)
            if node is not None:
                for index, name in enumerate(node.output_names):
                    self._show(name, self._plan.buffers[id(node), index])

    def _show_inputs(self, node: Node) -> None:
        for name, entry in zip(node.input_names, node.inputs, strict=False):
            self._show(f"{node.name}_{name}", self._plan.buffers[key_of(entry)])

    def _show(self, name: str, buffer: Any) -> None:
        if self._monitor is not None:
            self._monitor(name, wrap(buffer.copy(), self._ctx))

    def set_monitor_callback(self, callback: Callable[[str, NDArray], None] | None, monitor_all: bool = False) -> None:
        """Call `callback(name, array)` with every operator's output while running; monitor_all: with inputs as well."""
        self._monitor = callback
        self._monitor_all = monitor_all

    # ---------------------------------------------------------------- arrays

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
        """Copy values into the arguments and auxiliary states. Raises NameLookupError for a name that is not there,
        unless allow_extra_params."""
        for params, arrays, what in (
            (arg_params, self.arg_dict, "argument"),
            (aux_params or {}, self.aux_dict, "auxiliary state"),
        ):
            for name, value in params.items():
                if name in arrays:
                    value.astype(arrays[name].dtype, copy=False).copyto(arrays[name])
                elif not allow_extra_params:
                    raise NameLookupError(f"Expected: an {what} of {list(arrays)}. Received: {name!r}.")

    def reshape(self, partial_shaping: bool = False, allow_up_sizing: bool = False, **kwargs: Any) -> "Executor":
        """An Executor for other input shapes that shares this one's memory (and parameters, whose shapes must stay).

        partial_shaping: allow arguments that are not named to change shape as well. allow_up_sizing: allow larger ones.
        """
        from mxtrain.executor.binding import rebind

        return rebind(self, partial_shaping, allow_up_sizing, kwargs)

    @property
    def symbol(self) -> Symbol:
        """The bound Symbol."""
        return self._symbol

    @property
    def memory_slots(self) -> list[Any]:
        """The byte buffers that intermediate values share."""
        return self._plan.slots

    def debug_str(self) -> str:
        """The graph and its memory in words."""
        total = sum(slot.nbytes for slot in self._plan.slots)
        return (
            f"{describe(self._symbol.heads)}Total {total / 2**20:.4f} MB allocated for intermediate values "
            f"in {len(self._plan.slots)} buffers\n"
        )


def _spec(entry: Entry, shape: Any, dtype: Any) -> Spec:
    if shape is None or -1 in shape or dtype is None:
        raise ArgumentError(
            f"{entry.node.name}: expected a shape and dtype that follow from the bound arrays. "
            f"Received: shape {shape}, dtype {dtype}."
        )
    return Spec(tuple(shape), dtype)


def _is_view(node: Node) -> bool:
    return node.op is not None and node.op.view


def _copy(target: Any, source: Any) -> None:
    target[...] = source


def _accumulate(target: Any, source: Any) -> None:
    target += source
