"""How often the right class came first, or among the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.metric.base import EvalMetric, alias, array_pairs, check_label_shapes, register, require_labels_below


@register
@alias("acc")
class Accuracy(EvalMetric):
    """The share of labels that were predicted.

    axis: the class axis of predictions that have one axis more than the labels; predictions of the labels' shape are
    class numbers. Negative labels (padding) are never right; labels beyond the classes are an error.
    Source: mxnet.metric.Accuracy of MXNet 1.9.1.
    """

    def __init__(
        self,
        axis: int = 1,
        name: str = "accuracy",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__(name, output_names, label_names, axis=axis, has_global_stats=True)
        self.axis = axis

    def update(self, labels: Any, preds: Any) -> None:
        """Counts a batch. labels: class numbers; preds: scores per class, or class numbers."""
        for label, pred in array_pairs(labels, preds):
            if pred.shape != label.shape:
                require_labels_below(self, label, pred.shape[self.axis], minimum=None)
                pred = pred.argmax(axis=self.axis)
            label, pred = label.reshape(-1).astype(np.int64), pred.reshape(-1).astype(np.int64)
            check_label_shapes(label, pred)
            self._add(float((pred == label).sum()), label.size)


@register
@alias("top_k_accuracy", "top_k_acc")
class TopKAccuracy(EvalMetric):
    """The share of labels that were among the `top_k` highest scores. Its name becomes name_<top_k>.

    Raises ArgumentError for top_k < 2. Source: mxnet.metric.TopKAccuracy of MXNet 1.9.1.
    """

    def __init__(
        self,
        top_k: int = 1,
        name: str = "top_k_accuracy",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        if top_k <= 1:
            raise ArgumentError(f"Please use Accuracy if top_k is no more than 1. Received: top_k={top_k}.")
        super().__init__(name, output_names, label_names, top_k=top_k, has_global_stats=True)
        self.top_k = top_k
        self.name += f"_{top_k}"

    def get_config(self) -> dict[str, Any]:
        """What `mx.metric.create` makes an equal metric of."""
        return {**super().get_config(), "name": self.name.removesuffix(f"_{self.top_k}")}

    def update(self, labels: Any, preds: Any) -> None:
        """Counts a batch. labels: (n,) class numbers; preds: (n, num_classes) scores, or (n,) class numbers."""
        for label, pred in array_pairs(labels, preds):
            if pred.ndim > 2:
                raise ArgumentError(f"Metric {self.name}: expected predictions of ndim <= 2. Received: {pred.shape}.")
            label = label.reshape(-1).astype(np.int64)
            check_label_shapes(label, pred)
            if pred.ndim == 1:
                right = pred.astype(np.int64) == label
            else:
                right = self._is_among_first(label, pred)
            self._add(float(right.sum()), label.size)

    def _is_among_first(self, label: np.ndarray, pred: np.ndarray) -> np.ndarray:
        """For each row, whether the label's score is among the top_k highest."""
        num_classes = pred.shape[1]
        require_labels_below(self, label, num_classes, minimum=None)
        top_k = min(self.top_k, num_classes)
        first = np.argpartition(pred.astype(np.float32), num_classes - top_k, axis=1)[:, num_classes - top_k :]
        return (first == label[:, None]).any(axis=1)
