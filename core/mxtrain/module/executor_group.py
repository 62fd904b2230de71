"""`mxnet.module.executor_group`: see mxtrain_worker.executor_group."""

from mxtrain_worker.executor_group import DataParallelExecutorGroup
from mxtrain_worker.work_slices import split_by_work_load as _split_input_slice

__all__ = ["DataParallelExecutorGroup", "_split_input_slice"]
