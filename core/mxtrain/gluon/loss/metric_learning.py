"""Losses of distances between samples: triplet, cosine embedding, SDML."""

from typing import Any

from mxtrain import ndarray as nd
from mxtrain.base import ArgumentTypeError
from mxtrain.gluon.loss.base import Loss, _reshape_like
from mxtrain.gluon.loss.classification import KLDivLoss


class TripletLoss(Loss):
    """max(0, |positive - pred|^2 - |negative - pred|^2 + margin) per sample. Output: (batch,)."""

    def __init__(self, margin: float = 1, weight: float | None = None, batch_axis: int = 0, **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = margin

    def hybrid_forward(self, F: Any, pred: Any, positive: Any, negative: Any, sample_weight: Any = None) -> Any:
        """The loss. positive, negative: as many values as pred."""
        near = F.square(_reshape_like(F, positive, pred) - pred)
        far = F.square(_reshape_like(F, negative, pred) - pred)
        loss = F.relu(F.sum(near - far, axis=self._batch_axis, exclude=True) + self._margin)
        return self._weighted(F, loss, sample_weight)


class CosineEmbeddingLoss(Loss):
    """1 - cos(input1, input2) for pairs labelled 1; max(0, cos - margin) for those labelled -1. Output: (batch, 1)."""

    def __init__(self, weight: float | None = None, batch_axis: int = 0, margin: float = 0, **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = margin

    def hybrid_forward(self, F: Any, input1: Any, input2: Any, label: Any, sample_weight: Any = None) -> Any:
        """The loss. input1, input2: (batch, features); label: (batch,)."""
        input1 = _reshape_like(F, input1, input2)
        label = label.reshape((-1, 1))
        similarity = self._cosine(F, input1, input2)
        together = (1 - similarity) * (label == 1)
        apart = F.broadcast_maximum(F.zeros((1, 1)), (label == -1) * (similarity - self._margin))
        return self._weighted(F, together + apart, sample_weight)

    def _cosine(self, F: Any, x: Any, y: Any) -> Any:
        """(batch, 1): the cosine of the angle between rows."""
        product = F.sum(x * y, axis=-1)
        norms = F.norm(x, axis=-1).reshape((-1, 1)) * F.norm(y, axis=-1).reshape((-1, 1))
        return product.reshape((-1, 1)) / F.broadcast_maximum(norms, F.full((1, 1), 1e-12))


class SDMLLoss(Loss):
    """Smoothed deep metric learning: each sample's partner shall be nearer than the other samples'. Output: (batch,).

    x1, x2: (batch, features), aligned pairs. smoothing_parameter: probability that is left to the other samples.
    Works on arrays only, since the labels depend on the batch's size. Source: arXiv:1905.12786.
    """

    def __init__(
        self, smoothing_parameter: float = 0.3, weight: float | None = 1.0, batch_axis: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self.kl_loss = KLDivLoss(from_logits=True)
        self.smoothing_parameter = smoothing_parameter

    def hybrid_forward(self, F: Any, x1: Any, x2: Any) -> Any:
        """The loss."""
        if F is not nd:
            raise ArgumentTypeError("SDMLLoss: expected arrays. Received: Symbols, whose batch size is not known.")
        differences = x1.expand_dims(1) - x2.expand_dims(0)
        distances = F.sum(F.square(differences), axis=2)
        labels = self._labels(F, x1.shape[0]).as_in_context(distances.context)
        return self.kl_loss(F.log_softmax(-distances, axis=1), labels)

    def _labels(self, F: Any, batch_size: int) -> Any:
        """(batch, batch): the probability that a sample is another one's partner."""
        gold = F.eye(batch_size)
        others = self.smoothing_parameter / (batch_size - 1)
        return gold * (1 - self.smoothing_parameter) + (1 - gold) * others
