"""Softmax, log_softmax and gelu by oneDNN, for float32 on a CPU; the plain kernels stand in where it cannot."""

import numpy as np

from mxtrain.device import host_memory
from mxtrain.device import onednn_activations as kernels
from mxtrain.ops.nn import softmax as _declared  # noqa: F401  the operators that `find` looks up
from mxtrain.ops.nn.leaky_relu import LeakyReLU
from mxtrain.ops.nn.onednn_kernel import onednn_kernel
from mxtrain.ops.registry import find

# below, a call of the library takes longer than NumPy
_MIN_SIZE = 1 << 13


def _is_plain(arrays, p):
    """Whether it is the softmax of the last axis, and nothing else comes to it."""
    return (
        p.axis in (-1, arrays[0].ndim - 1)
        and p.temperature in (None, 1.0)
        and (p.dtype is None or p.dtype == np.float32)  # (a float64 dtype equals None)
        and not p.use_length
    )


def _register_softmax(name):
    @onednn_kernel(find(name), _is_plain, min_size=_MIN_SIZE)
    def forward(xp, data, *, out=None, **ignored):
        result = host_memory.empty(data.shape, data.dtype) if out is None else out
        kernels.softmax(name, data, result)
        return result


for _name in kernels.SOFTMAX:
    _register_softmax(_name)


@onednn_kernel(LeakyReLU, lambda arrays, p: p.act_type == "gelu", min_size=_MIN_SIZE)
def _gelu(xp, data, *, out=None, **ignored):
    result = host_memory.empty(data.shape, data.dtype) if out is None else out[0]
    kernels.gelu(data, result)
    return (result,)
