"""`SoftmaxOutput`: softmax whose gradient is that of the cross-entropy with the labels."""

from typing import Literal

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels.precision import deliver, widen
from mxtrain.ops.kernels.softmax import softmax
from mxtrain.ops.nn.labels import class_numbers
from mxtrain.ops.nn.partial_shapes import sizes_product
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.parameters import Params


def _as_rows(shape, multi_output, preserve_shape):
    """(rows, classes, positions) of data: softmax runs over the middle one."""
    if multi_output:
        return shape[0], shape[1], sizes_product(shape[2:])
    if preserve_shape:
        return sizes_product(shape[:-1]), shape[-1], 1
    return shape[0], sizes_product(shape[1:]), 1


def _label_shapes(data, p):
    """The shapes a label of class numbers may have, the one to infer first."""
    if p.multi_output:
        return (data[0], sizes_product(data[2:])), (data[0], *data[2:]), (data[0], 1, *data[2:])
    return (data[:-1] if p.preserve_shape or len(data) <= 2 else data[:1]), data[:-1], data[:1]


def _infer_label(label, data, p):
    allowed = (*_label_shapes(data, p), data)
    if label is None:
        return allowed[0]
    for shape in allowed:
        if len(shape) == len(label) and all(
            -1 in pair or pair[0] == pair[1] for pair in zip(shape, label, strict=True)
        ):
            return shapes.unify(label, shape)
    raise ArgumentError(f"Expected: label of shape {allowed[0]} for data of shape {data}. Received: label {label}.")


@operator(
    "SoftmaxOutput",
    "Softmax",
    cases=[
        Case(data=(2, 3), label=np.array([0.0, 2.0])),
        Case(data=(2, 3, 2), label=np.array([[0.0, 2.0], [1.0, 1.0]]), multi_output=True, normalization="valid"),
        Case(data=(2, 2, 3), label=np.array([[0.0, 2.0], [1.0, -1.0]]), preserve_shape=True, use_ignore=True),
        Case(data=(2, 3), label=np.array([0.0, 2.0]), smooth_alpha=0.1, grad_scale=2.0, normalization="batch"),
    ],
)
class SoftmaxOutput:
    """Softmax, with the gradient of the cross-entropy loss against `label`: y - one_hot(label).

    data: (N, ...), softmax over all of a sample; with multi_output (N, C, ...), over axis 1; with preserve_shape over
    the last axis. label: class numbers, (N,), (N, ...) or data.shape[:-1] respectively; or probabilities, shaped like
    data. Output: data's shape and dtype. grad_scale: factor of the gradient. normalization: divide it by the number of
    labels ("batch"), of labels that are not ignored ("valid"), or not ("null"). use_ignore: no gradient where the label
    is ignore_label. smooth_alpha: the share of probability that the label gives to the other classes. out_grad:
    multiply by the gradient of the output, which is ignored otherwise. Raises ArgumentError in backward, on a CPU, for
    a label that is no class (mark samples to leave out with use_ignore). Source: MXNet 1.9.1's `SoftmaxOutput`, whose
    gradient for such a label is that of a sample without a class.
    """

    ignores_head_gradient = True

    def infer_shape(ins, outs, p):
        data = shapes.unify(ins[0], outs[0])
        return [data, ins[1] if data is None else _infer_label(ins[1], data, p)], [data]

    def infer_type(ins, outs, p):
        dtype = ins[0] or outs[0] or ins[1]
        return [dtype, ins[1] or dtype], [dtype]

    def forward(
        xp,
        data,
        label,
        *,
        grad_scale: float = 1.0,
        ignore_label: float = -1.0,
        multi_output: bool = False,
        use_ignore: bool = False,
        preserve_shape: bool = False,
        normalization: Literal["null", "batch", "valid"] = "null",
        out_grad: bool = False,
        smooth_alpha: float = 0.0,
        out=None,
    ):
        # a label that does not fit is found before backward
        _infer_label(label.shape, data.shape, Params(multi_output=multi_output, preserve_shape=preserve_shape))
        wide = widen(xp, data)
        axis = 1 if multi_output else -1
        if not multi_output and not preserve_shape and data.ndim != 2:
            wide = wide.reshape(data.shape[0], -1)
        if wide is data:
            return softmax(xp, data, axis, out)
        return deliver(softmax(xp, wide, axis).reshape(data.shape), out, data.dtype)

    def gradient(F, gy, y, data, label, *, out_grad, **params):
        by_data = F._softmax_output_backward(y, label, **params)
        return (by_data * gy if out_grad and gy is not None else by_data), None


@operator(
    "_softmax_output_backward",
    cases=[
        Case(y=(2, 3), label=np.array([0.0, 2.0]), low=0.0),
        Case(y=(2, 3), label=(2, 3), low=0.0),
        Case(y=(2, 3, 2), label=np.array([[0.0, 2.0], [1.0, 1.0]]), multi_output=True, low=0.0),
    ],
)
class SoftmaxOutputBackward:
    """Gradient of SoftmaxOutput by its data, from its output y and the label; parameters as there."""

    infer_shape = shapes.like_input(0)
    infer_type = SoftmaxOutput.infer_type
    inplace = (0,)

    def forward(
        xp,
        y,
        label,
        *,
        grad_scale: float = 1.0,
        ignore_label: float = -1.0,
        multi_output: bool = False,
        use_ignore: bool = False,
        preserve_shape: bool = False,
        normalization: Literal["null", "batch", "valid"] = "null",
        smooth_alpha: float = 0.0,
        out=None,
    ):
        if label.shape == y.shape:
            result = xp.subtract(y, label, out=out)
            if grad_scale != 1:
                result *= grad_scale
            return result
        rows, num_classes, positions = _as_rows(y.shape, multi_output, preserve_shape)
        label = label.reshape(rows, positions)
        ignored = label == ignore_label if use_ignore else None
        classes = class_numbers(xp, label, num_classes, ignored)
        result = xp.empty_like(y) if out is None else out
        if result is not y:
            result[...] = y
        table = result.reshape(rows, num_classes, positions)
        spread = 0.0 if multi_output or num_classes == 1 else smooth_alpha / (num_classes - 1)
        if spread:
            table -= spread
        full = 1.0 if multi_output else 1.0 - smooth_alpha - spread
        table[xp.arange(rows)[:, None], classes, xp.arange(positions)] -= full
        scale = grad_scale / _divisor(label, ignored, normalization, ignore_label, positions, multi_output)
        if scale != 1:
            table *= scale
        if ignored is not None:
            table *= ~ignored[:, None, :]
        return result

    gradient = NOT_DIFFERENTIABLE


def _divisor(label, ignored, normalization, ignore_label, positions, multi_output):
    """What the gradient is divided by."""
    if normalization == "valid":
        valid = label != ignore_label if ignored is None else ~ignored
        return max(int(valid.sum()), 1)
    spread_over = positions if multi_output else 1
    return spread_over * (label.shape[0] if normalization == "batch" else 1)
