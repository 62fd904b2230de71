"""The functions of `mx.nd`: one per operator, made from its declaration."""

from collections.abc import Callable, Sequence
from typing import Any

from mxtrain.base import ArgumentTypeError
from mxtrain.context import Context
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.invoke import invoke
from mxtrain.ops.operator import Operator
from mxtrain.ops.signature import bind, python_signature, select_inputs

CACHE_SIZE = 256


class ParameterCache:
    """Parsed parameters of an operator's calls, so that equal calls are parsed once."""

    def __init__(self, op: Operator) -> None:
        self._op = op
        self._found: dict[Any, dict[str, Any]] = {}
        self._counts: dict[int, int] = {}  # by the id of parameters that are kept in `_found`: how many inputs they use

    def parse(self, values: Sequence[Any], named: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
        """The parsed parameters of a call that gives `values` for the first of `names`, and others by name."""
        key: Any = (values, *named.items()) if named else values
        try:
            return self._found[key]
        except (KeyError, TypeError):  # TypeError: an unhashable value
            return self._parse(key, values, named, names)

    def takes_first(self, params: dict[str, Any], count: int) -> bool:
        """Whether parameters that `parse` gave put just the first `count` of the operator's inputs in use."""
        found = self._counts.get(id(params))
        if found is None:
            names = self._op.all_inputs(params)
            found = len(names) if names == self._op.input_names[: len(names)] else -1
            if len(self._counts) < CACHE_SIZE and any(params is known for known in self._found.values()):
                self._counts[id(params)] = found
        return found == count

    def _parse(self, key: Any, values: Sequence[Any], named: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
        if len(values) > len(names):
            raise ArgumentTypeError(
                f"Operator {self._op.name!r}: expected at most {len(names)} parameters. Received: {len(values)}."
            )
        given = dict(zip(names, values, strict=False))
        twice = sorted(given.keys() & named.keys())
        if twice:
            raise ArgumentTypeError(
                f"Operator {self._op.name!r}: received {twice[0]!r} twice, by position and by name."
            )
        parsed = self._op.parse({**given, **named})
        if len(self._found) < CACHE_SIZE and _is_cacheable((*values, *named.values())):
            self._found[key] = parsed
        return parsed


def _is_cacheable(values: Sequence[Any]) -> bool:
    """Whether a later, equal key means the same: not so for zeros (0.0 == -0.0) and for what cannot be hashed."""
    try:
        hash(tuple(values))
    except TypeError:
        return False
    return not any(isinstance(value, float) and value == 0 for value in values)


def make_function(op: Operator, public_name: str) -> Callable[..., Any]:
    """The imperative function of an operator."""
    cache = ParameterCache(op)
    parameters = tuple(op.params)
    # of an operator that always takes the same inputs: their number
    fixed = 0 if op.variadic or op.choose_inputs is not None else len(op.input_names)
    chooses = not op.variadic and op.choose_inputs is not None
    no_inputs = not op.variadic and not op.input_names
    input_names = frozenset(op.input_names)

    def function(*args: Any, out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
        inputs = args[:fixed]
        if fixed and len(inputs) == fixed and "state" not in kwargs:
            for array in inputs:
                if not isinstance(array, NDArray):
                    break
            else:  # the common form: all arrays, then parameters
                return invoke(op, inputs, cache.parse(args[fixed:], kwargs, parameters), out)
        elif no_inputs and not args and "ctx" not in kwargs and "state" not in kwargs:
            return invoke(op, (), cache.parse((), kwargs, ()), out)
        elif chooses and args and "state" not in kwargs and _are_arrays(args) and input_names.isdisjoint(kwargs):
            params = cache.parse((), kwargs, ())
            if cache.takes_first(params, len(args)):
                return invoke(op, args, params, out, in_order=True)
        return _general_call(op, cache, args, out, kwargs)

    function.__name__ = function.__qualname__ = public_name
    function.__doc__ = op.doc
    function.__module__ = "mxtrain.ndarray"
    function.__signature__ = python_signature(op)  # type: ignore[attr-defined]
    return function


def _are_arrays(values: Sequence[Any]) -> bool:
    for value in values:  # `all` over a generator takes three times as long  # noqa: SIM110
        if not isinstance(value, NDArray):
            return False
    return True


def _general_call(op: Operator, cache: ParameterCache, args: Any, out: Any, kwargs: dict[str, Any]) -> Any:
    """A call with inputs by name, optional inputs, any number of them or none, or a given state."""
    inputs, given = bind(op, args, kwargs, NDArray)
    ctx = given.pop("ctx", None)
    state = given.pop("state", None)
    params = cache.parse((), given, ())
    selected = select_inputs(op, inputs, params)
    if any(array is None for array in selected):
        raise _missing_input(op, selected, params)
    if state is not None:
        params = {**params, "state": state}
    if ctx is None or selected:
        return invoke(op, selected, params, out)
    with ctx if isinstance(ctx, Context) else _context_from_text(str(ctx)):
        return invoke(op, selected, params, out)


def _missing_input(op: Operator, selected: list[Any], params: dict[str, Any]) -> ArgumentTypeError:
    names = op.all_inputs(params)
    missing = [name for name, value in zip(names, selected, strict=True) if value is None]
    return ArgumentTypeError(f"Operator {op.name!r}: expected the inputs {names}. Received: no {', '.join(missing)}.")


def _context_from_text(text: str) -> Context:
    """The Context that a string such as "cpu(0)" names (how JSON writes it)."""
    kind, _, number = text.rstrip(")").partition("(")
    return Context(kind, int(number or 0))
