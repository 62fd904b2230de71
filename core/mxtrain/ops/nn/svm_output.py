"""`SVMOutput`: the data, with the gradient of the one-against-all hinge loss."""

import numpy as np

from mxtrain.ops import shapes
from mxtrain.ops.kernels.precision import deliver, widen
from mxtrain.ops.nn.labels import class_numbers
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator


def _infer_shape(ins, outs, p):
    data = shapes.unify_all([ins[0], *outs])
    return [data, shapes.unify(ins[1], None if data is None else data[:-1])], [data]


def _infer_type(ins, outs, p):
    dtype = ins[0] or outs[0] or ins[1]
    return [dtype, ins[1] or dtype], [dtype]


@operator("SVMOutput", cases=[Case(data=(2, 3), label=np.array([0.0, 2.0]))])
class SVMOutput:
    """The data, with the gradient of the hinge loss of each class against all others.

    data: (..., K), scores of K classes. label: data.shape[:-1], class numbers. Output: data's shape and dtype.
    Loss of a score s of the label's class: max(0, margin - s), of another class: max(0, margin + s), squared unless
    use_linear; regularization_coefficient multiplies the gradient. The gradient of the output is ignored.
    Raises ArgumentError in backward, on a CPU, for a label that is no class. Source: MXNet 1.9.1's `SVMOutput`.
    """

    infer_shape = _infer_shape
    infer_type = _infer_type
    ignores_head_gradient = True

    def forward(
        xp,
        data,
        label,
        *,
        margin: float = 1.0,
        regularization_coefficient: float = 1.0,
        use_linear: bool = False,
        out=None,
    ):
        _infer_shape([data.shape, label.shape], [None], None)  # a label that does not fit is found before backward
        if out is None:
            return data.copy()
        out[...] = data
        return out

    def gradient(F, gy, y, data, label, **params):
        return F._svm_output_backward(data, label, **params), None


@operator(
    "_svm_output_backward",
    cases=[Case(data=(2, 3), label=np.array([0.0, 2.0])), Case(data=(2, 3), label=np.array([0.0, 2.0]), use_linear=1)],
)
class SVMOutputBackward:
    """Gradient of SVMOutput by its data, from data and label; parameters as there."""

    infer_shape = _infer_shape
    infer_type = _infer_type
    gradient = NOT_DIFFERENTIABLE

    def forward(
        xp,
        data,
        label,
        *,
        margin: float = 1.0,
        regularization_coefficient: float = 1.0,
        use_linear: bool = False,
        out=None,
    ):
        x = widen(xp, data)
        classes = class_numbers(xp, label, data.shape[-1])
        signs = xp.where(classes[..., None] == xp.arange(data.shape[-1]), -1, 1).astype(x.dtype)
        short_by = margin + signs * x
        slope = (short_by > 0) if use_linear else 2 * xp.maximum(short_by, 0)
        return deliver(signs * slope * regularization_coefficient, out, data.dtype)
