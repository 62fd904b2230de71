"""`mx.gluon.trainer`: how networks are updated."""

from mxtrain.gluon.trainer.trainer_type import Trainer

__all__ = ["Trainer"]
