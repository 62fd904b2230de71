"""Convolution of float32 arrays by oneDNN, and its gradients.

Arrays are C-contiguous: data (N, C, *spatial), weight (F, C / groups, *kernel), result (N, F, *counts).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mxtrain.device import onednn
from mxtrain.device.onednn import Primitive, Windows, any_layout, channels_last_layout, plain_layout

_DIRECT = 1  # the algorithm


def forward(
    data: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, windows: Windows, groups: int, out: np.ndarray
) -> None:
    """Write the convolution of data with weight, plus bias (F,), into `out`. Raises OneDnnError."""
    form = _Convolution(data.shape, weight.shape, out.shape, windows, groups)
    if bias is None:
        onednn.cached(("forward", form), form.forward)(data, weight, out)
    else:
        onednn.cached(("forward with bias", form), form.forward_with_bias)(data, weight, bias, out)


def backward_data(gy: np.ndarray, weight: np.ndarray, windows: Windows, groups: int, out: np.ndarray) -> None:
    """Write the gradient of the convolution by its data into `out`. Raises OneDnnError."""
    form = _Convolution(out.shape, weight.shape, gy.shape, windows, groups)
    onednn.cached(("backward data", form), form.backward_data)(gy, weight, out)


def backward_weight(gy: np.ndarray, data: np.ndarray, windows: Windows, groups: int, out: np.ndarray) -> None:
    """Write the gradient of the convolution by its weight into `out`. Raises OneDnnError."""
    form = _Convolution(data.shape, out.shape, gy.shape, windows, groups)
    onednn.cached(("backward weight", form), form.backward_weight)(gy, data, out)


@dataclass(frozen=True)
class _Convolution:
    """The shapes of one convolution, and the primitives for them."""

    data: tuple[int, ...]
    weight: tuple[int, ...]
    result: tuple[int, ...]
    windows: Windows
    groups: int

    @property
    def weight_by_group(self) -> tuple[int, ...]:
        """The weight's shape as oneDNN wants it: groups are an axis of their own."""
        if self.groups == 1:
            return self.weight
        return (self.groups, self.weight[0] // self.groups, *self.weight[1:])

    def forward(self) -> Primitive:
        """Takes data, weight, result."""
        arrays = [self._data(onednn.SRC), self._weight(onednn.WEIGHTS), self._result(onednn.DST, written=True)]
        return Primitive(self._describe("forward"), arrays)

    def forward_with_bias(self) -> Primitive:
        """Takes data, weight, bias, result."""
        bias = plain_layout(self.weight[:1])
        arrays = [
            self._data(onednn.SRC),
            self._weight(onednn.WEIGHTS),
            (onednn.BIAS, bias, False),
            self._result(onednn.DST, written=True),
        ]
        return Primitive(self._describe("forward", bias), arrays)

    def backward_data(self) -> Primitive:
        """Takes the result's gradient, weight, the data's gradient."""
        arrays = [
            self._result(onednn.DIFF_DST),
            self._weight(onednn.WEIGHTS),
            self._data(onednn.DIFF_SRC, written=True),
        ]
        return Primitive(self._describe("backward_data"), arrays)

    def backward_weight(self) -> Primitive:
        """Takes the result's gradient, data, the weight's gradient."""
        arrays = [
            self._result(onednn.DIFF_DST),
            self._data(onednn.SRC),
            self._weight(onednn.DIFF_WEIGHTS, written=True),
        ]
        return Primitive(self._describe("backward_weights"), arrays)

    def _data(self, argument: int, written: bool = False) -> tuple[int, Any, bool]:
        return argument, plain_layout(self.data), written

    def _weight(self, argument: int, written: bool = False) -> tuple[int, Any, bool]:
        return argument, plain_layout(self.weight_by_group), written

    def _result(self, argument: int, written: bool = False) -> tuple[int, Any, bool]:
        return argument, plain_layout(self.result), written

    def _describe(self, kind: str, bias: Any = None) -> Any:
        """The descriptor of the primitive of a kind: "forward", "backward_data" or "backward_weights"."""
        image_layout, weight_layout = self._fastest_layouts(kind)
        arrays = [image_layout(self.data), weight_layout(self.weight_by_group), image_layout(self.result)]
        if kind != "backward_data":
            arrays.insert(2, bias)
        head = [onednn.engine(), onednn.FORWARD_TRAINING] if kind == "forward" else [onednn.engine()]
        tail = [] if kind == "forward" else [self._describe("forward")]
        steps = onednn.steps(self.windows, self.data[2:], self.result[2:])
        create = f"dnnl_convolution_{kind}_primitive_desc_create"
        return onednn.create(create, *head, _DIRECT, *arrays, *steps, *tail, onednn.scratchpad_attribute())

    def _fastest_layouts(self, kind: str) -> tuple[Any, Any]:
        """The layouts of data and result, and of the weight, that are fastest, reorders to and from them included.

        Measured on one core (AVX-512), GFLOP/s of forward with plain, blocked and channels-last arrays: 3x3 with 64
        channels 137, 214, -; 5x5 with 20 -> 50 channels 121, 103, 160; 1x1 with 64 -> 256 channels 246, 134, -; the
        weights' gradient of a first layer with one channel 36, 71, -.
        """
        channels, filters = self.weight[1], self.weight[0] // self.groups
        plain, blocked = (plain_layout, plain_layout), (any_layout, any_layout)
        if all(size == 1 for size in self.weight[2:]):
            return plain
        if channels <= 4 and self.groups == 1:
            return blocked if kind == "backward_weights" or (kind == "forward" and filters % 16 == 0) else plain
        if channels % 16 == 0 and filters % 16 == 0:
            return blocked
        return plain if kind == "backward_data" or self.groups > 1 else (channels_last_layout, any_layout)
