"""Permuting the axes of float32 arrays by oneDNN's reorder."""

from __future__ import annotations

import numpy as np

from mxtrain.device import onednn
from mxtrain.device.onednn import Primitive, permuted_layout, plain_layout


def transpose(data: np.ndarray, axes: tuple[int, ...], out: np.ndarray) -> None:
    """Write data with its axes permuted into `out`: axis i is axis axes[i] of data. Raises OneDnnError."""
    onednn.cached(("transpose", data.shape, axes), lambda: _describe(data.shape, axes))(data, out)


def _describe(shape: tuple[int, ...], axes: tuple[int, ...]) -> Primitive:
    """The primitive that takes data and result."""
    source, target = plain_layout(shape), permuted_layout(shape, axes)
    described = onednn.create(
        "dnnl_reorder_primitive_desc_create",
        source,
        onednn.engine(),
        target,
        onednn.engine(),
        onednn.scratchpad_attribute(),
    )
    return Primitive(described, [(onednn.SRC, source, False), (onednn.DST, target, True)])
