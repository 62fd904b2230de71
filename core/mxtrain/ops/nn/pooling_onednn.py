"""Maximum and average pooling by oneDNN, for float32 on a CPU; the plain kernels stand in where it cannot."""

import numpy as np

from mxtrain.base import MXNetError
from mxtrain.device import onednn
from mxtrain.device import onednn_pooling as kernels
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.nn.onednn_kernel import onednn_kernel
from mxtrain.ops.nn.pooling import CHANNELS_LAST, Pooling, PoolingBackward, read_geometry
from mxtrain.ops.nn.window_parameters import require_channels_first


def _suits(arrays, p):
    """Whether oneDNN computes this pooling as MXNet defines it."""
    if p.pool_type not in ("max", "avg") or getattr(p, "layout", None) in CHANNELS_LAST:
        return False
    data = arrays[0] if len(arrays) == 1 else arrays[1]
    try:
        windows, counts = read_geometry(data, p.kernel, p.stride, p.pad, p.global_pool, p.pooling_convention)
    except MXNetError:
        return False  # the plain kernel tells what is wrong
    # beyond the padding, oneDNN would count what MXNet does not
    after = onednn.pad_after(windows, data.shape[2:], counts)
    limits = windows.pad if p.pool_type == "avg" else [k - 1 for k in windows.kernel]
    return all(pad <= limit for pad, limit in zip(after, limits, strict=True))


def _kind(pool_type, count_include_pad):
    return "avg_without_pad" if pool_type == "avg" and count_include_pad is False else pool_type


@onednn_kernel(Pooling, _suits)
def _forward(
    xp,
    data,
    *,
    kernel,
    pool_type,
    global_pool,
    pooling_convention,
    stride,
    pad,
    count_include_pad,
    layout,
    state,
    out=None,
    **ignored,
):
    require_channels_first(layout, data.ndim - 2)
    windows, counts = read_geometry(data, kernel, stride, pad, global_pool, pooling_convention)
    out = np.empty((*data.shape[:2], *counts), data.dtype) if out is None else out
    if pool_type == "max":
        state.values = _bytes(state.values, kernels.chosen_size(data.shape, out.shape, windows))
    kernels.forward(_kind(pool_type, count_include_pad), data, windows, out, state.values)
    return out


def _bytes(held, size):
    """An array of `size` bytes: the one held where it fits."""
    return held if held is not None and held.size == size else np.empty(size, np.uint8)


@onednn_kernel(PoolingBackward, _suits)
def _backward(
    xp,
    gy,
    data,
    y,
    *,
    kernel,
    pool_type,
    global_pool,
    pooling_convention,
    stride,
    pad,
    p_value,
    count_include_pad,
    state=None,
    out=None,
):
    windows, counts = read_geometry(data, kernel, stride, pad, global_pool, pooling_convention)
    require_shape("gy", gy, (*data.shape[:2], *counts))
    out = np.empty(data.shape, data.dtype) if out is None else out
    chosen = None
    if pool_type == "max":
        chosen = _chosen(state, data, gy, windows)
    kernels.backward(_kind(pool_type, count_include_pad), gy, windows, out, chosen)
    return out


def _chosen(state, data, gy, windows):
    """What the forward noted; computed again where it ran without oneDNN."""
    if state is not None and state.values is not None:
        return state.values
    chosen = np.empty(kernels.chosen_size(data.shape, gy.shape, windows), np.uint8)
    kernels.forward("max", data, windows, np.empty(gy.shape, gy.dtype), chosen)
    return chosen
