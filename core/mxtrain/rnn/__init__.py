"""`mx.rnn`: recurrent cells of symbols, from before Gluon, and batches of sentences."""

from mxtrain.rnn.base_cell import BaseRNNCell, RNNParams
from mxtrain.rnn.cells import GRUCell, LSTMCell, RNNCell
from mxtrain.rnn.containers import BidirectionalCell, SequentialRNNCell
from mxtrain.rnn.convolutional import BaseConvRNNCell, ConvGRUCell, ConvLSTMCell, ConvRNNCell
from mxtrain.rnn.dropout import DropoutCell
from mxtrain.rnn.fused import FusedRNNCell
from mxtrain.rnn.io import BucketSentenceIter, encode_sentences
from mxtrain.rnn.modifiers import ModifierCell, ResidualCell, ZoneoutCell
from mxtrain.rnn.rnn import do_rnn_checkpoint, load_rnn_checkpoint, rnn_unroll, save_rnn_checkpoint

__all__ = [
    "BaseConvRNNCell",
    "BaseRNNCell",
    "BidirectionalCell",
    "BucketSentenceIter",
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
    "do_rnn_checkpoint",
    "encode_sentences",
    "load_rnn_checkpoint",
    "rnn_unroll",
    "save_rnn_checkpoint",
]
