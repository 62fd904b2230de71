"""How operators get a oneDNN kernel beside their plain forward."""

import functools

import numpy as np

from mxtrain.device import onednn


def onednn_kernel(op, suits=None, min_size=0):
    """Decorator that registers a oneDNN kernel of an operator, for float32 arrays on a CPU.

    suits(arrays, p): a further condition. min_size: elements that the first or the last input must have. The plain
    forward stands in for what the library does not implement, and in a forked child, which inherits compiled plans but
    may not use the library.
    """

    def when(arrays, p):
        return _all_float32(arrays) and onednn.is_usable() and (suits is None or suits(arrays, p))

    def register(kernel):
        @functools.wraps(kernel)
        def forward(xp, *arrays, **keywords):
            if not onednn.is_usable():
                return op.forward(xp, *arrays, **keywords)
            try:
                return kernel(xp, *arrays, **keywords)
            except onednn.NotImplementedByOneDnn:
                return op.forward(xp, *arrays, **keywords)

        return op.kernel("onednn", when, min_size)(forward)

    return register


def _all_float32(arrays):
    return all(isinstance(array, np.ndarray) and array.dtype == np.float32 and array.size for array in arrays)
