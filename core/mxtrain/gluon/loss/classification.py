"""Losses of classes: cross entropies, Kullback-Leibler divergence, margins."""

from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.gluon.loss.base import Loss, _reshape_like

#: Keeps logarithms finite.
EPSILON = 1e-12


def _softplus_of_minus_magnitude(F: Any, pred: Any) -> Any:
    """log(1 + exp(-|pred|)), which does not overflow."""
    return F.Activation(-F.abs(pred), act_type="softrelu")


class SigmoidBinaryCrossEntropyLoss(Loss):
    """Cross entropy of independent yes-or-no labels (0 or 1), averaged per sample. Output: (batch,).

    from_sigmoid: pred is a probability already, rather than a logit.
    """

    def __init__(
        self, from_sigmoid: bool = False, weight: float | None = None, batch_axis: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._from_sigmoid = from_sigmoid

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None, pos_weight: Any = None) -> Any:
        """The loss. pos_weight: factor for the positive labels, broadcast against pred."""
        label = _reshape_like(F, label, pred)
        loss = (
            self._of_probabilities(F, pred, label, pos_weight)
            if self._from_sigmoid
            else self._of_logits(F, pred, label, pos_weight)
        )
        return self._per_sample(F, self._weighted(F, loss, sample_weight))

    def _of_logits(self, F: Any, pred: Any, label: Any, pos_weight: Any) -> Any:
        if pos_weight is None:
            return F.relu(pred) - pred * label + _softplus_of_minus_magnitude(F, pred)
        factor = 1 + F.broadcast_mul(pos_weight - 1, label)
        return pred - pred * label + factor * (_softplus_of_minus_magnitude(F, pred) + F.relu(-pred))

    def _of_probabilities(self, F: Any, pred: Any, label: Any, pos_weight: Any) -> Any:
        positive = F.log(pred + EPSILON) * label
        if pos_weight is not None:
            positive = F.broadcast_mul(positive, pos_weight)
        return -(positive + F.log(1.0 - pred + EPSILON) * (1.0 - label))


SigmoidBCELoss = SigmoidBinaryCrossEntropyLoss


class SoftmaxCrossEntropyLoss(Loss):
    """Cross entropy of one class among several, averaged per sample. Output: (batch,).

    axis: of the classes. sparse_label: labels are class numbers (pred's shape without the axis), rather than
    probabilities (pred's shape). from_logits: pred is a logarithm of probabilities already.
    """

    def __init__(
        self,
        axis: int = -1,
        sparse_label: bool = True,
        from_logits: bool = False,
        weight: float | None = None,
        batch_axis: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._axis = axis
        self._sparse_label = sparse_label
        self._from_logits = from_logits

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        """The loss."""
        if not self._from_logits:
            pred = F.log_softmax(pred, self._axis)
        if self._sparse_label:
            loss = -F.pick(pred, label, axis=self._axis, keepdims=True)
        else:
            loss = -F.sum(pred * _reshape_like(F, label, pred), axis=self._axis, keepdims=True)
        return self._per_sample(F, self._weighted(F, loss, sample_weight))


SoftmaxCELoss = SoftmaxCrossEntropyLoss


class KLDivLoss(Loss):
    """Kullback-Leibler divergence of pred from label: the sum of label * (log(label) - log(pred)). Output: (batch,).

    from_logits: pred is a logarithm of probabilities already, else a softmax along `axis` makes it one.
    """

    def __init__(
        self,
        from_logits: bool = True,
        axis: int = -1,
        weight: float | None = None,
        batch_axis: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._from_logits = from_logits
        self._axis = axis

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        """The loss."""
        if not self._from_logits:
            pred = F.log_softmax(pred, self._axis)
        loss = label * (F.log(label + EPSILON) - pred)
        return F.sum(self._weighted(F, loss, sample_weight), axis=self._batch_axis, exclude=True)


class HingeLoss(Loss):
    """max(0, margin - pred * label) for labels -1 and 1, averaged per sample. Output: (batch,)."""

    def __init__(self, margin: float = 1, weight: float | None = None, batch_axis: int = 0, **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = margin

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        """The loss."""
        loss = self._shape(F, F.relu(self._margin - pred * _reshape_like(F, label, pred)))
        return self._per_sample(F, self._weighted(F, loss, sample_weight))

    def _shape(self, F: Any, distance: Any) -> Any:
        """What the loss makes of the distance to the margin."""
        return distance


class SquaredHingeLoss(HingeLoss):
    """max(0, margin - pred * label)^2 for labels -1 and 1, averaged per sample. Output: (batch,)."""

    def _shape(self, F: Any, distance: Any) -> Any:
        return F.square(distance)


class LogisticLoss(Loss):
    """log(1 + exp(-pred * label)), averaged per sample. Output: (batch,).

    label_format: "signed" (-1 and 1) or "binary" (0 and 1). Raises ArgumentError for another one.
    """

    def __init__(
        self,
        weight: float | None = None,
        batch_axis: int = 0,
        label_format: str = "signed",
        **kwargs: Any,
    ) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        if label_format not in ("signed", "binary"):
            raise ArgumentError(f"label_format can only be signed or binary, received {label_format}.")
        self._label_format = label_format

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        """The loss."""
        label = _reshape_like(F, label, pred)
        if self._label_format == "signed":
            label = (label + 1.0) / 2.0
        loss = F.relu(pred) - pred * label + _softplus_of_minus_magnitude(F, pred)
        return self._per_sample(F, self._weighted(F, loss, sample_weight))
