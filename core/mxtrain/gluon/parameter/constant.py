"""`Constant`: a parameter that never changes."""

import warnings
from typing import Any

from mxtrain import initializer
from mxtrain import ndarray as nd
from mxtrain.gluon.parameter.parameter_type import Parameter
from mxtrain.ndarray import NDArray


class Constant(Parameter):
    """A parameter with a fixed value, which the Trainer leaves alone: it has no gradient.

    value: an NDArray, a NumPy array or nested lists (these become float32).
    Source: follows mxnet.gluon.Constant of MXNet 1.9.1.
    """

    def __init__(self, name: str, value: Any) -> None:
        array = value if isinstance(value, NDArray) else nd.array(value)
        self.value = array
        super().__init__(name, grad_req="null", shape=array.shape, dtype=array.dtype, init=initializer.Constant(array))

    def __repr__(self) -> str:
        return f"Constant {self.name} (shape={self.shape}, dtype={self.dtype})"

    @property
    def grad_req(self) -> str:
        """Always "null"."""
        return "null"

    @grad_req.setter
    def grad_req(self, req: str) -> None:
        if req != "null":
            warnings.warn(
                f'Constant parameter "{self.name}" does not support grad_req other than "null", and new value "{req}" '
                "is ignored.",
                stacklevel=2,
            )
