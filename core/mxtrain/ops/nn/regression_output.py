"""The regression loss layers: outputs with a gradient that is a function of output minus label."""

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels import activations
from mxtrain.ops.kernels.precision import deliver, widen
from mxtrain.ops.nn.partial_shapes import sizes_product
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, declare_operator, operator


def _infer_shape(ins, outs, p):
    data = shapes.unify(ins[0], outs[0])
    label = ins[1]
    if data is not None and label is None:
        label = data[:1] if len(data) == 2 and data[1] == 1 else data
    if data is not None:
        sizes = sizes_product(data), sizes_product(label)
        if -1 not in sizes and (sizes[0] != sizes[1] or data[0] != label[0]):
            raise ArgumentError(f"Expected: label of shape {data}. Received: label of shape {label}.")
    return [data, label], [data]


def _infer_type(ins, outs, p):
    dtype = ins[0] or outs[0] or ins[1]
    return [dtype, ins[1] or dtype], [dtype]


def _identity(xp, x, out=None):
    if out is None:
        return x.copy()
    out[...] = x
    return out


def _declare(name, doc, function, by_sign):
    def forward(xp, data, label, *, grad_scale: float = 1.0, out=None):
        _infer_shape([data.shape, label.shape], [None], None)  # a label that does not fit is found before backward
        x = widen(xp, data)
        if x is data:
            return function(xp, data, out)
        return deliver(function(xp, x), out, data.dtype)

    def gradient(F, gy, y, data, label, *, grad_scale):
        return F._regression_output_backward(y, label, grad_scale=grad_scale, by_sign=by_sign), None

    declare_operator(
        name,
        doc=f"""{doc}

data: (N, ...), floating. label: as many values, N along axis 0. Output: data's shape and dtype.
The gradient is multiplied by grad_scale and divided by the number of values per sample; the gradient of the output is
ignored. Source: MXNet 1.9.1's `{name}`.""",
        cases=[Case(data=(2, 3), label=(2, 3)), Case(data=(2, 1), label=(2,), grad_scale=2.0)],
        forward=forward,
        gradient=gradient,
        infer_shape=_infer_shape,
        infer_type=_infer_type,
        ignores_head_gradient=True,
    )


_declare("LinearRegressionOutput", "The data, with the gradient of half the squared error.", _identity, False)
_declare("MAERegressionOutput", "The data, with the gradient of the absolute error.", _identity, True)
_declare(
    "LogisticRegressionOutput",
    "1 / (1 + exp(-data)), with the gradient of the cross-entropy against labels from 0 to 1.",
    activations.sigmoid,
    False,
)


@operator(
    "_regression_output_backward",
    cases=[Case(y=(2, 3), label=(2, 3)), Case(y=(2, 1), label=(2,), by_sign=True, grad_scale=2.0)],
)
class RegressionOutputBackward:
    """Gradient of the regression loss layers by their data: grad_scale / (values per sample) * (y - label).

    by_sign: the sign of the difference instead of itself. Output: shape and dtype of y.
    """

    infer_shape = shapes.like_input(0)
    infer_type = _infer_type
    inplace = (0,)
    gradient = NOT_DIFFERENTIABLE

    def forward(xp, y, label, *, grad_scale: float = 1.0, by_sign: bool = False, out=None):
        wide = widen(xp, y)
        target = widen(xp, label).reshape(y.shape).astype(wide.dtype, copy=False)
        result = xp.subtract(wide, target, out=out if wide is y else None)
        if by_sign:
            xp.sign(result, out=result)
        scale = grad_scale * label.shape[0] / max(label.size, 1)
        if scale != 1:
            result *= scale
        return deliver(result, out, y.dtype)
