"""`CTCLoss`: connectionist temporal classification."""

from typing import Any

from mxtrain.gluon.errors import CheckError
from mxtrain.gluon.loss.base import Loss


class CTCLoss(Loss):
    """Negative log likelihood of label sequences that are not aligned with the predictions. Output: (batch,).

    layout: of pred, "NTC" or "TNC", with the blank as the last class. label_layout: "NT" or "TN"; labels end at their
    length, or at the first -1. Source: Graves et al. (2006).
    """

    def __init__(
        self, layout: str = "NTC", label_layout: str = "NT", weight: float | None = None, **kwargs: Any
    ) -> None:
        if layout not in ("NTC", "TNC"):
            raise CheckError(f"Only 'NTC' and 'TNC' layouts for pred are supported. Got: {layout}")
        if label_layout not in ("NT", "TN"):
            raise CheckError(f"Only 'NT' and 'TN' layouts for label are supported. Got: {label_layout}")
        self._layout = layout
        self._label_layout = label_layout
        super().__init__(weight, label_layout.find("N"), **kwargs)

    def hybrid_forward(
        self,
        F: Any,
        pred: Any,
        label: Any,
        pred_lengths: Any = None,
        label_lengths: Any = None,
        sample_weight: Any = None,
    ) -> Any:
        """The loss. pred_lengths, label_lengths: (batch,), numbers of steps and labels."""
        if self._layout == "NTC":
            pred = F.swapaxes(pred, 0, 1)
        if self._batch_axis == 1:
            label = F.swapaxes(label, 0, 1)
        loss = F.CTCLoss(
            pred,
            label,
            data_lengths=pred_lengths,
            label_lengths=label_lengths,
            use_data_lengths=pred_lengths is not None,
            use_label_lengths=label_lengths is not None,
            blank_label="last",
        )
        return self._weighted(F, loss, sample_weight)
