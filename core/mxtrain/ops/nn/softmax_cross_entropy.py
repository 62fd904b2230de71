"""`softmax_cross_entropy`: the summed cross-entropy between softmax(data) and class numbers."""

import numpy as np

from mxtrain.ops import shapes
from mxtrain.ops.kernels.precision import deliver, widen
from mxtrain.ops.kernels.softmax import log_softmax, softmax
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.nn.labels import class_numbers
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator


@operator("softmax_cross_entropy", cases=[Case(data=(2, 3), label=np.array([0.0, 2.0]))])
class SoftmaxCrossEntropy:
    """The sum over a batch of -log(softmax(data)[label]).

    data: (N, K), floating. label: (N,), class numbers. Output: (1,), data's dtype. No gradient flows to label.
    Raises ArgumentError, on a CPU, for a label that is no class. Source: MXNet 1.9.1's `softmax_cross_entropy`.
    """

    def infer_shape(ins, outs, p):
        data = shapes.unify(ins[0], (-1, -1))
        label = shapes.unify(ins[1], data[:1])
        return [(label[0], data[1]), label], [shapes.unify(outs[0], (1,))]

    def infer_type(ins, outs, p):
        dtype = ins[0] or outs[0] or ins[1]
        return [dtype, ins[1] or dtype], [dtype]

    def forward(xp, data, label, *, out=None):
        require_shape("label", label, data.shape[:1])
        classes = class_numbers(xp, label, data.shape[1])
        logs = log_softmax(xp, widen(xp, data), 1)
        return deliver(-logs[xp.arange(len(classes)), classes].sum().reshape(1), out, data.dtype)

    def gradient(F, gy, y, data, label):
        return F._softmax_cross_entropy_backward(gy, data, label), None

    def composition(F, data, label):
        return F.negative(F.sum(F.pick(F.log_softmax(data), label)))


@operator("_softmax_cross_entropy_backward", cases=[Case(gy=(1,), data=(2, 3), label=np.array([0.0, 2.0]))])
class SoftmaxCrossEntropyBackward:
    """Gradient of softmax_cross_entropy by its data, from gy (1,), data and label. Output: data's shape and dtype."""

    infer_shape = shapes.like_input(1)
    gradient = NOT_DIFFERENTIABLE

    def infer_type(ins, outs, p):
        return ins, [ins[1] or outs[0]]

    def forward(xp, gy, data, label, *, out=None):
        classes = class_numbers(xp, label, data.shape[1])
        result = softmax(xp, widen(xp, data), 1)
        result[xp.arange(len(classes)), classes] -= 1
        result *= widen(xp, gy)
        return deliver(result, out, data.dtype)
