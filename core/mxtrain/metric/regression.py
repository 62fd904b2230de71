"""Distances between predicted and true numbers. Each batch of each output counts once, however long it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.metric.base import EvalMetric, array_pairs, register


class _Distance(EvalMetric):
    """A distance of two arrays, averaged over batches. 1-D arrays are taken as one column."""

    def __init__(
        self, name: str, output_names: Sequence[str] | None = None, label_names: Sequence[str] | None = None
    ) -> None:
        super().__init__(name, output_names, label_names, has_global_stats=True)

    def update(self, labels: Any, preds: Any) -> None:
        """Counts a batch. labels, preds: arrays of one shape, or such that broadcast."""
        for label, pred in array_pairs(labels, preds):
            self._add(float(self._distance(self._difference(_as_column(label), _as_column(pred)))), 1)

    def _difference(self, label: np.ndarray, pred: np.ndarray) -> np.ndarray:
        try:
            return np.asarray(label - pred)
        except ValueError as error:
            raise ArgumentError(
                f"Metric {self.name}: expected predictions of the labels' shape {label.shape}. Received: {pred.shape}."
            ) from error

    def _distance(self, difference: np.ndarray) -> Any:
        raise NotImplementedError


def _as_column(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1, 1) if array.ndim == 1 else array


@register
class MAE(_Distance):
    """The mean absolute error. Source: mxnet.metric.MAE of MXNet 1.9.1."""

    def __init__(
        self, name: str = "mae", output_names: Sequence[str] | None = None, label_names: Sequence[str] | None = None
    ) -> None:
        super().__init__(name, output_names, label_names)

    def _distance(self, difference: np.ndarray) -> Any:
        return np.abs(difference).mean()


@register
class MSE(_Distance):
    """The mean squared error. Source: mxnet.metric.MSE of MXNet 1.9.1."""

    def __init__(
        self, name: str = "mse", output_names: Sequence[str] | None = None, label_names: Sequence[str] | None = None
    ) -> None:
        super().__init__(name, output_names, label_names)

    def _distance(self, difference: np.ndarray) -> Any:
        return (difference**2.0).mean()


@register
class RMSE(_Distance):
    """The root of the mean squared error of each batch. Source: mxnet.metric.RMSE of MXNet 1.9.1."""

    def __init__(
        self, name: str = "rmse", output_names: Sequence[str] | None = None, label_names: Sequence[str] | None = None
    ) -> None:
        super().__init__(name, output_names, label_names)

    def _distance(self, difference: np.ndarray) -> Any:
        return np.sqrt((difference**2.0).mean())
