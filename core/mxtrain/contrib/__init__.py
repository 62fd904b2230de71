"""`mx.contrib`: old autograd, and the contrib operators under a second name: `mx.contrib.nd` is `mx.nd.contrib`."""

import importlib
import sys

from mxtrain.contrib import autograd

ndarray = nd = importlib.import_module("mxtrain.ndarray.contrib")
symbol = sym = importlib.import_module("mxtrain.symbol.contrib")

# also for `import mxtrain.contrib.ndarray`
sys.modules.update({f"{__name__}.{name}": module for name, module in (("ndarray", nd), ("nd", nd))})
sys.modules.update({f"{__name__}.{name}": module for name, module in (("symbol", sym), ("sym", sym))})
