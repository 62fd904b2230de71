"""`mx.gluon.rnn.rnn_layer`: MXNet's module of this name."""

from mxtrain.gluon.rnn.fused_layer import _RNNLayer
from mxtrain.gluon.rnn.layers import GRU, LSTM, RNN

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "_RNNLayer",
]
