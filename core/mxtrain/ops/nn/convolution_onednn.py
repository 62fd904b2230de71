"""Convolution and its gradients by oneDNN, for float32 on a CPU; the plain kernels stand in where it cannot."""

import numpy as np

from mxtrain.device import onednn_convolution as kernels
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.nn.convolution import Convolution, ConvolutionBackwardData, ConvolutionBackwardWeight, check_inputs
from mxtrain.ops.nn.onednn_kernel import onednn_kernel
from mxtrain.ops.nn.window_parameters import read_windows, require_channels_first


@onednn_kernel(Convolution)
def _forward(
    xp, data, weight, bias=None, *, kernel, stride, dilate, pad, num_filter, num_group, layout, out=None, **ignored
):
    require_channels_first(layout, len(kernel))
    windows = read_windows(kernel, stride, dilate, pad)
    shape = check_inputs(data, weight, bias, windows, num_filter, num_group)
    out = np.empty(shape, data.dtype) if out is None else out
    kernels.forward(data, weight, bias, windows, num_group, out)
    return out


@onednn_kernel(ConvolutionBackwardData)
def _backward_data(xp, gy, weight, data, *, kernel, stride, dilate, pad, num_filter, num_group, out=None):
    windows = read_windows(kernel, stride, dilate, pad)
    require_shape("gy", gy, check_inputs(data, weight, None, windows, num_filter, num_group))
    out = np.empty(data.shape, data.dtype) if out is None else out
    kernels.backward_data(gy, weight, windows, num_group, out)
    return out


@onednn_kernel(ConvolutionBackwardWeight)
def _backward_weight(xp, gy, data, weight, *, kernel, stride, dilate, pad, num_filter, num_group, out=None):
    windows = read_windows(kernel, stride, dilate, pad)
    require_shape("gy", gy, check_inputs(data, weight, None, windows, num_filter, num_group))
    out = np.empty(weight.shape, data.dtype) if out is None else out
    kernels.backward_weight(gy, data, windows, num_group, out)
    return out
