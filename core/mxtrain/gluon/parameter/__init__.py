"""`mx.gluon.parameter`: the arrays that networks learn."""

from mxtrain.gluon.errors import DeferredInitializationError
from mxtrain.gluon.parameter.constant import Constant
from mxtrain.gluon.parameter.parameter_dict import ParameterDict
from mxtrain.gluon.parameter.parameter_type import Parameter
from mxtrain.ndarray import NDArray
from mxtrain.symbol import Symbol

#: What a layer may be called with.
tensor_types = (Symbol, NDArray)

__all__ = ["Constant", "DeferredInitializationError", "Parameter", "ParameterDict", "tensor_types"]
