"""Names that scripts import from `mxnet.symbol.symbol`."""

from mxtrain.symbol import Group, Symbol, Variable, fromjson, load, load_json, var

__all__ = ["Group", "Symbol", "Variable", "fromjson", "load", "load_json", "var"]
