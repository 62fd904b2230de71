"""Every operator as an imperative function, by its full name."""

from mxtrain.ndarray.functions import make_function
from mxtrain.ops.namespaces import OperatorNamespace

functions = OperatorNamespace(make_function)
