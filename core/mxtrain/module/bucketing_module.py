"""`mxnet.module.bucketing_module`: see mxtrain_worker.bucketing_module."""

from mxtrain_worker.bucketing_module import BucketingModule

__all__ = ["BucketingModule"]
