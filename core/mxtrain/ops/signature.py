"""How a call of an operator, `f(*args, **kwargs)`, is sorted into inputs and parameters."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from mxtrain.base import ArgumentTypeError
from mxtrain.ops.operator import Operator
from mxtrain.ops.parameters import REQUIRED, unknown_parameter


def bind(op: Operator, args: Sequence[Any], kwargs: Mapping[str, Any], array_type: type) -> tuple[list[Any], dict]:
    """The inputs in forward's order (None where not given) and the raw parameters of a call.

    Positional arguments are the inputs, then the parameters, in the order of the declaration; a variadic operator takes
    all positional arrays (or one list of them) as inputs. Raises ArgumentTypeError for an argument too many, an unknown
    name or an input of the wrong type.
    """
    if op.variadic:
        return _bind_variadic(op, args, kwargs, array_type)
    names = (*op.input_names, *op.params)
    if len(args) > len(names):
        raise ArgumentTypeError(
            f"Operator {op.name!r}: expected at most {len(names)} arguments. Received: {len(args)}."
        )
    given = {name: value for name, value in zip(names, args, strict=False) if value is not None}
    for name, value in kwargs.items():
        if name in given:
            raise ArgumentTypeError(f"Operator {op.name!r}: received {name!r} twice, by position and by name.")
        given[name] = value
    inputs = [given.pop(name, None) for name in op.input_names]
    for name, value in zip(op.input_names, inputs, strict=True):
        if value is not None and not isinstance(value, array_type):
            raise _wrong_input(op, name, value, array_type)
    return inputs, given


def _bind_variadic(
    op: Operator, args: Sequence[Any], kwargs: Mapping[str, Any], array_type: type
) -> tuple[list[Any], dict]:
    inputs: list[Any] = []
    rest = list(args)
    if len(rest) >= 1 and isinstance(rest[0], (list, tuple)):
        inputs, rest = list(rest[0]), rest[1:]
    else:
        while rest and isinstance(rest[0], array_type):
            inputs.append(rest.pop(0))
    given = dict(kwargs)
    named = {name: given.pop(name) for name in list(given) if isinstance(given[name], array_type)}
    inputs += _in_declared_order(op, named, given, len(inputs))
    parameters = [name for name in op.params if name != op.count]
    if len(rest) > len(parameters):
        raise _wrong_input(op, f"argument {len(inputs)}", rest[0], array_type)
    given.update(zip(parameters, rest, strict=False))
    for position, value in enumerate(inputs):
        if value is not None and not isinstance(value, array_type):
            raise _wrong_input(op, f"argument {position}", value, array_type)
    given[op.count] = len(inputs)
    return inputs, given


def _in_declared_order(op: Operator, named: dict[str, Any], given: Mapping[str, Any], taken: int) -> list[Any]:
    """Inputs given by name: in the order in which an operator that names its inputs lists them, else as given."""
    if op.choose_inputs is None or not named:
        return list(named.values())
    names = op.all_inputs(op.parse(given))[taken:]
    unknown = [name for name in named if name not in names]
    if unknown:
        raise unknown_parameter(op.name, unknown[0], names)
    return [named.get(name) for name in names]


def _wrong_input(op: Operator, name: str, value: Any, array_type: type) -> ArgumentTypeError:
    if isinstance(value, (bool, int, float, str)) and name not in op.input_names:
        return unknown_parameter(op.name, name, op.params)
    return ArgumentTypeError(
        f"Operator {op.name!r}: expected {name} to be a {array_type.__name__}. Received: {type(value).__name__}."
    )


def select_inputs(op: Operator, inputs: Sequence[Any], params: Mapping[str, Any]) -> list[Any]:
    """The inputs that are in use under these parameters, auxiliary states last; None where one was not given.

    Raises ArgumentTypeError for an input that the parameters switch off.
    """
    if op.variadic:
        return list(inputs)
    names = op.all_inputs(params)
    given = dict(zip(op.input_names, inputs, strict=True))
    for name, value in given.items():
        if value is not None and name not in names:
            raise ArgumentTypeError(
                f"Operator {op.name!r}: expected the inputs {list(names)} with these parameters. "
                f"Received: {name!r} too."
            )
    return [given[name] for name in names]


def python_signature(op: Operator) -> inspect.Signature:
    """The signature that the generated functions show."""
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    if op.variadic:
        parameters = [inspect.Parameter("data", inspect.Parameter.VAR_POSITIONAL)]
        kind = inspect.Parameter.KEYWORD_ONLY
    else:
        parameters = [inspect.Parameter(name, kind, default=None) for name in op.input_names]
    for name, parameter in op.params.items():
        default = None if parameter.default is REQUIRED else parameter.default
        parameters.append(inspect.Parameter(name, kind, default=default, annotation=parameter.annotation))
    present = {p.name for p in parameters}
    for name in ("out", "name"):
        if name not in present:
            parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None))
    parameters.append(inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD))
    return inspect.Signature(parameters)
