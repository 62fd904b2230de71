"""The contrib operators under a second name, as in MXNet: `mx.contrib.nd` is `mx.nd.contrib`, and so for `sym`."""

import importlib
import sys

ndarray = nd = importlib.import_module("mxtrain.ndarray.contrib")
symbol = sym = importlib.import_module("mxtrain.symbol.contrib")

# also for `import mxtrain.contrib.ndarray`
sys.modules.update({f"{__name__}.{name}": module for name, module in (("ndarray", nd), ("nd", nd))})
sys.modules.update({f"{__name__}.{name}": module for name, module in (("symbol", sym), ("sym", sym))})
