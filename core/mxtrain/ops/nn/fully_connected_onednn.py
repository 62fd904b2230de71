"""FullyConnected and its gradients with oneDNN's matrix products, for float32 on a CPU."""

import numpy as np

from mxtrain.device.onednn_products import product
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.nn.fully_connected import (
    FullyConnected,
    FullyConnectedBackwardData,
    FullyConnectedBackwardWeight,
    as_matrix,
    check_inputs,
)
from mxtrain.ops.nn.onednn_kernel import onednn_kernel

# below this many multiplications NumPy's BLAS, which is called with less ado and then uses one thread, is as fast
_FEWEST = 200_000


def _is_large(position):
    """A guard on the work to do; position: that of data among the inputs."""
    return lambda arrays, p: arrays[position].size * p.num_hidden >= _FEWEST


@onednn_kernel(FullyConnected, _is_large(0))
def _forward(xp, data, weight, bias=None, *, num_hidden, flatten, no_bias, out=None):
    matrix = as_matrix(data, flatten)
    check_inputs(matrix, weight, bias, num_hidden)
    if out is None:
        out = np.empty((data.shape[0], num_hidden) if flatten else (*data.shape[:-1], num_hidden), data.dtype)
    result = out.reshape(matrix.shape[0], num_hidden)
    product(matrix, weight.T, result)
    if bias is not None:
        result += bias.reshape(-1)
    return out


@onednn_kernel(FullyConnectedBackwardData, _is_large(2))
def _backward_data(xp, gy, weight, data, *, num_hidden, flatten, out=None):
    matrix = as_matrix(data, flatten)
    check_inputs(matrix, weight, None, num_hidden)
    rows = gy.reshape(-1, num_hidden)
    require_shape("gy", rows, (matrix.shape[0], num_hidden))
    out = np.empty(data.shape, data.dtype) if out is None else out
    product(rows, weight, out.reshape(matrix.shape))
    return out


@onednn_kernel(FullyConnectedBackwardWeight, _is_large(1))
def _backward_weight(xp, gy, data, *, num_hidden, flatten, out=None):
    matrix = as_matrix(data, flatten)
    rows = gy.reshape(-1, num_hidden)
    require_shape("gy", rows, (matrix.shape[0], num_hidden))
    out = np.empty((num_hidden, matrix.shape[1]), data.dtype) if out is None else out
    product(rows.T, matrix, out)
    return out
