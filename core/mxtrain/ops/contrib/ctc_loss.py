"""`CTCLoss`: connectionist temporal classification."""

from typing import Literal

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.contrib.ctc_lattice import Lattice
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator

Blank = Literal["first", "last"]


def _lattice(xp, data, label, data_lengths, label_lengths, blank_label):
    """The paths of the labels through the data. Raises ArgumentError for inputs that do not fit each other."""
    types.require_floating(data.dtype)
    if data.ndim != 3 or not data.size:
        raise ArgumentError(f"Expected: data of (length, batch, alphabet), not empty. Received: {data.shape}.")
    length, batch, alphabet = data.shape
    if label.ndim != 2 or label.shape[0] != batch:
        raise ArgumentError(f"Expected: label of ({batch}, length). Received: {label.shape}.")
    labels = label.astype(np.int64)
    if label_lengths is None:
        # the first padding ends a label
        real = labels >= (1 if blank_label == "first" else 0)
        counts = xp.cumprod(real, axis=1).sum(axis=1)
    else:
        require_shape("label_lengths", label_lengths, (batch,))
        counts = label_lengths.astype(np.int64)
    if data_lengths is None:
        steps = xp.full(batch, length)
    else:
        require_shape("data_lengths", data_lengths, (batch,))
        steps = data_lengths.astype(np.int64)
    if xp is np:
        _require_lengths("data_lengths", steps, 1, length)
        _require_lengths("label_lengths", counts, 0, label.shape[1])
    used = xp.arange(label.shape[1]) < counts[:, None]
    if xp is np and used.any() and not 0 <= labels[used].min() <= labels[used].max() < alphabet:
        raise ArgumentError(
            f"Expected: labels in [0, {alphabet}). Received: {labels[used].min()}..{labels[used].max()}."
        )
    blank = 0 if blank_label == "first" else alphabet - 1
    return Lattice(xp, data, xp.where(used, labels, blank), counts, steps, blank)


def _require_lengths(name, lengths, least, most):
    if lengths.size and not least <= lengths.min() <= lengths.max() <= most:
        raise ArgumentError(f"Expected: {name} from {least} to {most}. Received: {lengths.min()} to {lengths.max()}.")


def _names(first, p):
    """The names of the inputs in use, after those in `first`."""
    lengths = [name for name in ("data_lengths", "label_lengths") if getattr(p, f"use_{name}")]
    return (*first, *lengths)


_DATA, _LABEL = (5, 2, 4), np.array([[1.0, 2.0, 2.0], [3.0, 0.0, 0.0]])


@operator(
    "CTCLoss",
    "ctc_loss",
    "_contrib_CTCLoss",
    "_contrib_ctc_loss",
    cases=[
        Case(data=_DATA, label=_LABEL),
        Case(
            data=_DATA,
            label=_LABEL,
            data_lengths=np.array([5.0, 3.0]),
            label_lengths=np.array([2.0, 1.0]),
            use_data_lengths=True,
            use_label_lengths=True,
            blank_label="last",
        ),
        Case(data=_DATA, label=_LABEL, label_lengths=np.array([2.0, 0.0]), use_label_lengths=True),
    ],
)
class CTCLoss:
    """Connectionist temporal classification loss: -log of the probability of a label, over all its alignments.

    data: (length, batch, alphabet), floating, scores before softmax. label: (batch, label length), classes.
    blank_label: which class is the blank, the first (labels from 1, padded by 0) or last (labels from 0, padded by -1).
    data_lengths, label_lengths: (batch,), in use as use_data_lengths and use_label_lengths say; without label_lengths
    the first padding ends a label. Output: (batch,), dtype of data, 0 for a label too long for its
    sequence. Source: Graves et al., ICML 2006; MXNet 1.9.1.
    """

    infer_type = types.like_input(0)
    listed_outputs = ("output0", "output1")  # MXNet hides the gradient

    def inputs(p):
        return _names(("data", "label"), p)

    def infer_shape(ins, outs, p):
        data, label, *lengths = ins
        known = [None if data is None else data[1:2], None if label is None else label[:1], *lengths, *outs]
        batch = shapes.unify_all(known)
        if batch is None:
            return ins, outs
        data, label = shapes.unify(data, (-1, batch[0], -1)), shapes.unify(label, (batch[0], -1))
        return [data, label, *[batch] * len(lengths)], [batch]

    def forward(
        xp,
        data,
        label,
        data_lengths=None,
        label_lengths=None,
        *,
        use_data_lengths: bool = False,
        use_label_lengths: bool = False,
        blank_label: Blank = "first",
    ):
        lattice = _lattice(xp, widen(xp, data), label, data_lengths, label_lengths, blank_label)
        return lattice.losses().astype(data.dtype, copy=False)

    differentiable_once = "the sum over alignments has no other form here, and MXNet has no second derivative of it"

    def gradient(F, gy, y, data, label, data_lengths=None, label_lengths=None, **params):
        by_data = F._ctc_loss_backward(gy, data, label, data_lengths, label_lengths, **params)
        count = 1 + params["use_data_lengths"] + params["use_label_lengths"]
        return (by_data, *[None] * count)


@operator(
    "_ctc_loss_backward",
    cases=[
        Case(gy=(2,), data=_DATA, label=_LABEL),
        Case(gy=(2,), data=_DATA, label=_LABEL, data_lengths=np.array([5.0, 3.0]), use_data_lengths=True),
    ],
)
class CTCLossBackward:
    """The gradient of `CTCLoss` by data, in its shape, from gy (batch,) and the inputs."""

    infer_shape = shapes.like_input(1)
    infer_type = types.like_input(1)
    gradient = NOT_DIFFERENTIABLE

    def inputs(p):
        return _names(("gy", "data", "label"), p)

    def forward(
        xp,
        gy,
        data,
        label,
        data_lengths=None,
        label_lengths=None,
        *,
        use_data_lengths: bool = False,
        use_label_lengths: bool = False,
        blank_label: Blank = "first",
    ):
        lattice = _lattice(xp, widen(xp, data), label, data_lengths, label_lengths, blank_label)
        return (lattice.gradients() * widen(xp, gy)[:, None]).astype(data.dtype, copy=False)
