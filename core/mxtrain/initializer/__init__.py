"""Initializers: the first values of parameters."""

from mxtrain.initializer.base import InitDesc, Initializer, alias, create, register
from mxtrain.initializer.bilinear import Bilinear
from mxtrain.initializer.constant import Constant, One, Zero
from mxtrain.initializer.fused_rnn import FusedRNN
from mxtrain.initializer.load import Load, Mixed
from mxtrain.initializer.lstm_bias import LSTMBias
from mxtrain.initializer.orthogonal import Orthogonal
from mxtrain.initializer.random_fill import Normal, Uniform
from mxtrain.initializer.xavier import MSRAPrelu, Xavier

__all__ = [
    "Bilinear",
    "Constant",
    "FusedRNN",
    "InitDesc",
    "Initializer",
    "LSTMBias",
    "Load",
    "MSRAPrelu",
    "Mixed",
    "Normal",
    "One",
    "Orthogonal",
    "Uniform",
    "Xavier",
    "Zero",
    "alias",
    "create",
    "register",
]
