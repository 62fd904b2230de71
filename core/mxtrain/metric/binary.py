"""Metrics of two classes: F1 score and Matthews' correlation coefficient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.metric.base import EvalMetric, array_pairs, check_label_shapes, register


class Confusion:
    """Counts of right and wrong positives and negatives."""

    def __init__(self) -> None:
        self.true_positives = self.false_positives = self.true_negatives = self.false_negatives = 0

    def count(self, label: np.ndarray, pred: np.ndarray) -> None:
        """Adds a batch. label: (n,) of 0 and 1; pred: (n, num_classes) scores. Raises ArgumentError for others."""
        if pred.ndim != 2:
            raise ArgumentError(f"Expected: predictions of shape (n, 2). Received: shape {pred.shape}.")
        truth = label.reshape(-1).astype(np.int64)
        guess = pred.argmax(axis=1)
        check_label_shapes(truth, guess)
        if truth.size and (truth.min() < 0 or truth.max() > 1):
            raise ArgumentError(f"Expected: binary classification, labels 0 and 1. Received: {np.unique(truth)[:10]}.")
        self.true_positives += int(((guess == 1) & (truth == 1)).sum())
        self.false_positives += int(((guess == 1) & (truth == 0)).sum())
        self.false_negatives += int(((guess == 0) & (truth == 1)).sum())
        self.true_negatives += int(((guess == 0) & (truth == 0)).sum())

    @property
    def total(self) -> int:
        """How many instances were counted."""
        return self.true_positives + self.false_positives + self.true_negatives + self.false_negatives

    @property
    def f1(self) -> float:
        """2 * precision * recall / (precision + recall), 0 where there are no positives."""
        wrong = self.false_positives + self.false_negatives
        return 2 * self.true_positives / (2 * self.true_positives + wrong) if self.true_positives else 0.0

    @property
    def mcc(self) -> float:
        """Matthews' correlation; a factor of 0 below the root counts as 1."""
        if not self.total:
            return 0.0
        tp, fp, tn, fn = self.true_positives, self.false_positives, self.true_negatives, self.false_negatives
        terms = [float(term) for term in (tp + fp, tp + fn, tn + fp, tn + fn) if term]
        return (tp * tn - fp * fn) / math.sqrt(math.prod(terms))


class _BinaryMetric(EvalMetric):
    """A figure of a `Confusion`. average: "macro" (mean over batches) or "micro" (over all instances)."""

    figure: ClassVar[str]

    def __init__(
        self, name: str, output_names: Sequence[str] | None, label_names: Sequence[str] | None, average: str
    ) -> None:
        if average not in ("macro", "micro"):
            raise ArgumentError(f"Expected: average 'macro' or 'micro'. Received: {average!r}.")
        self.average = average
        super().__init__(name, output_names, label_names, average=average, has_global_stats=True)

    def update(self, labels: Any, preds: Any) -> None:
        """Counts a batch. labels: (n,) of 0 and 1; preds: (n, num_classes) scores."""
        pairs = array_pairs(labels, preds)
        if self.average == "macro":
            self._count(Confusion(), pairs)
        else:
            self._count(self._local, pairs)
            self._count(self._global, pairs, local=False)

    def _count(self, confusion: Confusion, pairs: list[tuple[np.ndarray, np.ndarray]], local: bool = True) -> None:
        for label, pred in pairs:
            confusion.count(label, pred)
        value: float = getattr(confusion, self.figure)
        if self.average == "macro":
            self._add(value, 1)
        elif local:
            self.sum_metric, self.num_inst = value * confusion.total, confusion.total
        else:
            self.global_sum_metric, self.global_num_inst = value * confusion.total, confusion.total

    def reset(self) -> None:
        """Forgets everything."""
        super().reset()
        self._local, self._global = Confusion(), Confusion()

    def reset_local(self) -> None:
        """Forgets what was seen since the last reset; the global figures stay."""
        super().reset_local()
        self._local = Confusion()


@register
class F1(_BinaryMetric):
    """The F1 score of class 1: 2 * precision * recall / (precision + recall).

    average: "macro" (mean over batches) or "micro" (over all instances). Raises ArgumentError for labels but 0 and 1.
    Source: mxnet.metric.F1 of MXNet 1.9.1.
    """

    figure: ClassVar[str] = "f1"

    def __init__(
        self,
        name: str = "f1",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        average: str = "macro",
    ) -> None:
        super().__init__(name, output_names, label_names, average)


@register
class MCC(_BinaryMetric):
    """Matthews' correlation coefficient, from -1 to 1; 0 for guesses that do not depend on the class.

    average: "macro" (mean over batches) or "micro" (over all instances). Raises ArgumentError for labels but 0 and 1.
    Source: mxnet.metric.MCC of MXNet 1.9.1.
    """

    figure: ClassVar[str] = "mcc"

    def __init__(
        self,
        name: str = "mcc",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        average: str = "macro",
    ) -> None:
        super().__init__(name, output_names, label_names, average)
