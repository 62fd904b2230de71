"""Correlations of predictions and labels: Pearson's, and its form for classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.metric.base import EvalMetric, alias, array_pairs, check_label_shapes, register


class Moments:
    """Means, variances and covariance of two series that come in pieces (Chan, Golub and LeVeque, 1979)."""

    def __init__(self) -> None:
        self.num = 0
        self.means = np.zeros(2)
        self.products = np.zeros((2, 2))

    def count(self, label: np.ndarray, pred: np.ndarray) -> None:
        """Adds equally many values of both series."""
        values = np.stack([label.reshape(-1), pred.reshape(-1)]).astype(np.float64)
        num = values.shape[1]
        if not num:
            return
        means = values.mean(axis=1)
        centred = values - means[:, None]
        distance = means - self.means
        total = self.num + num
        self.products += centred @ centred.T + np.outer(distance, distance) * (self.num * num / total)
        self.means += distance * (num / total)
        self.num = total

    @property
    def correlation(self) -> float:
        """Pearson's r; NaN where a series is constant."""
        scale = math.sqrt(self.products[0, 0] * self.products[1, 1])
        return float(self.products[0, 1]) / scale if scale else float("nan")


@register
@alias("pearsonr")
class PearsonCorrelation(EvalMetric):
    """Pearson's correlation of predictions and labels.

    average: "macro" (mean over batches) or "micro" (over all values).
    Source: mxnet.metric.PearsonCorrelation of MXNet 1.9.1.
    """

    def __init__(
        self,
        name: str = "pearsonr",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        average: str = "macro",
    ) -> None:
        if average not in ("macro", "micro"):
            raise ArgumentError(f"Expected: average 'macro' or 'micro'. Received: {average!r}.")
        self.average = average
        super().__init__(name, output_names, label_names, average=average, has_global_stats=True)

    def update(self, labels: Any, preds: Any) -> None:
        """Counts a batch. labels, preds: arrays of one shape."""
        for label, pred in array_pairs(labels, preds):
            check_label_shapes(label, pred, shape=True)
            if self.average == "macro":
                moments = Moments()
                moments.count(label, pred)
                self._add(moments.correlation, 1)
            else:
                self._local.count(label, pred)
                self._global.count(label, pred)
                self.num_inst += 1
                self.global_num_inst += 1

    def reset(self) -> None:
        """Forgets everything."""
        super().reset()
        self._local, self._global = Moments(), Moments()

    def reset_micro(self) -> None:
        """Forgets the values seen since the last reset, as far as average="micro" is concerned."""
        self._local = Moments()

    def reset_local(self) -> None:
        """Forgets what was seen since the last reset; the global figures stay."""
        super().reset_local()
        self.reset_micro()

    def get(self) -> tuple[str, float]:
        """(name, value) since the last reset."""
        return super().get() if self.average == "macro" else (self.name, self._local.correlation)

    def get_global(self) -> tuple[str, float]:
        """(name, value) since the last full reset."""
        return super().get_global() if self.average == "macro" else (self.name, self._global.correlation)


@register
class PCC(EvalMetric):
    """Matthews' correlation for any number of classes: Pearson's r of the discretised assignments.

    Source: mxnet.metric.PCC of MXNet 1.9.1; doi:10.1016/j.compbiolchem.2004.09.006.
    """

    #: confusion matrices, [prediction, label], since the last reset (l) and since the last full reset (g)
    lcm: np.ndarray
    gcm: np.ndarray

    def __init__(
        self,
        name: str = "pcc",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        has_global_stats: bool = True,
    ) -> None:
        super().__init__(name, output_names, label_names, has_global_stats=has_global_stats)

    def update(self, labels: Any, preds: Any) -> None:
        """Counts a batch. labels: class numbers; preds: (n, num_classes) scores, or class numbers."""
        for label, pred in array_pairs(labels, preds):
            if pred.shape != label.shape:
                pred = pred.argmax(axis=1)
            label, pred = label.reshape(-1).astype(np.int64), pred.reshape(-1).astype(np.int64)
            check_label_shapes(label, pred)
            if label.size and min(label.min(), pred.min()) < 0:
                raise ArgumentError(
                    f"Metric {self.name}: expected classes >= 0. Received: {min(label.min(), pred.min())}."
                )
            self._count(label, pred)

    def _count(self, label: np.ndarray, pred: np.ndarray) -> None:
        num_classes = max(int(label.max(initial=0)), int(pred.max(initial=0))) + 1
        if num_classes > len(self.lcm):
            more = num_classes - len(self.lcm)
            self.lcm, self.gcm = (np.pad(matrix, ((0, more), (0, more))) for matrix in (self.lcm, self.gcm))
        for matrix in (self.lcm, self.gcm):
            np.add.at(matrix, (pred, label), 1)
        self.num_inst += 1
        self.global_num_inst += 1

    def reset(self) -> None:
        """Forgets everything."""
        self.global_num_inst = 0
        self.gcm = np.zeros((2, 2))
        self.reset_local()

    def reset_local(self) -> None:
        """Forgets what was seen since the last reset; the global figures stay."""
        self.num_inst = 0
        self.lcm = np.zeros_like(self.gcm)

    @property
    def sum_metric(self) -> float:
        """The correlation times the number of updates since the last reset."""
        return _class_correlation(self.lcm) * self.num_inst

    @property
    def global_sum_metric(self) -> float:
        """The correlation times the number of updates since the last full reset."""
        return _class_correlation(self.gcm) * self.global_num_inst


def _class_correlation(confusion: np.ndarray) -> float:
    """The correlation of a confusion matrix; NaN where all predictions or all labels are of one class."""
    total = confusion.sum()
    predicted, true = confusion.sum(axis=1), confusion.sum(axis=0)
    spread = (predicted * (total - predicted)).sum() * (true * (total - true)).sum()
    if not spread:
        return float("nan")
    return float((confusion.diagonal() * total - predicted * true).sum() / math.sqrt(spread))
