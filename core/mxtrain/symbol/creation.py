"""Symbols without operators: variables, and groups of symbols."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mxtrain.attribute import current as current_attributes
from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.dtypes import type_flag
from mxtrain.symbol.graph import Entry, Node, stored_attributes
from mxtrain.symbol.infer_storage import STORAGE_FLAGS
from mxtrain.symbol.symbol_type import Symbol


def variable(
    name: str,
    attr: Mapping[str, str] | None = None,
    shape: Any = None,
    lr_mult: float | None = None,
    wd_mult: float | None = None,
    dtype: Any = None,
    init: Any = None,
    stype: str | None = None,
    profiler_scope: str | None = None,
    **kwargs: str,
) -> Symbol:
    """A variable: an argument of the computation, or (in an operator's last inputs) an auxiliary state.

    shape, dtype: declared facts for inference (0: unknown size). lr_mult, wd_mult: factors of learning rate and weight
    decay. init: an Initializer. Further attributes are strings named __like_this__.
    """
    if not isinstance(name, str):
        raise ArgumentTypeError(f"Expected: a string as the name of a variable. Received: {type(name).__name__}.")
    attrs = stored_attributes(_scope_attributes(attr))
    declared = {
        "__shape__": None if shape is None else str(tuple(shape) if not isinstance(shape, int) else (shape,)),
        "__lr_mult__": None if lr_mult is None else str(lr_mult),
        "__wd_mult__": None if wd_mult is None else str(wd_mult),
        "__dtype__": None if dtype is None else str(type_flag(dtype)),
        "__init__": None if init is None else init if isinstance(init, str) else init.dumps(),
        "__storage_type__": None if stype is None else _storage_flag(stype),
        "__profiler_scope__": profiler_scope,
    }
    attrs.update({key: value for key, value in declared.items() if value is not None})
    for key, value in kwargs.items():
        if not (key.startswith("__") and key.endswith("__")):
            raise ArgumentError(f"Expected: attribute names like __name__. Received: {key!r}={value!r}.")
        attrs[key] = str(value)
    return Symbol([Entry(Node(None, name, [], attrs))])


def group(symbols: Sequence[Symbol], create_fn: Callable[[list[Entry]], Symbol] = Symbol) -> Symbol:
    """A Symbol of all outputs of several ones. create_fn: the class to make."""
    symbols = list(symbols)
    if not symbols or any(not isinstance(symbol, Symbol) for symbol in symbols):
        raise ArgumentTypeError("Expected: a list of at least one Symbol. Received: something else.")
    return create_fn([head for symbol in symbols for head in symbol.heads])


def _scope_attributes(attr: Mapping[str, str] | None) -> dict[str, str]:
    for key, value in (attr or {}).items():
        if not isinstance(value, str):
            raise ArgumentError(f"Expected: string attributes. Received: {key}={value!r}.")
    return current_attributes().get(attr)


def _storage_flag(stype: str) -> str:
    if stype not in STORAGE_FLAGS:
        raise ArgumentError(f"Expected: a storage type of {list(STORAGE_FLAGS)}. Received: {stype!r}.")
    return STORAGE_FLAGS[stype]
