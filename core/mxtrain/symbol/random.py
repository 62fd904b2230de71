"""`mx.sym.random`: random numbers in a graph. The functions `*_like` stand beside these, made from their operators."""

from mxtrain.ops.random.functions import RandomFunctions
from mxtrain.symbol.operators import functions
from mxtrain.symbol.symbol_type import Symbol

_random = RandomFunctions(functions, Symbol)

uniform = _random.uniform
normal = _random.normal
randn = _random.randn
poisson = _random.poisson
exponential = _random.exponential
gamma = _random.gamma
negative_binomial = _random.negative_binomial
generalized_negative_binomial = _random.generalized_negative_binomial
randint = _random.randint
multinomial = _random.multinomial
shuffle = _random.shuffle

__all__ = [
    "exponential",
    "gamma",
    "generalized_negative_binomial",
    "multinomial",
    "negative_binomial",
    "normal",
    "poisson",
    "randint",
    "randn",
    "shuffle",
    "uniform",
]
