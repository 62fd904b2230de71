"""Initializers that do not draw random numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from mxtrain.initializer.base import Initializer, alias, register
from mxtrain.ndarray import NDArray


@register
@alias("zeros")
class Zero(Initializer):
    """Zeros."""

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, _: str, arr: NDArray) -> None:
        arr[:] = 0


@register
@alias("ones")
class One(Initializer):
    """Ones."""

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, _: str, arr: NDArray) -> None:
        arr[:] = 1


@register
class Constant(Initializer):
    """A number, or an array of the parameter's shape."""

    def __init__(self, value: Any) -> None:
        super().__init__(value=value)
        self.value = value

    def _init_weight(self, _: str, arr: NDArray) -> None:
        arr[:] = self.value

    def dumps(self) -> str:
        """The JSON text that `mx.init.create` makes an equal initializer of; an array becomes nested lists."""
        if isinstance(self.value, (NDArray, np.ndarray, np.generic)):
            self._kwargs["value"] = self.value.tolist()
        return json.dumps([type(self).__name__.lower(), self._kwargs])
