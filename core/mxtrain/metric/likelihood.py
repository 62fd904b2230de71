"""How likely the predicted probabilities hold the true classes to be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.metric.base import EvalMetric, alias, array_pairs, mean, register, require_labels_below


class _NegativeLogLikelihood(EvalMetric):
    """The mean of -log(probability of the true class + eps)."""

    def __init__(
        self, eps: float, name: str, output_names: Sequence[str] | None, label_names: Sequence[str] | None
    ) -> None:
        super().__init__(name, output_names, label_names, eps=eps, has_global_stats=True)
        self.eps = eps

    def update(self, labels: Any, preds: Any) -> None:
        """Counts a batch. labels: n class numbers; preds: (n, num_classes) probabilities."""
        for label, pred in array_pairs(labels, preds):
            label = label.reshape(-1)
            if pred.ndim != 2 or label.shape[0] != pred.shape[0]:
                raise ArgumentError(
                    f"Metric {self.name}: expected predictions of shape ({label.shape[0]}, num_classes) for as many"
                    f" labels. Received: {pred.shape}."
                )
            require_labels_below(self, label, pred.shape[1])
            probabilities = pred[np.arange(label.shape[0]), label.astype(np.int64)]
            self._add(float((-np.log(probabilities + self.eps)).sum()), label.shape[0])


@register
@alias("ce")
class CrossEntropy(_NegativeLogLikelihood):
    """Cross-entropy: the mean of -log(probability of the true class + eps).

    Raises ArgumentError for labels outside of the classes. Source: mxnet.metric.CrossEntropy of MXNet 1.9.1.
    """

    def __init__(
        self,
        eps: float = 1e-12,
        name: str = "cross-entropy",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__(eps, name, output_names, label_names)


@register
@alias("nll_loss")
class NegativeLogLikelihood(_NegativeLogLikelihood):
    """The mean of -log(probability of the true class + eps).

    Raises ArgumentError for labels outside of the classes. Source: mxnet.metric.NegativeLogLikelihood of MXNet 1.9.1.
    """

    def __init__(
        self,
        eps: float = 1e-12,
        name: str = "nll-loss",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__(eps, name, output_names, label_names)


@register
class Perplexity(EvalMetric):
    """exp of the mean of -log(probability of the true class), probabilities below 1e-10 counting as that.

    ignore_label: a label whose instances do not count, or None. axis: the class axis of the predictions.
    Source: mxnet.metric.Perplexity of MXNet 1.9.1.
    """

    def __init__(
        self,
        ignore_label: int | None,
        axis: int = -1,
        name: str = "perplexity",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__(name, output_names, label_names, ignore_label=ignore_label, axis=axis, has_global_stats=True)
        self.ignore_label = ignore_label
        self.axis = axis

    def update(self, labels: Any, preds: Any) -> None:
        """Counts a batch. labels: class numbers; preds: probabilities, with a class axis more than the labels."""
        for label, pred in array_pairs(labels, preds):
            pred = np.moveaxis(pred, self.axis, -1)
            num_classes = pred.shape[-1]
            if label.size * num_classes != pred.size:
                raise ArgumentError(
                    f"Metric {self.name}: expected {label.size} labels' predictions of {num_classes} classes each."
                    f" Received: {pred.size} values."
                )
            label, pred = label.reshape(-1).astype(np.int64), pred.reshape(-1, num_classes)
            if self.ignore_label is not None:
                counted = label != self.ignore_label
                label, pred = label[counted], pred[counted]
            require_labels_below(self, label, num_classes)
            probabilities = pred[np.arange(label.shape[0]), label]
            self._add(float(-np.log(np.maximum(probabilities, 1e-10)).sum()), label.shape[0])

    def get(self) -> tuple[str, float]:
        """(name, value) since the last reset."""
        return (self.name, _exp(mean(self.sum_metric, self.num_inst)))

    def get_global(self) -> tuple[str, float]:
        """(name, value) since the last full reset."""
        return (self.name, _exp(mean(self.global_sum_metric, self.global_num_inst)))


def _exp(value: float) -> float:
    return float("inf") if value > 700 else math.exp(value)
