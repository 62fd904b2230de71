"""`mxnet.module.python_module`: see mxtrain_worker.python_module."""

from mxtrain_worker.python_module import PythonLossModule, PythonModule

__all__ = ["PythonLossModule", "PythonModule"]
