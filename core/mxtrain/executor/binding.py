"""Binding: from a Symbol and arrays (or only shapes) to an Executor."""

from collections.abc import Mapping, Sequence
from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError, NameLookupError
from mxtrain.context import Context
from mxtrain.executor.arena import Arena, allocate_arena, by_dtype
from mxtrain.executor.executor_type import Executor
from mxtrain.executor.memory import Spec
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.creation import zeros
from mxtrain.symbol.graph import Entry, auxiliary
from mxtrain.symbol.infer import as_partial, fill_default_type, infer_shapes
from mxtrain.symbol.symbol_type import Symbol

GRAD_REQS = ("write", "add", "null")


def bind(
    symbol: Symbol,
    ctx: Context,
    args: Any,
    args_grad: Any = None,
    grad_req: Any = "write",
    aux_states: Any = None,
    group2ctx: Mapping[str, Context] | None = None,
    shared_exec: Executor | None = None,
) -> Executor:
    """An Executor over given arrays.

    args, args_grad, aux_states: lists in the order of the symbol's lists, or dicts by name; args_grad may leave out
    arguments. grad_req: "write", "add" or "null", for all, as a list or by name. shared_exec: an Executor whose buffers
    for intermediate values may be used as well (the two must not run at once).
    Raises ArgumentError or ArgumentTypeError naming the argument that is missing or does not fit.
    """
    arguments = symbol.list_arguments()
    states = symbol.list_auxiliary_states()
    bound = _complete(_by_name(args, arguments, "args"), arguments, "args")
    aux = _complete(_by_name(aux_states or {}, states, "aux_states"), states, "aux_states")
    grads = _by_name(args_grad or {}, arguments, "args_grad")
    reqs = _grad_reqs(grad_req, arguments)
    for name, grad in grads.items():
        if grad is not None and grad.shape != bound[name].shape:
            raise ArgumentError(
                f"args_grad[{name!r}]: expected shape {bound[name].shape}, as its argument. Received: {grad.shape}."
            )
    for name, array in (*bound.items(), *aux.items()):
        if array.context is not ctx and not group2ctx:
            raise ArgumentError(f"{name}: expected an array on {ctx}. Received: one on {array.context}.")
    all_grads = {name: grads.get(name) if reqs[name] != "null" else None for name in arguments}
    spare = shared_exec.memory_slots if shared_exec is not None else ()
    return Executor(symbol, ctx, bound, all_grads, reqs, aux, spare=spare)


def simple_bind(
    symbol: Symbol,
    ctx: Context,
    grad_req: Any = "write",
    type_dict: Mapping[str, Any] | None = None,
    stype_dict: Mapping[str, str] | None = None,
    group2ctx: Mapping[str, Context] | None = None,
    shared_arg_names: Sequence[str] | None = None,
    shared_exec: Executor | None = None,
    shared_buffer: dict[str, NDArray] | None = None,
    **kwargs: Any,
) -> Executor:
    """An Executor whose arrays are allocated here, all zero. kwargs: shapes of inputs by name.

    type_dict: dtypes by name; float32 where nothing can be concluded. shared_exec: an Executor whose arrays (those of
    shared_arg_names, and all auxiliary states) and buffers are used again. shared_buffer: arrays by name that are used again
    where they are large enough, and that new ones are put into.
    Raises MXNetError naming the arguments whose shape does not follow.
    """
    unknown = set(kwargs) - set(symbol.list_inputs())
    if unknown:
        raise NameLookupError(f"Expected: shapes for {symbol.list_inputs()}. Received: {sorted(unknown)}.")
    specs, aux_specs = _infer_specs(symbol, kwargs, type_dict or {})
    reqs = _grad_reqs(grad_req, list(specs))
    allocator = _Allocator(ctx, shared_exec, set(shared_arg_names or ()), shared_buffer)
    args, grads, arenas = allocator.arguments(specs, reqs, inputs=set(kwargs))
    aux = {name: allocator.state(name, spec) for name, spec in aux_specs.items()}
    spare = shared_exec.memory_slots if shared_exec is not None else ()
    return Executor(symbol, ctx, args, grads, reqs, aux, spare=spare, arenas=arenas)


def rebind(executor: Executor, partial_shaping: bool, allow_up_sizing: bool, shapes: Mapping[str, Any]) -> Executor:
    """`Executor.reshape`: an Executor for other input shapes over the same memory."""
    symbol, ctx = executor.symbol, executor._ctx
    unknown = set(shapes) - set(executor.arg_dict)
    if unknown:
        raise NameLookupError(f"Expected: arguments of {list(executor.arg_dict)}. Received: {sorted(unknown)}.")
    types = {name: array.dtype for name, array in (*executor.arg_dict.items(), *executor.aux_dict.items())}
    specs, aux_specs = _infer_specs(symbol, shapes, types)
    args, grads = {}, {}
    for name, spec in specs.items():
        old = executor.arg_dict[name]
        _check_change(name, old.shape, spec.shape, name in shapes or partial_shaping, allow_up_sizing)
        args[name] = _resized(old, spec, ctx)
        old_grad = executor.grad_dict.get(name)
        grads[name] = None if old_grad is None else _resized(old_grad, spec, ctx)
    aux = {}
    for name, spec in aux_specs.items():
        old = executor.aux_dict[name]
        _check_change(name, old.shape, spec.shape, partial_shaping, allow_up_sizing)
        aux[name] = _resized(old, spec, ctx)
    return Executor(symbol, ctx, args, grads, executor._grad_req, aux, spare=executor.memory_slots)


def _check_change(name: str, old: tuple[int, ...], new: tuple[int, ...], allowed: bool, up_sizing: bool) -> None:
    if old == new:
        return
    if not allowed:
        raise ArgumentError(
            f"{name}: expected to keep its shape {old}. Received: {new}. Pass partial_shaping=True if it may change."
        )
    if _count(new) > _count(old) and not up_sizing:
        raise ArgumentError(
            f"{name}: expected at most {_count(old)} elements. Received: shape {new}. Pass allow_up_sizing=True."
        )


def _count(shape: Sequence[int]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _resized(array: NDArray, spec: Spec, ctx: Context) -> NDArray:
    """The array itself, a view of its front, or a new larger one."""
    if array.shape == spec.shape:
        return array
    if _count(spec.shape) <= array.size:
        return array.view(array._data.reshape(-1)[: _count(spec.shape)].reshape(spec.shape))
    return zeros(spec.shape, ctx, spec.dtype)


def _infer_specs(
    symbol: Symbol, shapes: Mapping[str, Any], types: Mapping[str, Any]
) -> tuple[dict[str, Spec], dict[str, Spec]]:
    """Specs of arguments and of auxiliary states."""
    found = infer_shapes(symbol.heads, {name: as_partial(shape) for name, shape in shapes.items()})
    dtypes = fill_default_type(symbol.heads, types)
    aux = auxiliary(found.order)
    variables = [node for node in found.order if node.is_variable]
    missing = [f"{node.name}: {found.get(Entry(node))}" for node in variables if not _complete_shape(found.get(Entry(node)))]
    if missing:
        raise MXNetError(
            "Expected: shapes that decide all others. Received: too few; these remain unknown (-1: an unknown size): "
            f"{', '.join(missing)}. Give them as keyword arguments."
        )
    specs = {node.name: Spec(found.get(Entry(node)), dtypes.get(Entry(node))) for node in variables}
    states = {node.name for node in variables if id(node) in aux}
    return (
        {name: spec for name, spec in specs.items() if name not in states},
        {name: spec for name, spec in specs.items() if name in states},
    )


def _complete_shape(shape: Any) -> bool:
    return shape is not None and -1 not in shape


class _Allocator:
    """Finds or makes the arrays of a `simple_bind`."""

    def __init__(
        self, ctx: Context, shared_exec: Executor | None, shared_names: set[str], pool: dict[str, NDArray] | None
    ) -> None:
        self._ctx = ctx
        self._shared = shared_exec
        self._shared_names = shared_names
        self._pool = pool

    def arguments(
        self, specs: Mapping[str, Spec], reqs: Mapping[str, str], inputs: set[str]
    ) -> tuple[dict[str, NDArray], dict[str, NDArray | None], list[Arena]]:
        """Arrays and gradients of all arguments; parameters lie in arenas, one per dtype."""
        found = {name: array for name in specs if (array := self._shared_argument(name, specs[name])) is not None}
        grads: dict[str, NDArray | None] = {name: None for name in specs}
        if self._shared is not None:
            grads.update({name: self._shared.grad_dict.get(name) for name in found})
        parameters = {
            name: spec for name, spec in specs.items() if name not in found and name not in inputs and reqs[name] != "null"
        }
        arenas = []
        # Weight decay usually spares biases and the like: parameters that are updated alike lie side by side.
        in_order = dict(sorted(parameters.items(), key=lambda item: not item[0].endswith(("_weight", "_gamma"))))
        for group in by_dtype(in_order).values():
            weights, arrays = allocate_arena(self._ctx, group)
            flat_grads, grad_arrays = allocate_arena(self._ctx, group)
            found.update(arrays)
            grads.update(grad_arrays)
            arenas.append(Arena(list(group), weights, flat_grads))
        for name, spec in specs.items():
            if name not in found:
                found[name] = self._pooled(name, spec)
            if reqs[name] != "null" and grads[name] is None:
                grads[name] = zeros(spec.shape, self._ctx, spec.dtype)
        return {name: found[name] for name in specs}, grads, arenas

    def _shared_argument(self, name: str, spec: Spec) -> NDArray | None:
        if self._shared is None or name not in self._shared_names or name not in self._shared.arg_dict:
            return None
        array = self._shared.arg_dict[name]
        if array.shape != spec.shape:
            raise ArgumentError(f"{name}: expected the shared shape {array.shape}. Received: {spec.shape}.")
        return array

    def _pooled(self, name: str, spec: Spec) -> NDArray:
        """An array from the shared buffer where it is large enough, else a new one, which goes there."""
        if self._pool is None:
            return zeros(spec.shape, self._ctx, spec.dtype)
        old = self._pool.get(name)
        if old is not None and old._data.dtype == spec.dtype and old.size >= _count(spec.shape):
            return _resized(old, spec, self._ctx)
        array = zeros(spec.shape, self._ctx, spec.dtype)
        self._pool[name] = array
        return array

    def state(self, name: str, spec: Spec) -> NDArray:
        """The array of an auxiliary state."""
        shared = self._shared.aux_dict.get(name) if self._shared is not None else None
        if shared is not None and shared.shape == spec.shape:
            return shared
        return zeros(spec.shape, self._ctx, spec.dtype)


def _by_name(arrays: Any, names: Sequence[str], what: str) -> dict[str, Any]:
    if isinstance(arrays, Mapping):
        return {name: arrays[name] for name in names if name in arrays}
    if not isinstance(arrays, (list, tuple)):
        raise ArgumentTypeError(f"{what}: expected a list or a dict of NDArrays. Received: {type(arrays).__name__}.")
    if len(arrays) != len(names):
        raise ArgumentError(f"{what}: expected {len(names)} arrays, for {list(names)}. Received: {len(arrays)}.")
    return dict(zip(names, arrays, strict=True))


def _complete(found: Mapping[str, Any], names: Sequence[str], what: str) -> dict[str, NDArray]:
    missing = [name for name in names if not isinstance(found.get(name), NDArray)]
    if missing:
        raise ArgumentError(f"{what}: expected an NDArray for each of {list(names)}. Received: none for {missing}.")
    return {name: found[name] for name in names}


def _grad_reqs(grad_req: Any, names: Sequence[str]) -> dict[str, str]:
    if isinstance(grad_req, str):
        reqs = dict.fromkeys(names, grad_req)
    elif isinstance(grad_req, Mapping):
        reqs = {name: grad_req.get(name, "null") for name in names}
    elif len(grad_req) == len(names):
        reqs = dict(zip(names, grad_req, strict=True))
    else:
        raise ArgumentError(f"grad_req: expected {len(names)} values, one per argument. Received: {len(grad_req)}.")
    wrong = {req for req in reqs.values() if req not in GRAD_REQS}
    if wrong:
        raise ArgumentError(f"grad_req: expected one of {list(GRAD_REQS)}. Received: {sorted(map(str, wrong))}.")
    return reqs


