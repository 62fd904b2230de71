"""The cells under the module name that MXNet has for them."""

from mxtrain.rnn.base_cell import BaseRNNCell, RNNParams
from mxtrain.rnn.cells import GRUCell, LSTMCell, RNNCell
from mxtrain.rnn.containers import BidirectionalCell, SequentialRNNCell
from mxtrain.rnn.convolutional import BaseConvRNNCell, ConvGRUCell, ConvLSTMCell, ConvRNNCell
from mxtrain.rnn.dropout import DropoutCell
from mxtrain.rnn.fused import FusedRNNCell
from mxtrain.rnn.modifiers import ModifierCell, ResidualCell, ZoneoutCell

__all__ = [
    "BaseConvRNNCell",
    "BaseRNNCell",
    "BidirectionalCell",
    "ConvGRUCell",
    "ConvLSTMCell",
    "ConvRNNCell",
    "DropoutCell",
    "FusedRNNCell",
    "GRUCell",
    "LSTMCell",
    "ModifierCell",
    "RNNCell",
    "RNNParams",
    "ResidualCell",
    "SequentialRNNCell",
    "ZoneoutCell",
]
