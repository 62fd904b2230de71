"""Binding: from a Symbol and arrays (or only shapes) to an Executor."""

from collections.abc import Mapping, Sequence
from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError, NameLookupError
from mxtrain.context import Context
from mxtrain.executor.allocation import Allocator, infer_specs
from mxtrain.executor.argument_storage import infer_argument_storage
from mxtrain.executor.compilation import UnknownSpecError
from mxtrain.executor.dynamic import DynamicExecutor
from mxtrain.executor.executor_type import Executor
from mxtrain.executor.placement import Placement
from mxtrain.ndarray.array_type import NDArray
from mxtrain.symbol.graph import topological
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
    arguments. grad_req: "write", "add" or "null", for all, as a list or by name. group2ctx: the devices that parts of
    the graph run on, by `ctx_group` attribute; arrays may then be on any device, and values are copied to where they
    are read. shared_exec: an Executor whose memory for intermediate values may be used as well (the two must not run
    at once). A graph whose shapes follow from values runs operator by operator.
    Raises ArgumentError or ArgumentTypeError naming the argument that is missing or does not fit.
    """
    arguments, states = _distinct_names(symbol)
    bound = _complete(_by_name(args, arguments, "args"), arguments, "args")
    aux = _complete(_by_name(aux_states or {}, states, "aux_states"), states, "aux_states")
    grads = _by_name(args_grad or {}, arguments, "args_grad")
    reqs = _grad_reqs(grad_req, arguments)
    for name, array in (*bound.items(), *aux.items()):
        if array.context is not ctx and not group2ctx:
            raise ArgumentError(f"{name}: expected an array on {ctx}. Received: one on {array.context}.")
    for name, grad in grads.items():
        _check_gradient(name, grad, bound[name])
    all_grads = {name: grads.get(name) if reqs[name] != "null" else None for name in arguments}
    spare = shared_exec.memory if shared_exec is not None else None
    placement = Placement(ctx, group2ctx)
    try:
        return Executor(symbol, ctx, bound, all_grads, reqs, aux, spare=spare, placement=placement)
    except UnknownSpecError:
        return DynamicExecutor(symbol, ctx, bound, all_grads, reqs, aux, placement=placement)


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

    type_dict: dtypes by name; float32 where nothing can be concluded. stype_dict: storage types by name, before those
    that variables declare; gradients have the storage that follows. group2ctx: see `bind`; an array without a group is
    made where it is read first. shared_exec: an Executor whose arrays (those of shared_arg_names, and all auxiliary
    states) and memory are used again. shared_buffer: arrays by name that are used again where they are large enough,
    and that new ones are put into.
    Raises MXNetError naming the arguments whose shape does not follow.
    """
    _distinct_names(symbol)
    # as in MXNet, keyword arguments that are no shapes do not matter
    shapes = {name: value for name, value in kwargs.items() if isinstance(value, (tuple, list))}
    unknown = set(shapes) - set(symbol.list_inputs())
    if unknown:
        raise NameLookupError(f"Expected: shapes for {symbol.list_inputs()}. Received: {sorted(unknown)}.")
    specs, aux_specs = infer_specs(symbol, shapes, type_dict or {})
    reqs = _grad_reqs(grad_req, list(specs))
    placement = Placement(ctx, group2ctx)
    context_of = _places_by_name(symbol, placement).__getitem__
    storage = infer_argument_storage(symbol, stype_dict or {}, reqs)
    allocator = Allocator(context_of, shared_exec, set(shared_arg_names or ()), shared_buffer, storage)
    args, grads, arenas = allocator.arguments(specs, reqs, inputs=set(shapes))
    aux = {name: allocator.state(name, spec) for name, spec in aux_specs.items()}
    spare = shared_exec.memory if shared_exec is not None else None
    return Executor(symbol, ctx, args, grads, reqs, aux, spare=spare, arenas=arenas, placement=placement)


def _distinct_names(symbol: Symbol) -> tuple[list[str], list[str]]:
    """Names of arguments and auxiliary states. Raises ArgumentError where two variables share one."""
    arguments, states = symbol.list_arguments(), symbol.list_auxiliary_states()
    names = [*arguments, *states]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ArgumentError(f"Expected: variables with different names. Received: several named {twice}.")
    return arguments, states


def _places_by_name(symbol: Symbol, placement: Placement) -> dict[str, Context]:
    """Where the array of each variable lives. Raises ArgumentError for a group without a context."""
    places = placement.of_forward(symbol.heads)
    return {node.name: places[id(node)] for node in topological(symbol.heads) if node.is_variable}


def _check_gradient(name: str, grad: Any, argument: NDArray) -> None:
    if grad is None:
        return
    if not isinstance(grad, NDArray):
        raise ArgumentTypeError(f"args_grad[{name!r}]: expected an NDArray. Received: {type(grad).__name__}.")
    if grad.shape != argument.shape or grad.context is not argument.context:
        raise ArgumentError(
            f"args_grad[{name!r}]: expected shape {argument.shape} on {argument.context}, as its argument. "
            f"Received: {grad.shape} on {grad.context}."
        )


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
    """What happens to the gradient of each argument, "null" for those that a dict leaves out."""
    if isinstance(grad_req, str):
        reqs = dict.fromkeys(names, grad_req)
    elif isinstance(grad_req, Mapping):
        reqs = {name: grad_req.get(name, "null") for name in names}
    elif isinstance(grad_req, (list, tuple)) and len(grad_req) == len(names):
        reqs = dict(zip(names, grad_req, strict=True))
    else:
        raise ArgumentError(f"grad_req: expected a string, or {len(names)} of them. Received: {grad_req!r}.")
    wrong = {req for req in reqs.values() if req not in GRAD_REQS}
    if wrong:
        raise ArgumentError(f"grad_req: expected one of {list(GRAD_REQS)}. Received: {sorted(map(str, wrong))}.")
    return reqs
