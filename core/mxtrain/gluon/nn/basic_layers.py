"""`mx.gluon.nn.basic_layers`: MXNet's module of this name."""

from mxtrain.gluon.nn.activations import Activation
from mxtrain.gluon.nn.batch_norm import BatchNorm, BatchNormReLU, _BatchNorm
from mxtrain.gluon.nn.containers import HybridSequential, Sequential
from mxtrain.gluon.nn.dense import Dense
from mxtrain.gluon.nn.norms import GroupNorm, InstanceNorm, LayerNorm
from mxtrain.gluon.nn.simple_layers import Dropout, Embedding, Flatten, HybridLambda, Lambda

__all__ = [
    "Activation",
    "BatchNorm",
    "BatchNormReLU",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GroupNorm",
    "HybridLambda",
    "HybridSequential",
    "InstanceNorm",
    "Lambda",
    "LayerNorm",
    "Sequential",
    "_BatchNorm",
]
