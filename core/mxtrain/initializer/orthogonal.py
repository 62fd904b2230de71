"""Orthogonal weights."""

from __future__ import annotations

import math

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.initializer.base import Initializer, register
from mxtrain.ndarray import NDArray, random


@register
class Orthogonal(Initializer):
    """Weights whose rows (or columns, if these are fewer) are orthogonal and of length `scale`.

    rand_type: "uniform" or "normal", how the matrix that is made orthogonal is drawn.
    Source: arXiv:1312.6120; mxnet.initializer.Orthogonal of MXNet 1.9.1.
    """

    def __init__(self, scale: float = 1.414, rand_type: str = "uniform") -> None:
        super().__init__(scale=scale, rand_type=rand_type)
        self.scale = scale
        self.rand_type = rand_type

    def _init_weight(self, _: str, arr: NDArray) -> None:
        shape = (arr.shape[0], math.prod(arr.shape[1:]))
        if self.rand_type == "uniform":
            drawn = random.uniform(-1.0, 1.0, shape=shape, ctx=arr.context)
        elif self.rand_type == "normal":
            drawn = random.normal(0.0, 1.0, shape=shape, ctx=arr.context)
        else:
            raise ArgumentError(f"Expected: rand_type 'uniform' or 'normal'. Received: {self.rand_type!r}.")
        left, _singular, right = np.linalg.svd(drawn.asnumpy(), full_matrices=False)
        basis = left if left.shape == shape else right
        arr[:] = (self.scale * basis).reshape(arr.shape)
