"""Optimizers: how a gradient changes a weight."""

from mxtrain.optimizer import contrib
from mxtrain.optimizer.adadelta import AdaDelta
from mxtrain.optimizer.adagrad import AdaGrad
from mxtrain.optimizer.adam import Adam
from mxtrain.optimizer.adamax import Adamax
from mxtrain.optimizer.base import Optimizer
from mxtrain.optimizer.dcasgd import DCASGD
from mxtrain.optimizer.ftml import FTML
from mxtrain.optimizer.ftrl import Ftrl
from mxtrain.optimizer.kernel_optimizer import KernelOptimizer
from mxtrain.optimizer.lamb import LAMB
from mxtrain.optimizer.lars import LARS
from mxtrain.optimizer.lbsgd import LBSGD
from mxtrain.optimizer.nadam import Nadam
from mxtrain.optimizer.nag import NAG
from mxtrain.optimizer.plain_step import Test
from mxtrain.optimizer.registry import create, from_config, register
from mxtrain.optimizer.rmsprop import RMSProp
from mxtrain.optimizer.sgd import SGD, ccSGD
from mxtrain.optimizer.sgld import SGLD
from mxtrain.optimizer.signum import Signum
from mxtrain.optimizer.updater import Updater, get_updater

__all__ = [
    "DCASGD",
    "FTML",
    "LAMB",
    "LARS",
    "LBSGD",
    "NAG",
    "SGD",
    "SGLD",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "Adamax",
    "Ftrl",
    "KernelOptimizer",
    "Nadam",
    "Optimizer",
    "RMSProp",
    "Signum",
    "Test",
    "Updater",
    "ccSGD",
    "contrib",
    "create",
    "from_config",
    "get_updater",
    "register",
]
