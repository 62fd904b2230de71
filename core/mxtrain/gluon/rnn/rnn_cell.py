"""`mx.gluon.rnn.rnn_cell`: MXNet's module of this name."""

from mxtrain.gluon.rnn.base_cell import HybridRecurrentCell, RecurrentCell
from mxtrain.gluon.rnn.bidirectional_cell import BidirectionalCell
from mxtrain.gluon.rnn.gated_cell import GRUCell, LSTMCell, RNNCell
from mxtrain.gluon.rnn.modifier_cells import DropoutCell, ModifierCell, ResidualCell, ZoneoutCell
from mxtrain.gluon.rnn.sequential_cells import HybridSequentialRNNCell, SequentialRNNCell

__all__ = [
    "BidirectionalCell",
    "DropoutCell",
    "GRUCell",
    "HybridRecurrentCell",
    "HybridSequentialRNNCell",
    "LSTMCell",
    "ModifierCell",
    "RNNCell",
    "RecurrentCell",
    "ResidualCell",
    "SequentialRNNCell",
    "ZoneoutCell",
]
