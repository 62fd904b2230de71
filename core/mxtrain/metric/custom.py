"""Metrics from functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mxtrain.base import MXNetError
from mxtrain.metric.base import EvalMetric, array_pairs, as_list, as_numpy, register


class CannotBeDescribedError(MXNetError, NotImplementedError):
    """A metric that has no configuration (MXNet raises NotImplementedError)."""


@register
class CustomMetric(EvalMetric):
    """The mean of feval(label, pred) over batches; both are NumPy arrays.

    feval: gives a value, or (sum, number of instances). name: by default the function's. allow_extra_outputs: whether
    there may be more outputs than labels. Source: mxnet.metric.CustomMetric of MXNet 1.9.1.
    """

    def __init__(
        self,
        feval: Callable[[Any, Any], Any],
        name: str | None = None,
        allow_extra_outputs: bool = False,
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        if name is None:
            name = feval.__name__
            if "<" in name:
                name = f"custom({name})"
        super().__init__(
            name,
            output_names,
            label_names,
            feval=feval,
            allow_extra_outputs=allow_extra_outputs,
            has_global_stats=True,
        )
        self._feval = feval
        self._allow_extra_outputs = allow_extra_outputs

    def update(self, labels: Any, preds: Any) -> None:
        """Counts a batch."""
        if self._allow_extra_outputs:
            pairs = [(as_numpy(label), as_numpy(pred)) for label, pred in zip(as_list(labels), as_list(preds))]  # noqa: B905
        else:
            pairs = array_pairs(labels, preds)
        for label, pred in pairs:
            result = self._feval(label, pred)
            if isinstance(result, tuple):
                self._add(*result)
            else:
                self._add(result, 1)

    def get_config(self) -> dict[str, Any]:
        """Raises CannotBeDescribedError: a function has no plain form."""
        raise CannotBeDescribedError("CustomMetric cannot be serialized: its function has no plain form.")


def np(
    numpy_feval: Callable[[Any, Any], Any], name: str | None = None, allow_extra_outputs: bool = False
) -> CustomMetric:
    """A metric from a function of NumPy arrays; see CustomMetric.

    Source: mxnet.metric.np of MXNet 1.9.1.
    """

    def feval(label: Any, pred: Any) -> Any:
        return numpy_feval(label, pred)

    feval.__name__ = numpy_feval.__name__
    return CustomMetric(feval, name, allow_extra_outputs)
