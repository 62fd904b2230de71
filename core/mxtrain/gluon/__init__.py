"""`mx.gluon`: networks as Python objects."""

from mxtrain.gluon import loss, nn, rnn
from mxtrain.gluon.block import Block, HybridBlock, SymbolBlock
from mxtrain.gluon.parameter import Constant, DeferredInitializationError, Parameter, ParameterDict

__all__ = [
    "Block",
    "Constant",
    "DeferredInitializationError",
    "HybridBlock",
    "Parameter",
    "ParameterDict",
    "SymbolBlock",
    "loss",
    "nn",
    "rnn",
]
