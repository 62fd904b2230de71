"""`mx.model`: FeedForward, checkpoints, and how modules use a KVStore (see mxtrain_worker)."""

from mxtrain_worker.batch_end import BatchEndParam
from mxtrain_worker.checkpoint import load_checkpoint, load_params, save_checkpoint
from mxtrain_worker.feed_forward import FeedForward
from mxtrain_worker.kvstore_setup import create_kvstore as _create_kvstore
from mxtrain_worker.kvstore_setup import initialize_kvstore as _initialize_kvstore
from mxtrain_worker.orderly_stop import OrderlyStop, TrainingLeft, TrainingStopped
from mxtrain_worker.parameter_update import update_params as _update_params
from mxtrain_worker.parameter_update import update_params_on_kvstore as _update_params_on_kvstore
from mxtrain_worker.training_checkpoint import TrainingCheckpoint

__all__ = [
    "BatchEndParam",
    "FeedForward",
    "OrderlyStop",
    "TrainingCheckpoint",
    "TrainingLeft",
    "TrainingStopped",
    "_create_kvstore",
    "_initialize_kvstore",
    "_update_params",
    "_update_params_on_kvstore",
    "load_checkpoint",
    "load_params",
    "save_checkpoint",
]
