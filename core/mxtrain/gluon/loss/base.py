"""`Loss`: base of all losses."""

from typing import Any

from mxtrain import ndarray as nd
from mxtrain.gluon.block import HybridBlock
from mxtrain.gluon.errors import CheckError


class Loss(HybridBlock):
    """A function of predictions and labels, one value per sample.

    weight: a factor for the loss, None for 1. batch_axis: the axis of the samples. `sample_weight`, where a loss takes
    one, broadcasts against the loss's values.
    Source: the losses follow mxnet.gluon.loss of MXNet 1.9.1.
    """

    def __init__(self, weight: float | None, batch_axis: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._weight = weight
        self._batch_axis = batch_axis

    def __repr__(self) -> str:
        return f"{type(self).__name__}(batch_axis={self._batch_axis}, w={self._weight})"

    def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The loss, written with F."""
        raise NotImplementedError(f"{type(self).__name__} must define hybrid_forward")

    def _weighted(self, F: Any, loss: Any, sample_weight: Any, weight: Any = None) -> Any:
        """The loss times the weights. weight: in the place of the loss's own."""
        return _apply_weighting(F, loss, self._weight if weight is None else weight, sample_weight)

    def _per_sample(self, F: Any, loss: Any) -> Any:
        """The mean over all axes but the samples'."""
        return F.mean(loss, axis=self._batch_axis, exclude=True)


def _apply_weighting(F: Any, loss: Any, weight: float | None = None, sample_weight: Any = None) -> Any:
    """loss * sample_weight (broadcast) * weight. Raises CheckError (an AssertionError) unless weight is a number."""
    if sample_weight is not None:
        loss = F.broadcast_mul(loss, sample_weight)
    if weight is not None:
        if not isinstance(weight, (int, float)):
            raise CheckError(f"weight must be a number. Received: {weight!r}.")
        loss = loss * weight
    return loss


def _reshape_like(F: Any, x: Any, y: Any) -> Any:
    """x in the shape of y."""
    return x.reshape(y.shape) if F is nd else F.reshape_like(x, y)
