"""Operators: one declaration each, in the module of its family; importing this package declares all of them."""

from mxtrain.ops.operator import NOT_DIFFERENTIABLE, ZERO_GRADIENT, Case, Operator, operator
from mxtrain.ops.registry import exists, find, load_declarations, names, operators

load_declarations(__name__)

__all__ = [
    "NOT_DIFFERENTIABLE",
    "ZERO_GRADIENT",
    "Case",
    "Operator",
    "exists",
    "find",
    "names",
    "operator",
    "operators",
]
