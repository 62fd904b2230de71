"""`EvalMetric`: a mean over everything seen since the last reset, and over everything seen at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mxtrain import registry
from mxtrain.base import ArgumentError, NameLookupError
from mxtrain.device import to_numpy
from mxtrain.ndarray import NDArray


class EvalMetric:
    """Base of all metrics; a subclass defines `update`, which counts instances and sums their values.

    name: how results are called. output_names, label_names: which outputs and labels `update_dict` picks; all by
    default. has_global_stats: true for a metric that also sums into the global figures, which `reset_local` spares.
    Further keywords go into the configuration.

    Source: follows mxnet.metric.EvalMetric of MXNet 1.9.1.
    """

    def __init__(
        self,
        name: str,
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.name = str(name)
        self.output_names = output_names
        self.label_names = label_names
        self._has_global_stats = kwargs.pop("has_global_stats", False)
        self._kwargs = kwargs
        self.reset()

    def __str__(self) -> str:
        return f"EvalMetric: {dict(self.get_name_value())}"

    def get_config(self) -> dict[str, Any]:
        """What `mx.metric.create` makes an equal metric of; it can be written as JSON."""
        return {
            **self._kwargs,
            "metric": type(self).__name__,
            "name": self.name,
            "output_names": self.output_names,
            "label_names": self.label_names,
        }

    def update_dict(self, label: Mapping[str, Any], pred: Mapping[str, Any]) -> None:
        """As `update`, from labels and outputs by name. Raises NameLookupError for a name that is not there."""
        self.update(pick(label, self.label_names, "labels"), pick(pred, self.output_names, "outputs"))

    def update(self, labels: Any, preds: Any) -> None:
        """Counts a batch. labels, preds: lists of NDArrays, one pair per output."""
        raise NotImplementedError(f"{type(self).__name__} must define update")

    def reset(self) -> None:
        """Forgets everything."""
        self.num_inst: float = 0
        self.sum_metric: Any = 0.0
        self.global_num_inst: float = 0
        self.global_sum_metric: Any = 0.0

    def reset_local(self) -> None:
        """Forgets what was seen since the last reset; the global figures stay."""
        self.num_inst = 0
        self.sum_metric = 0.0

    def _add(self, total: float, num_inst: float) -> None:
        """Counts `num_inst` instances whose values sum up to `total`, locally and globally."""
        self.sum_metric += total
        self.num_inst += num_inst
        self.global_sum_metric += total
        self.global_num_inst += num_inst

    def get(self) -> tuple[Any, Any]:
        """(name, value) since the last reset; the value is NaN where nothing was counted."""
        return (self.name, mean(self.sum_metric, self.num_inst))

    def get_global(self) -> tuple[Any, Any]:
        """(name, value) since the last full reset."""
        if not self._has_global_stats:
            return self.get()
        return (self.name, mean(self.global_sum_metric, self.global_num_inst))

    def get_name_value(self) -> list[tuple[str, Any]]:
        """Pairs of name and value."""
        return as_pairs(self.get())

    def get_global_name_value(self) -> list[tuple[str, Any]]:
        """Pairs of name and global value."""
        if not self._has_global_stats:
            return self.get_name_value()
        return as_pairs(self.get_global())


def mean(total: Any, num_inst: float) -> Any:
    """total / num_inst, NaN for none."""
    return total / num_inst if num_inst else float("nan")


def as_pairs(result: tuple[Any, Any]) -> list[tuple[str, Any]]:
    """Pairs of name and value from what `get` gives: single ones or two lists."""
    names, values = (part if isinstance(part, list) else [part] for part in result)
    return list(zip(names, values, strict=True))


def pick(arrays: Mapping[str, Any], names: Iterable[str] | None, what: str) -> list[Any]:
    """The arrays of the given names; all of them for None."""
    if names is None:
        return list(arrays.values())
    missing = [name for name in names if name not in arrays]
    if missing:
        raise NameLookupError(f"Expected: {what} named {missing}. Received: {sorted(arrays)}.")
    return [arrays[name] for name in names]


def as_numpy(array: Any) -> np.ndarray:
    """The values in host memory; an NDArray's own memory where that is possible, so do not write to it."""
    return to_numpy(array.data_array) if isinstance(array, NDArray) else np.asarray(array)


def check_label_shapes(labels: Any, preds: Any, wrap: bool = False, shape: bool = False) -> tuple[Any, Any]:
    """Labels and predictions, once they are found to be as many (or, with `shape`, of the same shape).

    wrap: puts a single NDArray into a list. Raises ArgumentError, a ValueError.
    """
    expected, received = (labels.shape, preds.shape) if shape else (len(labels), len(preds))
    if expected != received:
        raise ArgumentError(f"Shape of labels {expected} does not match shape of predictions {received}")
    return (as_list(labels), as_list(preds)) if wrap else (labels, preds)


def as_list(arrays: Any) -> Any:
    """A list of arrays from one array or several."""
    return [arrays] if isinstance(arrays, (NDArray, np.ndarray)) else arrays


def array_pairs(labels: Any, preds: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Label and prediction of each output, in host memory. Raises ArgumentError for unequal numbers of them."""
    labels, preds = check_label_shapes(as_list(labels), as_list(preds))
    return [(as_numpy(label), as_numpy(pred)) for label, pred in zip(labels, preds, strict=True)]


def require_labels_below(metric: EvalMetric, labels: np.ndarray, num_classes: int, minimum: int | None = 0) -> None:
    """Raises ArgumentError for a label outside of [minimum, num_classes). minimum None: any negative one is fine."""
    if not labels.size:
        return
    lowest, highest = labels.min(), labels.max()
    if highest >= num_classes or (minimum is not None and lowest < minimum):
        wrong = highest if highest >= num_classes else lowest
        raise ArgumentError(
            f"Metric {metric.name}: expected labels of 0 to {num_classes - 1}, as the predictions have {num_classes}"
            f" classes. Received: {wrong}."
        )


register = registry.get_register_func(EvalMetric, "metric")
alias = registry.get_alias_func(EvalMetric, "metric")
create_registered = registry.get_create_func(EvalMetric, "metric")
