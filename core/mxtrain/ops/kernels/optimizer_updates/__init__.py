"""The arithmetic of one optimizer step, in place on backend arrays; operators and optimizers share it.

Every kernel has the form kernel(xp, weight, grad, *states, **hyper_parameters): xp is numpy or cupy; weight and states
are changed, grad is not; clip_gradient None or negative means no limit. `low_precision=array` makes a multi-precision
update: weight is then the float32 master copy, and `array` receives it in its own dtype.
"""

from mxtrain.ops.kernels.optimizer_updates.adagrad import adadelta, adagrad, ftrl, group_adagrad, rmsprop, rmspropalex
from mxtrain.ops.kernels.optimizer_updates.adam import adam, adamax, adamw, ftml, lamb_direction, nadam
from mxtrain.ops.kernels.optimizer_updates.sgd import dcasgd, dcasgd_mom, nag_mom, sgd, sgd_mom, signsgd, signum

__all__ = [
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "dcasgd",
    "dcasgd_mom",
    "ftml",
    "ftrl",
    "group_adagrad",
    "lamb_direction",
    "nadam",
    "nag_mom",
    "rmsprop",
    "rmspropalex",
    "sgd",
    "sgd_mom",
    "signsgd",
    "signum",
]
