"""mxtrain: Apache MXNet's programming interface on today's Python. `import mxtrain as mx`.

What most programs need is imported at once; the rest (`mx.mod`, `mx.kv`, `mx.io`, ...) on first use.
"""

import importlib
from typing import Any

from mxtrain import attribute, autograd, base, context, executor, name, ndarray, symbol, util
from mxtrain import ndarray as nd
from mxtrain import symbol as sym
from mxtrain.alias import install_as_mxnet
from mxtrain.attribute import AttrScope
from mxtrain.base import MXNetError
from mxtrain.context import Context, cpu, cpu_pinned, current_context, gpu, gpu_memory_info, num_gpus
from mxtrain.executor import Executor
from mxtrain.ndarray import NDArray, waitall
from mxtrain.symbol import Symbol
from mxtrain.util import is_np_array, is_np_shape, np_array, np_shape, set_np_shape, use_np, use_np_array, use_np_shape
from mxtrain.version import __version__

# names of this module that stand for modules imported on first use
_LAZY = {
    "callback": "mxtrain.callback",
    "contrib": "mxtrain.contrib",
    "engine": "mxtrain.engine",
    "gluon": "mxtrain.gluon",
    "init": "mxtrain.initializer",
    "initializer": "mxtrain.initializer",
    "io": "mxtrain.io",
    "kv": "mxtrain.kvstore",
    "kvstore": "mxtrain.kvstore",
    "log": "mxtrain.log",
    "lr_scheduler": "mxtrain.lr_scheduler",
    "memonger": "mxtrain.memonger",
    "metric": "mxtrain.metric",
    "mod": "mxtrain.module",
    "model": "mxtrain.model",
    "module": "mxtrain.module",
    "mon": "mxtrain.monitor",
    "monitor": "mxtrain.monitor",
    "operator": "mxtrain.operator",
    "optimizer": "mxtrain.optimizer",
    "random": "mxtrain.random",
    "registry": "mxtrain.registry",
    "rnd": "mxtrain.random",
    "rnn": "mxtrain.rnn",
    "runtime": "mxtrain.runtime",
    "test_utils": "mxtrain.test_utils",
    "visualization": "mxtrain.visualization",
    "viz": "mxtrain.visualization",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'mxtrain' has no attribute {name!r}")
    module = importlib.import_module(_LAZY[name])
    globals()[name] = module
    return module


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


__all__ = [
    "AttrScope",
    "Context",
    "Executor",
    "MXNetError",
    "NDArray",
    "Symbol",
    "__version__",
    "attribute",
    "autograd",
    "base",
    "context",
    "cpu",
    "cpu_pinned",
    "current_context",
    "executor",
    "gpu",
    "gpu_memory_info",
    "install_as_mxnet",
    "is_np_array",
    "is_np_shape",
    "name",
    "nd",
    "ndarray",
    "np_array",
    "np_shape",
    "num_gpus",
    "set_np_shape",
    "sym",
    "symbol",
    "use_np",
    "use_np_array",
    "use_np_shape",
    "util",
    "waitall",
]
