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

# what `sparse` shows of the operators that dense arrays share, as in MXNet
_SPARSE = """
ElementWiseSum Embedding FullyConnected LinearRegressionOutput LogisticRegressionOutput MAERegressionOutput
_contrib_round_ste _contrib_sign_ste abs adam_update add_n arccos arccosh arcsin arcsinh arctan arctanh broadcast_add
broadcast_div broadcast_minus broadcast_mul broadcast_plus broadcast_sub cast_storage cbrt ceil clip concat cos cosh
degrees dot elemwise_add elemwise_div elemwise_mul elemwise_sub exp expm1 fix floor ftrl_update gamma gammaln log log10
log1p log2 make_loss mean negative norm radians relu rint round rsqrt sgd_mom_update sgd_update sigmoid sign sin sinh
slice sqrt square stop_gradient sum tan tanh trunc where zeros_like
"""


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
    for name in _SPARSE.split():
        _put(_submodule(package, "sparse"), name, getattr(functions, name))


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
