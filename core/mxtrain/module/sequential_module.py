"""`mxnet.module.sequential_module`: see mxtrain_worker.sequential_module."""

from mxtrain_worker.sequential_module import SequentialModule

__all__ = ["SequentialModule"]
