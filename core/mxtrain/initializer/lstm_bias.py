"""Biases of an LSTM."""

from __future__ import annotations

from mxtrain.initializer.base import Initializer, register
from mxtrain.ndarray import NDArray


@register
class LSTMBias(Initializer):
    """Zeros, and `forget_bias` for the forget gate: the second quarter of the bias.

    Source: http://proceedings.mlr.press/v37/jozefowicz15.pdf; mxnet.initializer.LSTMBias of MXNet 1.9.1.
    """

    def __init__(self, forget_bias: float = 1.0) -> None:
        super().__init__(forget_bias=forget_bias)
        self.forget_bias = forget_bias

    def _init_weight(self, _: str, arr: NDArray) -> None:
        quarter = arr.shape[0] // 4
        arr[:] = 0.0
        arr[quarter : 2 * quarter] = self.forget_bias
