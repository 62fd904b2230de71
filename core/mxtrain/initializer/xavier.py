"""Random weights whose size follows from the number of inputs and outputs."""

from __future__ import annotations

import math
from collections.abc import Callable

from mxtrain.base import ArgumentError
from mxtrain.initializer.base import Initializer, register
from mxtrain.initializer.random_fill import Normal, Uniform
from mxtrain.ndarray import NDArray

_FACTORS: dict[str, Callable[[float, float], float]] = {
    "avg": lambda fan_in, fan_out: (fan_in + fan_out) / 2.0,
    "in": lambda fan_in, fan_out: fan_in,
    "out": lambda fan_in, fan_out: fan_out,
}


@register
class Xavier(Initializer):
    """Weights of scale sqrt(magnitude / factor), so that signals keep their size from layer to layer.

    rnd_type: "uniform" in [-scale, scale], or "gaussian" of standard deviation scale. factor_type: "in", "out" or
    "avg", the number of inputs, of outputs, or their mean. Raises ArgumentError for a parameter with one axis.
    Source: Glorot and Bengio, 2010; mxnet.initializer.Xavier of MXNet 1.9.1.
    """

    def __init__(self, rnd_type: str = "uniform", factor_type: str = "avg", magnitude: float = 3) -> None:
        super().__init__(rnd_type=rnd_type, factor_type=factor_type, magnitude=magnitude)
        self.rnd_type = rnd_type
        self.factor_type = factor_type
        self.magnitude = float(magnitude)

    def _init_weight(self, name: str, arr: NDArray) -> None:
        scale = self._scale(name, arr.shape)
        if self.rnd_type == "uniform":
            Uniform(scale)._init_weight(name, arr)
        elif self.rnd_type == "gaussian":
            Normal(scale)._init_weight(name, arr)
        else:
            raise ArgumentError(f"Unknown random type. Expected: 'uniform' or 'gaussian'. Received: {self.rnd_type!r}.")

    def _scale(self, name: str, shape: tuple[int, ...]) -> float:
        if len(shape) < 2:
            raise ArgumentError(
                f"Xavier initializer cannot be applied to vector {name}. It requires at least 2D. Received: {shape}."
            )
        if self.factor_type not in _FACTORS:
            raise ArgumentError(
                f"Incorrect factor type. Expected: one of {sorted(_FACTORS)}. Received: {self.factor_type!r}."
            )
        field = float(math.prod(shape[2:]))
        factor = _FACTORS[self.factor_type](shape[1] * field, shape[0] * field)
        return math.sqrt(self.magnitude / factor)


@register
class MSRAPrelu(Xavier):
    """Xavier's gaussian weights for layers before a (parametric) ReLU of the given slope.

    Source: arXiv:1502.01852; mxnet.initializer.MSRAPrelu of MXNet 1.9.1.
    """

    def __init__(self, factor_type: str = "avg", slope: float = 0.25) -> None:
        super().__init__("gaussian", factor_type, 2.0 / (1 + slope**2))
        self._kwargs = {"factor_type": factor_type, "slope": slope}
