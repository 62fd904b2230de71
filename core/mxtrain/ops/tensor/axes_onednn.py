"""Transposition by oneDNN, for large float32 arrays on a CPU; the plain kernel stands in where it cannot."""

from mxtrain.device import host_memory
from mxtrain.device import onednn_transposition as kernels
from mxtrain.ops.nn.onednn_kernel import onednn_kernel
from mxtrain.ops.tensor.axes import Transpose, permutation

# below, a call of the library takes longer than NumPy
_MIN_SIZE = 1 << 18
_MOST_AXES = 6


@onednn_kernel(Transpose, lambda arrays, p: arrays[0].ndim <= _MOST_AXES, min_size=_MIN_SIZE)
def _forward(xp, data, *, axes, out=None):
    order = permutation(axes, data.ndim)
    result = host_memory.empty(tuple(data.shape[axis] for axis in order), data.dtype) if out is None else out
    kernels.transpose(data, order, result)
    return result
