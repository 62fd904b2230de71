"""Random numbers that do not depend on the parameter's shape."""

from __future__ import annotations

from mxtrain.initializer.base import Initializer, register
from mxtrain.ndarray import NDArray, random


@register
class Uniform(Initializer):
    """Numbers drawn evenly from [-scale, scale], from the generator of the parameter's context."""

    def __init__(self, scale: float = 0.07) -> None:
        super().__init__(scale=scale)
        self.scale = scale

    def _init_weight(self, _: str, arr: NDArray) -> None:
        random.uniform(-self.scale, self.scale, shape=arr.shape, dtype=arr.dtype, ctx=arr.context, out=arr)


@register
class Normal(Initializer):
    """Normal numbers of mean 0 and standard deviation sigma, from the generator of the parameter's context."""

    def __init__(self, sigma: float = 0.01) -> None:
        super().__init__(sigma=sigma)
        self.sigma = sigma

    def _init_weight(self, _: str, arr: NDArray) -> None:
        random.normal(0, self.sigma, shape=arr.shape, dtype=arr.dtype, ctx=arr.context, out=arr)
