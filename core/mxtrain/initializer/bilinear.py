"""Weights of a deconvolution that enlarges pictures."""

from __future__ import annotations

import math

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.initializer.base import Initializer, register
from mxtrain.ndarray import NDArray


@register
class Bilinear(Initializer):
    """The kernel of bilinear interpolation, for weights of shape (.., .., height, width).

    Source: mxnet.initializer.Bilinear of MXNet 1.9.1.
    """

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, _: str, arr: NDArray) -> None:
        if len(arr.shape) != 4:
            raise ArgumentError(f"Bilinear: expected a weight with 4 axes. Received: shape {arr.shape}.")
        height, width = arr.shape[2:]
        half = math.ceil(width / 2.0)
        center = (2 * half - 1 - half % 2) / (2.0 * half)
        down, across = (1 - np.abs(np.arange(size) / half - center) for size in (height, width))
        arr[:] = np.broadcast_to(np.outer(down, across).astype(np.float32), arr.shape)
