"""The mean of outputs that are losses themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mxtrain.metric.base import EvalMetric, as_list, as_numpy, register


@register
class Loss(EvalMetric):
    """The mean of all values of all outputs; labels are not looked at. Source: mxnet.metric.Loss of MXNet 1.9.1."""

    def __init__(
        self, name: str = "loss", output_names: Sequence[str] | None = None, label_names: Sequence[str] | None = None
    ) -> None:
        super().__init__(name, output_names, label_names, has_global_stats=True)

    def update(self, _: Any, preds: Any) -> None:
        """Counts a batch. preds: an output or a list of outputs, of any shape."""
        for pred in as_list(preds):
            values = as_numpy(pred)
            self._add(float(values.sum()), values.size)


@register
class Torch(Loss):
    """Loss under the name that MXNet gave it for Torch criterions."""

    def __init__(
        self, name: str = "torch", output_names: Sequence[str] | None = None, label_names: Sequence[str] | None = None
    ) -> None:
        super().__init__(name, output_names, label_names)


@register
class Caffe(Loss):
    """Loss under the name that MXNet gave it for Caffe criterions."""

    def __init__(
        self, name: str = "caffe", output_names: Sequence[str] | None = None, label_names: Sequence[str] | None = None
    ) -> None:
        super().__init__(name, output_names, label_names)
