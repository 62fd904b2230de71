"""The functions of `mx.nd`: one per operator, made from its declaration."""

from collections.abc import Callable
from typing import Any

from mxtrain.base import ArgumentTypeError
from mxtrain.context import Context
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.invoke import invoke
from mxtrain.ops.operator import Operator
from mxtrain.ops.signature import bind, python_signature, select_inputs

_NO_PARAMS: dict[str, Any] = {}


def make_function(op: Operator, public_name: str) -> Callable[..., Any]:
    """The imperative function of an operator."""
    plain = not op.params and not op.variadic and op.choose_inputs is None
    cache: dict[Any, dict[str, Any]] = {}
    required = len(op.input_names)

    def function(*args: Any, out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
        if plain and not kwargs and len(args) == required and all(isinstance(arg, NDArray) for arg in args):
            return invoke(op, args, _NO_PARAMS, out)
        return _general_call(op, cache, args, out, kwargs)

    function.__name__ = function.__qualname__ = public_name
    function.__doc__ = op.doc
    function.__module__ = "mxtrain.ndarray"
    function.__signature__ = python_signature(op)  # type: ignore[attr-defined]
    return function


def _general_call(op: Operator, cache: dict[Any, dict[str, Any]], args: Any, out: Any, kwargs: dict[str, Any]) -> Any:
    inputs, given = bind(op, args, kwargs, NDArray)
    ctx = given.pop("ctx", None)
    state = given.pop("state", None)
    params = _parsed(op, cache, given)
    selected = select_inputs(op, inputs, params)
    if None in [None if x is None else 0 for x in selected]:
        raise _missing_input(op, selected, params)
    if state is not None:
        params = {**params, "state": state}
    if ctx is None or selected:
        return invoke(op, selected, params, out)
    with ctx if isinstance(ctx, Context) else _context_from_text(str(ctx)):
        return invoke(op, selected, params, out)


def _parsed(op: Operator, cache: dict[Any, dict[str, Any]], given: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a call; calls with equal ones are parsed once (floats aside: 0.0 == -0.0)."""
    if not given:
        key: Any = None
    else:
        values = tuple(given.values())
        kinds = tuple(map(type, values))
        if float in kinds or list in kinds:
            return op.parse(given)
        key = (tuple(given), values, kinds)
    try:
        found = cache.get(key)
    except TypeError:  # an unhashable value
        return op.parse(given)
    if found is None:
        found = op.parse(given)
        if len(cache) < 256:
            cache[key] = found
    return found


def _missing_input(op: Operator, selected: list[Any], params: dict[str, Any]) -> ArgumentTypeError:
    names = op.all_inputs(params)
    missing = [name for name, value in zip(names, selected, strict=True) if value is None]
    return ArgumentTypeError(f"Operator {op.name!r}: expected the inputs {names}. Received: no {', '.join(missing)}.")


def _context_from_text(text: str) -> Context:
    """The Context that a string such as "cpu(0)" names (how JSON writes it)."""
    kind, _, number = text.rstrip(")").partition("(")
    return Context(kind, int(number or 0))
