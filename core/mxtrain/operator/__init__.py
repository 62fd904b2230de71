"""`mx.operator`: operators written in Python, and facts about all operators."""

from mxtrain.operator.arguments import OperatorArguments, get_all_registered_operators, get_operator_arguments
from mxtrain.operator.custom_op import CustomOp, CustomOpProp, register
from mxtrain.operator.python_op import NDArrayOp, NumpyOp, PythonOp

__all__ = [
    "CustomOp",
    "CustomOpProp",
    "NDArrayOp",
    "NumpyOp",
    "OperatorArguments",
    "PythonOp",
    "get_all_registered_operators",
    "get_operator_arguments",
    "register",
]
