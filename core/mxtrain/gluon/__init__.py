"""`mx.gluon`: networks as Python objects."""

from mxtrain.gluon import loss, nn, rnn, utils
from mxtrain.gluon.block import Block, HybridBlock, SymbolBlock
from mxtrain.gluon.parameter import Constant, DeferredInitializationError, Parameter, ParameterDict
from mxtrain.gluon.trainer import Trainer

__all__ = [
    "Block",
    "Constant",
    "DeferredInitializationError",
    "HybridBlock",
    "Parameter",
    "ParameterDict",
    "SymbolBlock",
    "Trainer",
    "loss",
    "nn",
    "rnn",
    "utils",
]
