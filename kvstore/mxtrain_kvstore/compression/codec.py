"""`Codec`: a form in which float32 values are sent in fewer bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from mxtrain.base import ArgumentError


class Codec(ABC):
    """Encodes and decodes flat float32 arrays; two codecs of one name and parameter do the same.

    name: on the wire and in `set_gradient_compression`. parameter_name: of its one number, "" where it has none.
    elementwise: each value is encoded by itself, so that blocks that follow each other may be encoded as one.
    """

    name: ClassVar[str]
    parameter_name: ClassVar[str] = ""
    default: ClassVar[float] = 0.0
    elementwise: ClassVar[bool] = True

    def __init__(self, parameter: float | None = None) -> None:
        """Raises ArgumentError for a parameter that the codec cannot have."""
        self.parameter = self.default if parameter is None else float(parameter)
        problem = self.problem()
        if problem:
            raise ArgumentError(f"Gradient compression {self.name!r}: {problem}. Received: {self.parameter}.")

    def problem(self) -> str:
        """What the parameter should be, where it is not; else ""."""
        return "" if self.parameter == self.default else "expected no parameter"

    @property
    def form(self) -> list[str | float]:
        """How a message names the codec: [name, parameter]."""
        return [self.name, self.parameter]

    @abstractmethod
    def encoded_size(self, length: int) -> int:
        """How many bytes `length` values take."""

    @abstractmethod
    def encode(self, values: np.ndarray) -> np.ndarray:
        """The values, float32 and flat, as `encoded_size` bytes, uint8."""

    @abstractmethod
    def decode(self, data: np.ndarray, length: int) -> np.ndarray:
        """`length` values, float32, from `encoded_size(length)` bytes. Raises MXNetError for bytes that are no code."""


def above_zero(parameter: float, what: str) -> str:
    """What is wrong with a parameter that must be a number above 0; "" where nothing is."""
    return "" if 0 < parameter < float("inf") else f"expected a {what} above 0 (threshold must be greater than 0)"
