"""Every operator as a symbolic function, by its full name."""

from mxtrain.ops.namespaces import OperatorNamespace
from mxtrain.symbol.functions import make_function

functions = OperatorNamespace(make_function)
