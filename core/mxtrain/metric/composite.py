"""Several metrics as one, and how a metric is made from a name, a function or a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.metric.base import EvalMetric, alias, create_registered, pick, register
from mxtrain.metric.custom import CustomMetric


def create(metric: Any, *args: Any, **kwargs: Any) -> EvalMetric:
    """A metric from a registered name, a metric, a function feval(label, pred), a configuration, or a list of those.

    Raises ArgumentError (a ValueError) for an unknown name. Source: mxnet.metric.create of MXNet 1.9.1.
    """
    if callable(metric):
        return CustomMetric(metric, *args, **kwargs)
    if isinstance(metric, list):
        return CompositeEvalMetric([create(one, *args, **kwargs) for one in metric])
    made: EvalMetric = create_registered(metric, *args, **kwargs)
    return made


@register
@alias("composite")
class CompositeEvalMetric(EvalMetric):
    """Several metrics of the same outputs. metrics: metrics, names or functions.

    Source: mxnet.metric.CompositeEvalMetric of MXNet 1.9.1.
    """

    def __init__(
        self,
        metrics: Sequence[Any] | None = None,
        name: str = "composite",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        self.metrics: list[EvalMetric] = [create(metric) for metric in metrics or ()]
        super().__init__(name, output_names, label_names, has_global_stats=True)

    def add(self, metric: Any) -> None:
        """Appends a metric."""
        self.metrics.append(create(metric))

    def get_metric(self, index: int) -> EvalMetric:
        """The metric at a position. Raises ArgumentError (a ValueError) beyond the last."""
        if not -len(self.metrics) <= index < len(self.metrics):
            raise ArgumentError(f"Metric index {index} is out of range 0 and {len(self.metrics)}")
        return self.metrics[index]

    def update_dict(self, labels: Mapping[str, Any], preds: Mapping[str, Any]) -> None:
        """Each metric's `update_dict`, on the labels and outputs that this one picks."""
        if self.label_names is not None:
            labels = dict(zip(self.label_names, pick(labels, self.label_names, "labels"), strict=True))
        if self.output_names is not None:
            preds = dict(zip(self.output_names, pick(preds, self.output_names, "outputs"), strict=True))
        for metric in self.metrics:
            metric.update_dict(labels, preds)

    def update(self, labels: Any, preds: Any) -> None:
        """Counts a batch in each metric."""
        for metric in self.metrics:
            metric.update(labels, preds)

    def reset(self) -> None:
        """Forgets everything."""
        for metric in self.metrics:
            metric.reset()

    def reset_local(self) -> None:
        """Forgets what was seen since the last reset; the global figures stay."""
        for metric in self.metrics:
            metric.reset_local()

    def get(self) -> tuple[list[str], list[Any]]:
        """(names, values) since the last reset."""
        return _merged([metric.get_name_value() for metric in self.metrics])

    def get_global(self) -> tuple[list[str], list[Any]]:
        """(names, values) since the last full reset."""
        return _merged([metric.get_global_name_value() for metric in self.metrics])

    def get_config(self) -> dict[str, Any]:
        """What `mx.metric.create` makes an equal metric of."""
        return {**super().get_config(), "metrics": [metric.get_config() for metric in self.metrics]}


def _merged(results: list[list[tuple[str, Any]]]) -> tuple[list[str], list[Any]]:
    pairs = [pair for result in results for pair in result]
    return [name for name, _ in pairs], [value for _, value in pairs]
