"""Maximum and average pooling of float32 arrays by oneDNN, and the gradients.

Arrays are C-contiguous: data (N, C, *spatial), result (N, C, *counts).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from mxtrain.device import onednn
from mxtrain.device.onednn import Dims, Primitive, Windows, plain_layout

# the kinds of pooling, as the library numbers them; the last one does not count padding
ALGORITHMS = {"max": 0x1FF, "avg": 0x2FF, "avg_without_pad": 0x3FF}


def forward(kind: str, data: np.ndarray, windows: Windows, out: np.ndarray, chosen: np.ndarray | None) -> None:
    """Write the pooling of data into `out`, and which value each maximum is into `chosen`. Raises OneDnnError.

    kind: a key of ALGORITHMS. chosen: for "max", as many bytes as `chosen_size` tells; else None.
    """
    form = _Pooling(kind, data.shape, out.shape, windows)
    onednn.cached(("pooling", form), form.forward)(data, out, *_present(chosen))


def backward(kind: str, gy: np.ndarray, windows: Windows, out: np.ndarray, chosen: np.ndarray | None) -> None:
    """Write the gradient of the pooling by its data into `out`. Raises OneDnnError. chosen: what `forward` wrote."""
    form = _Pooling(kind, out.shape, gy.shape, windows)
    onednn.cached(("pooling backward", form), form.backward)(gy, out, *_present(chosen))


@functools.lru_cache(maxsize=1024)
def chosen_size(data: tuple[int, ...], result: tuple[int, ...], windows: Windows) -> int:
    """Bytes that the forward of a maximum writes for its backward."""
    return onednn.workspace_size(_Pooling("max", data, result, windows).describe_forward())


def _present(chosen: np.ndarray | None) -> tuple[np.ndarray, ...]:
    return () if chosen is None else (chosen,)


@dataclass(frozen=True)
class _Pooling:
    """The shapes of one pooling, and the primitives for them."""

    kind: str
    data: tuple[int, ...]
    result: tuple[int, ...]
    windows: Windows

    def forward(self) -> Primitive:
        """Takes data, result and, for a maximum, which values were chosen."""
        arrays = [(onednn.SRC, plain_layout(self.data), False), (onednn.DST, plain_layout(self.result), True)]
        return Primitive(self.describe_forward(), [*arrays, *self._chosen(written=True)])

    def backward(self) -> Primitive:
        """Takes the result's gradient, the data's gradient and, for a maximum, which values were chosen."""
        described = onednn.create(
            "dnnl_pooling_backward_primitive_desc_create",
            onednn.engine(),
            ALGORITHMS[self.kind],
            plain_layout(self.data),
            plain_layout(self.result),
            *self._steps(),
            self.describe_forward(),
            onednn.scratchpad_attribute(),
        )
        arrays = [
            (onednn.DIFF_DST, plain_layout(self.result), False),
            (onednn.DIFF_SRC, plain_layout(self.data), True),
        ]
        return Primitive(described, [*arrays, *self._chosen(written=False)])

    def describe_forward(self) -> Any:
        """The descriptor of the forward primitive."""
        return onednn.create(
            "dnnl_pooling_forward_primitive_desc_create",
            onednn.engine(),
            onednn.FORWARD_TRAINING,
            ALGORITHMS[self.kind],
            plain_layout(self.data),
            plain_layout(self.result),
            *self._steps(),
            onednn.scratchpad_attribute(),
        )

    def _chosen(self, written: bool) -> list[tuple[int, None, bool]]:
        return [(onednn.WORKSPACE, None, written)] if self.kind == "max" else []

    def _steps(self) -> tuple[Any, ...]:
        stride, dilate, pad, pad_after = onednn.steps(self.windows, self.data[2:], self.result[2:])
        return stride, Dims(*self.windows.kernel), dilate, pad, pad_after
