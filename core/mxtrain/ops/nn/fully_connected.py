"""`FullyConnected`: y = data @ weight.T + bias, and its gradients."""

from math import prod

from mxtrain.ops import shapes
from mxtrain.ops.kernels.products import product
from mxtrain.ops.nn.checks import require_one_dtype, require_shape
from mxtrain.ops.nn.partial_shapes import size_at, sizes_product
from mxtrain.ops.operator import Case, operator


def as_matrix(data, flatten):
    """The data as the matrix (samples, features) that meets the weight."""
    shape = data.shape
    return data.reshape(shape[0], prod(shape[1:])) if flatten else data.reshape(prod(shape[:-1]), shape[-1])


def check_inputs(matrix, weight, bias, num_hidden):
    """Raise ArgumentError or ArgumentTypeError unless weight and bias fit the data, given as a matrix."""
    require_one_dtype(matrix, weight, bias)
    require_shape("weight", weight, (num_hidden, matrix.shape[1]))
    if bias is not None:
        require_shape("bias", bias, (num_hidden, 1) if bias.ndim == 2 else (num_hidden,))


def _infer_data(data, weight, out, flatten):
    """What weight and output tell of the data's shape."""
    if flatten:
        return data if data is None else (out[0] if data[0] == -1 and out else data[0], *data[1:])
    if out is None:
        return data if data is None else (*data[:-1], max(data[-1], size_at(weight, 1)))
    return shapes.unify(data, (*out[:-1], size_at(weight, 1)))


def _gradient_of_bias(F, gy, bias):
    total = F._sum_onto_axis(gy, axis=-1)
    # of arrays: a graph infers the shape of its bias as (num_hidden,)
    return F.reshape_like(total, bias) if getattr(bias, "ndim", 1) == 2 else total


@operator(
    "FullyConnected",
    cases=[
        Case(data=(2, 3), weight=(4, 3), bias=(4,), num_hidden=4),
        Case(data=(2, 3, 2), weight=(4, 6), num_hidden=4, no_bias=True),
        Case(data=(2, 3, 2), weight=(4, 2), bias=(4,), num_hidden=4, flatten=False),
    ],
)
class FullyConnected:
    """Linear transformation: y = data @ weight.T + bias.

    data: (N, ...), flattened to (N, D); with flatten=False (..., D), the transformation of its last axis.
    weight: (num_hidden, D). bias: (num_hidden,) or (num_hidden, 1), absent with no_bias. Output: (N, num_hidden), or
    (..., num_hidden). All of one floating dtype. Source: MXNet 1.9.1's `FullyConnected`.
    """

    def inputs(p):
        return ("data", "weight") if p.no_bias else ("data", "weight", "bias")

    def infer_shape(ins, outs, p):
        data = _infer_data(ins[0], ins[1], outs[0], p.flatten)
        weight, out = ins[1], outs[0]
        if data is not None:
            features = sizes_product(data[1:]) if p.flatten else data[-1]
            weight = shapes.unify(weight, (p.num_hidden, features))
            out = shapes.unify(out, (data[0], p.num_hidden) if p.flatten else (*data[:-1], p.num_hidden))
        if p.no_bias:
            return [data, weight], [out]
        is_column = ins[2] is not None and len(ins[2]) == 2
        return [data, weight, shapes.unify(ins[2], (p.num_hidden, 1) if is_column else (p.num_hidden,))], [out]

    def forward(xp, data, weight, bias=None, *, num_hidden: int, no_bias: bool = False, flatten: bool = True, out=None):
        matrix = as_matrix(data, flatten)
        check_inputs(matrix, weight, bias, num_hidden)
        result = product(xp, matrix, weight.T, None if out is None else out.reshape(matrix.shape[0], num_hidden))
        if bias is not None:
            result += bias.reshape(-1)
        if out is not None:
            return out
        return result if flatten else result.reshape(*data.shape[:-1], num_hidden)

    def gradient(F, gy, y, data, weight, bias=None, *, num_hidden, no_bias, flatten, needs):
        form = {"num_hidden": num_hidden, "flatten": flatten}
        return (
            F._fully_connected_backward_data(gy, weight, data, **form) if needs[0] else None,
            F._fully_connected_backward_weight(gy, data, **form) if needs[1] else None,
            _gradient_of_bias(F, gy, bias) if not no_bias and needs[2] else None,
        )


@operator(
    "_fully_connected_backward_data",
    cases=[
        Case(gy=(2, 4), weight=(4, 6), data=(2, 3, 2), num_hidden=4),
        Case(gy=(2, 3, 4), weight=(4, 2), data=(2, 3, 2), num_hidden=4, flatten=False),
    ],
)
class FullyConnectedBackwardData:
    """Gradient of FullyConnected by its data: gy @ weight, in the shape of data (whose values do not matter)."""

    infer_shape = shapes.like_input(2)

    def forward(xp, gy, weight, data, *, num_hidden: int, flatten: bool = True, out=None):
        rows, matrix = gy.reshape(-1, num_hidden), as_matrix(data, flatten)
        check_inputs(matrix, weight, None, num_hidden)
        result = product(xp, rows, weight, None if out is None else out.reshape(matrix.shape))
        return result.reshape(data.shape) if out is None else out

    def gradient(F, ggx, y, gy, weight, data, *, num_hidden, flatten, needs):
        form = {"num_hidden": num_hidden, "flatten": flatten}
        return (
            F.FullyConnected(ggx, weight, no_bias=True, **form) if needs[0] else None,
            F._fully_connected_backward_weight(gy, ggx, **form) if needs[1] else None,
            None,
        )


@operator(
    "_fully_connected_backward_weight",
    cases=[
        Case(gy=(2, 4), data=(2, 3, 2), num_hidden=4),
        Case(gy=(2, 3, 4), data=(2, 3, 2), num_hidden=4, flatten=False),
    ],
)
class FullyConnectedBackwardWeight:
    """Gradient of FullyConnected by its weight: gy.T @ data. Output: (num_hidden, D)."""

    def infer_shape(ins, outs, p):
        data = ins[1]
        features = -1 if data is None else sizes_product(data[1:]) if p.flatten else data[-1]
        return ins, [shapes.unify(outs[0], (p.num_hidden, features))]

    def forward(xp, gy, data, *, num_hidden: int, flatten: bool = True, out=None):
        return product(xp, gy.reshape(-1, num_hidden).T, as_matrix(data, flatten), out)

    def gradient(F, ggw, y, gy, data, *, num_hidden, flatten, needs):
        form = {"num_hidden": num_hidden, "flatten": flatten}
        return (
            F.FullyConnected(data, ggw, no_bias=True, **form) if needs[0] else None,
            F._fully_connected_backward_data(gy, ggw, data, **form) if needs[1] else None,
        )
