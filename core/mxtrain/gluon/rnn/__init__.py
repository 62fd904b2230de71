"""`mx.gluon.rnn`: recurrent cells and layers."""

from mxtrain.gluon.rnn.base_cell import HybridRecurrentCell, RecurrentCell
from mxtrain.gluon.rnn.bidirectional_cell import BidirectionalCell
from mxtrain.gluon.rnn.gated_cell import GRUCell, LSTMCell, RNNCell
from mxtrain.gluon.rnn.layers import GRU, LSTM, RNN
from mxtrain.gluon.rnn.modifier_cells import DropoutCell, ModifierCell, ResidualCell, ZoneoutCell
from mxtrain.gluon.rnn.sequential_cells import HybridSequentialRNNCell, SequentialRNNCell

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
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
