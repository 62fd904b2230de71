"""All declared operators, by name and alias."""

import importlib
import pkgutil
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from mxtrain.base import NameLookupError

if TYPE_CHECKING:
    from mxtrain.ops.operator import Operator

_operators: "dict[str, Operator]" = {}


def register(operator: "Operator", names: Iterable[str]) -> None:
    """Make an operator reachable under names. Raises NameLookupError for a name that is taken."""
    names = tuple(names)
    for name in names:
        if name in _operators:
            raise NameLookupError(f"Expected: a new operator name. Received: {name!r}, declared already.")
    _operators.update(dict.fromkeys(names, operator))


def find(name: str) -> "Operator":
    """The operator of a name. Raises NameLookupError naming the nearest one that exists."""
    operator = _operators.get(name)
    if operator is None:
        near = get_close_matches(name, _operators, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise NameLookupError(f"Expected: the name of an operator. Received: {name!r}, which is not known.{hint}")
    return operator


def exists(name: str) -> bool:
    """Whether an operator has this name."""
    return name in _operators


def names() -> list[str]:
    """Every name and alias, sorted."""
    return sorted(_operators)


def operators() -> "list[Operator]":
    """Every operator once, by name."""
    return sorted({id(op): op for op in _operators.values()}.values(), key=lambda op: op.name)


def load_declarations(package: str) -> None:
    """Import every module below a package, so that the operators declared in them are known."""
    root = importlib.import_module(package)
    for module in pkgutil.walk_packages(root.__path__, package + "."):
        importlib.import_module(module.name)
