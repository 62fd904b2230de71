"""Names of all operators, and what each takes."""

import typing
from typing import NamedTuple

from mxtrain.dtypes import TYPE_FLAGS, dtype_name
from mxtrain.ops import find, names
from mxtrain.ops.parameters import REQUIRED, DType, Floats, OptionalInts, Parameter, Shape, format_value


class OperatorArguments(NamedTuple):
    """What an operator takes. narg: how many. names: inputs, then parameters. types: in MXNet's words."""

    narg: int
    names: list[str]
    types: list[str]


_KINDS = {
    bool: "boolean",
    float: "float",
    int: "int",
    str: "string",
    Shape: "Shape(tuple)",
    OptionalInts: "Shape(tuple)",
    Floats: "tuple of <float>",
}


def get_all_registered_operators() -> list[str]:
    """Names and aliases of all operators, sorted."""
    return names()


def get_operator_arguments(op_name: str) -> OperatorArguments:
    """What an operator takes. Raises NameLookupError for a name that no operator has."""
    op = find(op_name)
    array = "NDArray-or-Symbol"
    inputs = {"data": f"{array}[]"} if op.variadic else dict.fromkeys(op.input_names, array)
    types = {**inputs, **{name: _describe(parameter) for name, parameter in op.params.items()}}
    return OperatorArguments(len(types), list(types), list(types.values()))


def _describe(parameter: Parameter) -> str:
    """A parameter's type and default, such as "int, optional, default='1'"."""
    kind = _kind(parameter)
    if parameter.default is REQUIRED:
        return f"{kind}, required"
    default = int(parameter.default) if isinstance(parameter.default, bool) else f"'{format_value(parameter.default)}'"
    return f"{kind}, optional, default={default}"


def _kind(parameter: Parameter) -> str:
    if parameter.annotation is DType or typing.get_origin(parameter.annotation) is typing.Literal:
        options = parameter.choices or [dtype_name(kind) for kind in TYPE_FLAGS.values()]
        listed = ", ".join(repr(option) for option in sorted(options))
        return f"{{{'None, ' if parameter.optional else ''}{listed}}}"
    kind = _KINDS.get(parameter.annotation, "string")
    return f"{kind} or None" if parameter.optional else kind
