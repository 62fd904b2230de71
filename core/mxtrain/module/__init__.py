"""`mx.mod`: modules, which train and use networks (see mxtrain_worker)."""

from mxtrain_worker.base_module import BaseModule
from mxtrain_worker.bucketing_module import BucketingModule
from mxtrain_worker.module import Module
from mxtrain_worker.python_module import PythonLossModule, PythonModule
from mxtrain_worker.sequential_module import SequentialModule

__all__ = ["BaseModule", "BucketingModule", "Module", "PythonLossModule", "PythonModule", "SequentialModule"]
