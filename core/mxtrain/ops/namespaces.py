"""Where an operator's generated function lives: `mx.nd.X`, `mx.nd.contrib.X`, `mx.nd._internal._X`, ..."""

import sys
import types
from collections.abc import Callable
from typing import Any

from mxtrain.ops.operator import Operator
from mxtrain.ops.registry import find, names

# prefix of the operator's name: sub-module that shows it without the prefix
PREFIXES = {
    "_contrib_": "contrib",
    "_linalg_": "linalg",
    "_random_": "random",
    "_sample_": "random",
    "_image_": "image",
    "_sparse_": "sparse",
}


class OperatorNamespace:
    """Every operator by its full name, as a function: the F that gradient formulas are written in."""

    def __init__(self, make: Callable[[Operator, str], Callable[..., Any]]) -> None:
        for name in names():
            setattr(self, name, make(find(name), name))

    def __getattr__(self, name: str) -> Any:
        find(name)  # raises the error that names the nearest operator
        raise AttributeError(name)


def populate(package: str, functions: OperatorNamespace) -> None:
    """Put every generated function into the sub-modules of a package (`mxtrain.ndarray` or `mxtrain.symbol`).

    Sub-modules that do not exist as files are created; a name that a module defines itself is left alone.
    """
    root = sys.modules[package]
    for name in names():
        function = getattr(functions, name)
        prefix = next((p for p in PREFIXES if name.startswith(p)), None)
        if prefix is not None:
            _put(_submodule(package, PREFIXES[prefix]), name.removeprefix(prefix), function)
        if name.startswith("_"):
            _put(_submodule(package, "_internal"), name, function)
        else:
            _put(_submodule(package, "op"), name, function)
            _put(root, name, function)


def _put(module: types.ModuleType, name: str, function: Any) -> None:
    if name not in vars(module):
        setattr(module, name, function)


def _submodule(package: str, name: str) -> types.ModuleType:
    full = f"{package}.{name}"
    module = sys.modules.get(full)
    if module is None:
        module = sys.modules[full] = types.ModuleType(full, f"Operators of `{full}`, made from their declarations.")
        setattr(sys.modules[package], name, module)
    return module
