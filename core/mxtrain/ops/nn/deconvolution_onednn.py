"""Deconvolution and its gradients by oneDNN's convolutions, for float32 on a CPU."""

import numpy as np

from mxtrain.device import onednn_convolution as kernels
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.nn.deconvolution import (
    Deconvolution,
    DeconvolutionBackwardData,
    DeconvolutionBackwardWeight,
    add_bias,
    read_geometry,
)
from mxtrain.ops.nn.onednn_kernel import onednn_kernel
from mxtrain.ops.nn.window_parameters import require_channels_first

_GEOMETRY = ("kernel", "stride", "dilate", "pad", "adj", "target_shape", "num_filter", "num_group")


def _read(data, weight, bias, params):
    return read_geometry(data, weight, bias, *(params[name] for name in _GEOMETRY))


@onednn_kernel(Deconvolution)
def _forward(xp, data, weight, bias=None, *, layout, out=None, **params):
    require_channels_first(layout, len(params["kernel"]))
    windows, shape = _read(data, weight, bias, params)
    out = np.empty(shape, data.dtype) if out is None else out
    kernels.backward_data(data, weight, windows, params["num_group"], out)
    return add_bias(out, bias)


@onednn_kernel(DeconvolutionBackwardData)
def _backward_data(xp, gy, weight, data, *, out=None, **params):
    windows, shape = _read(data, weight, None, params)
    require_shape("gy", gy, shape)
    out = np.empty(data.shape, data.dtype) if out is None else out
    kernels.forward(gy, weight, None, windows, params["num_group"], out)
    return out


@onednn_kernel(DeconvolutionBackwardWeight)
def _backward_weight(xp, gy, data, weight, *, out=None, **params):
    windows, shape = _read(data, weight, None, params)
    require_shape("gy", gy, shape)
    out = np.empty(weight.shape, data.dtype) if out is None else out
    kernels.backward_weight(data, gy, windows, params["num_group"], out)
    return out
