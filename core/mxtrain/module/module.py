"""`mxnet.module.module`: see mxtrain_worker.module."""

from mxtrain_worker.module import Module

__all__ = ["Module"]
