"""`mx.sym`: computations described as graphs of operators."""

import sys as _sys

from mxtrain.ops.namespaces import populate as _populate
from mxtrain.symbol import arithmetic, contrib, methods, random  # the first two install Symbol's operators and methods
from mxtrain.symbol.creation import group, variable
from mxtrain.symbol.filled import arange, eye, full, linspace, ones, zeros
from mxtrain.symbol.inlining import cached_op as _cached_op
from mxtrain.symbol.number_functions import histogram, hypot, maximum, minimum, power, reset_arrays, split_v2
from mxtrain.symbol.operators import functions as _functions
from mxtrain.symbol.symbol_type import Symbol, load, load_json

Variable = var = variable
Group = group
fromjson = load_json
pow = power

_populate(__name__, _functions)
setattr(_sys.modules[f"{__name__}._internal"], "_CachedOp", _cached_op)  # the module is made by populate


__all__ = [
    "Group",
    "Symbol",
    "Variable",
    "arange",
    "eye",
    "full",
    "group",
    "histogram",
    "hypot",
    "linspace",
    "load",
    "load_json",
    "maximum",
    "minimum",
    "ones",
    "pow",
    "power",
    "reset_arrays",
    "split_v2",
    "var",
    "zeros",
]
