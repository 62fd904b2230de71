"""`mxnet.module.base_module`: see mxtrain_worker.base_module."""

from mxtrain_worker.base_module import BaseModule
from mxtrain_worker.batch_end import BatchEndParam

__all__ = ["BaseModule", "BatchEndParam"]
