"""Softmax, its logarithm and the Gaussian error linear unit of float32 arrays by oneDNN."""

from __future__ import annotations

from ctypes import c_float
from typing import Any

import numpy as np

from mxtrain.device import onednn
from mxtrain.device.onednn import Primitive, plain_layout

# the algorithms, as the library numbers them
SOFTMAX = {"softmax": 0x30000, "log_softmax": 0x30001}
_GELU = 0x31


def softmax(kind: str, data: np.ndarray, out: np.ndarray) -> None:
    """Write softmax or its logarithm along the last axis of C-contiguous data into `out`. Raises OneDnnError."""
    shape = (data.size // data.shape[-1], data.shape[-1])
    primitive = onednn.cached((kind, shape), lambda: _describe("softmax", SOFTMAX[kind], shape, 1))
    primitive(data, out)


def gelu(data: np.ndarray, out: np.ndarray) -> None:
    """Write x / 2 * (1 + erf(x / sqrt(2))) of C-contiguous data into `out`. Raises OneDnnError."""
    shape = (data.size,)
    primitive = onednn.cached(("gelu", shape), lambda: _describe("eltwise", _GELU, shape, c_float(0), c_float(0)))
    primitive(data, out)


def _describe(kind: str, algorithm: int, shape: tuple[int, ...], *options: Any) -> Primitive:
    """The primitive that takes data and result, both of a shape."""
    layout = plain_layout(shape)
    described = onednn.create(
        f"dnnl_{kind}_forward_primitive_desc_create",
        onednn.engine(),
        onednn.FORWARD_INFERENCE,
        algorithm,
        layout,
        layout,
        *options,
        onednn.scratchpad_attribute(),
    )
    return Primitive(described, [(onednn.SRC, layout, False), (onednn.DST, layout, True)])
