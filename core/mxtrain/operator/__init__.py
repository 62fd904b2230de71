"""`mx.operator`: operators written in Python, and facts about all operators.

The names around handles are among what scripts get from `from mxnet.operator import *`.
"""

import ctypes

from mxtrain.base import NDArrayHandle
from mxtrain.ndarray.array_type import NDArray
from mxtrain.operator.arguments import OperatorArguments, get_all_registered_operators, get_operator_arguments
from mxtrain.operator.custom_op import CustomOp, CustomOpProp, register
from mxtrain.operator.python_op import NDArrayOp, NumpyOp, PythonOp

__all__ = [
    "CustomOp",
    "CustomOpProp",
    "NDArray",
    "NDArrayHandle",
    "NDArrayOp",
    "NumpyOp",
    "OperatorArguments",
    "PythonOp",
    "ctypes",
    "get_all_registered_operators",
    "get_operator_arguments",
    "register",
]
