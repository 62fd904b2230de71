"""`mx.gluon.block`: layers and networks."""

from mxtrain.gluon.block.block_type import Block
from mxtrain.gluon.block.hybrid_block import HybridBlock
from mxtrain.gluon.block.symbol_block import SymbolBlock

__all__ = ["Block", "HybridBlock", "SymbolBlock"]
