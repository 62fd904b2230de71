"""`CachedOp`: a Symbol as a function of NDArrays, compiled once for each kind of input."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.context import Context, current_context
from mxtrain.executor.compilation import UnknownSpecError
from mxtrain.executor.compiled_call import CompiledCall
from mxtrain.executor.executor_type import optimized
from mxtrain.executor.imperative_run import run_imperatively
from mxtrain.ndarray import recording
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ops.parameters import Shape, parse_params, read_parameter
from mxtrain.symbol.graph import Entry, topological
from mxtrain.symbol.symbol_type import Symbol

MAX_KINDS = 32  # kinds of inputs whose compiled forms are kept
MAX_IDLE = 4  # compiled forms kept per kind: as many calls may wait for their backward at once without a new one
FLAGS = {
    name: read_parameter(name, type(default), default)
    for name, default in {
        "static_alloc": False,
        "static_shape": False,
        "is_dynamic": False,
        "inline_limit": 2,
        "forward_bulk_size": 15,
        "backward_bulk_size": 15,
        "data_indices": Shape(),
        "param_indices": Shape(),
    }.items()
}


class CachedOp:
    """A Symbol as a function: `op(*arrays)` takes an NDArray per input, in the order of `sym.list_inputs()`.

    flags: pairs of a name and a value. is_dynamic runs the graph operator by operator; param_indices names the inputs
    that are the same arrays in every call, which saves copying them; the others are accepted and have no effect.
    Calls are recorded by autograd, to any order. Several threads may call at once.
    Raises ArgumentTypeError for an unknown flag and ArgumentError for variables that share a name.
    """

    is_np_sym = False

    def __init__(self, sym: Symbol, flags: Iterable[tuple[str, Any]] = ()) -> None:
        given = parse_params("CachedOp", FLAGS, dict(flags))
        self._heads = optimized(sym.heads)
        self._variables = [node for node in topological(sym.heads) if node.is_variable]
        names = [node.name for node in self._variables]
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ArgumentError(f"Expected: variables with different names. Received: several named {twice}.")
        self._symbol = sym
        self._random = [node for node in topological(self._heads) if node.op is not None and "rng" in node.op.runtime]
        changed = _changed_variables(self._heads)
        self._changed = [id(node) in changed for node in self._variables]
        fixed = set(given["param_indices"])
        self._bound = [i in fixed or is_changed for i, is_changed in enumerate(self._changed)]
        self._compiled: OrderedDict[Any, list[CompiledCall]] = OrderedDict()
        self._dynamic = given["is_dynamic"]
        self._lock = threading.Lock()
        self._watch: tuple[Callable[..., Any], bool] | None = None

    def __call__(self, *args: NDArray, out: Any = None, default_ctx: Context | None = None) -> Any:
        """The outputs for the inputs: one NDArray, or a list.

        out: arrays to write the outputs to. default_ctx: where a graph without inputs runs. Raises ArgumentError or
        ArgumentTypeError naming the input that is missing or does not fit.
        """
        self._check(args)
        outputs = self._run(args, default_ctx)
        if out is None:
            return outputs[0] if len(outputs) == 1 else outputs
        targets = list(out) if isinstance(out, (list, tuple)) else [out]
        if len(targets) != len(outputs):
            raise ArgumentError(f"out: expected {len(outputs)} arrays, one per output. Received: {len(targets)}.")
        for output, target in zip(outputs, targets, strict=True):
            output.copyto(target)
        return out

    def _register_op_hook(self, callback: Callable[[bytes, bytes, NDArray], Any], monitor_all: bool = False) -> None:
        """Call `callback(name, operator, array)` with each operator's outputs; monitor_all: with its inputs, too.

        From now on the graph runs operator by operator. The names are bytes, as in MXNet.
        """
        self._watch = callback, monitor_all

    def get_optimized_symbol(self) -> Symbol:
        """The graph that runs: the Symbol after the passes that save work."""
        return Symbol(self._heads)

    @property
    def handle(self) -> int:
        """A number that identifies the CachedOp in this process (MXNet's C handle)."""
        return id(self)

    def _check(self, args: Sequence[Any]) -> None:
        if len(args) != len(self._variables):
            names = [node.name for node in self._variables]
            raise ArgumentError(f"CachedOp: expected {len(names)} inputs, for {names}. Received: {len(args)}.")
        for node, array in zip(self._variables, args, strict=True):
            if not isinstance(array, NDArray):
                raise ArgumentTypeError(f"{node.name}: expected an NDArray. Received: {type(array).__name__}.")
            if array._ctx is not args[0]._ctx and "gpu" in (array._ctx.device_type, args[0]._ctx.device_type):
                raise ArgumentError(
                    f"{node.name}: expected an array on {args[0]._ctx}, as the first input. "
                    f"Received: one on {array._ctx}."
                )

    def _run(self, args: Sequence[NDArray], default_ctx: Context | None) -> list[NDArray]:
        if not self._dynamic and self._watch is None and all(array.stype == "default" for array in args):
            try:
                return self._run_compiled(args, default_ctx)
            except UnknownSpecError:  # shapes that follow from values
                self._dynamic = True
        arrays = {id(node): array for node, array in zip(self._variables, args, strict=True)}
        if self._watch is None:
            return run_imperatively(self._heads, arrays)
        callback, monitor_all = self._watch
        return run_imperatively(
            self._heads,
            arrays,
            watch=lambda name, op, array: callback(name.encode(), op.encode(), array),
            watch_inputs=monitor_all,
        )

    def _run_compiled(self, args: Sequence[NDArray], default_ctx: Context | None) -> list[NDArray]:
        mode = recording.mode
        ctx = args[0]._ctx if args else default_ctx or current_context()
        wanted = tuple(mode.recording and array._entry is not None for array in args)
        key = (ctx, mode.training, wanted, *map(_kind, args, self._bound))
        lease = _Lease(self, key, self._take(key, ctx, args, wanted))
        outputs = lease.compiled.forward(args)
        if any(wanted):
            recording.tape.record(_CallOnTape(self, len(outputs)), {}, args, outputs, mode.training, lease)
        return outputs

    def _take(self, key: Any, ctx: Context, args: Sequence[NDArray], wanted: Sequence[bool]) -> CompiledCall:
        """A compiled form that no other call uses."""
        with self._lock:
            idle = self._compiled.get(key)
            if idle:
                self._compiled.move_to_end(key)
                return idle.pop()
        kept = self._values_drawn() if any(wanted) else ()
        return CompiledCall(ctx, self._heads, self._variables, args, self._bound, wanted, recording.mode.training, kept)

    def _give_back(self, key: Any, compiled: CompiledCall) -> None:
        with self._lock:
            idle = self._compiled.setdefault(key, [])
            if len(idle) < MAX_IDLE:
                idle.append(compiled)
            if len(self._compiled) > MAX_KINDS:
                self._compiled.popitem(last=False)

    def _values_drawn(self) -> list[Entry]:
        return [Entry(node, index) for node in self._random for index in range(node.num_outputs)]

    def run_again(self, args: Sequence[NDArray], compiled: CompiledCall) -> list[NDArray]:
        """The outputs once more, operator by operator, with the random numbers of the compiled run."""
        drawn = {
            node: [compiled.value(Entry(node, index)) for index in range(node.num_outputs)] for node in self._random
        }
        arrays = {
            # states have been updated already: let copies take what comes
            id(node): array.copy() if is_changed else array
            for node, array, is_changed in zip(self._variables, args, self._changed, strict=True)
        }
        return run_imperatively(self._heads, arrays, drawn)


class _Lease:
    """A compiled form in use by a call, until that call is forgotten."""

    __slots__ = ("_key", "_owner", "compiled")

    def __init__(self, owner: CachedOp, key: Any, compiled: CompiledCall) -> None:
        self._owner = owner
        self._key = key
        self.compiled = compiled

    def __del__(self) -> None:
        self._owner._give_back(self._key, self.compiled)


class _CallOnTape:
    """A call of a CachedOp in the place of an operator on the tape."""

    choose_inputs = None
    composition = None
    gradient_runtime = frozenset(("state", "is_train"))
    name = "CachedOp"

    def __init__(self, cached_op: CachedOp, num_outputs: int) -> None:
        self.cached_op = cached_op
        self.single_output = num_outputs == 1

    def __repr__(self) -> str:
        return f"<CachedOp of {self.cached_op._symbol!r}>"

    def arrange(self, arrays: Any, params: Any) -> Any:
        return arrays

    def call_params(self, params: Any) -> dict[str, Any]:
        return {}

    def gradient(self, F: Any, gy: Any, y: Any, *inputs: NDArray, state: _Lease, is_train: bool) -> Any:
        """The gradients by the inputs, compiled; where they are recorded, or asked for again, operator by operator."""
        head_grads = [gy] if self.single_output else gy
        if state.compiled.can_differentiate and not recording.mode.recording:
            return state.compiled.backward(head_grads)
        return recording.tape.gradients_through(
            lambda *arrays: self.cached_op.run_again(arrays, state.compiled), inputs, head_grads, is_train=is_train
        )


def _changed_variables(heads: Sequence[Entry]) -> set[int]:
    """ids of the variables that some operator writes."""
    found: set[int] = set()
    for node in topological(heads):
        changed = node.op.changed(node.params) if node.op is not None else ()
        found.update(
            id(entry.node) for name, entry in zip(node.input_names, node.inputs, strict=False) if name in changed
        )
    return found


def _kind(array: NDArray, is_bound: bool) -> Any:
    """What a compiled form depends on of an input: the array itself where the plan works on it."""
    data = array._data
    return (id(data), array._ctx) if is_bound else (data.shape, data.dtype)
