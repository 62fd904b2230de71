"""`Embedding`: rows of a table, looked up by number."""

import numpy as np

from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.precision import deliver, widen
from mxtrain.ops.kernels.scatter import add_at
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import DType


def _rows(data, input_dim):
    """The numbers of the rows: whole, and brought into the table's range as MXNet does."""
    return data.astype(np.int64).clip(0, input_dim - 1)


@operator(
    "Embedding",
    "_contrib_SparseEmbedding",
    cases=[
        Case(data=np.array([[0.0, 2.0], [1.0, 0.0]]), weight=(3, 4), input_dim=3, output_dim=4),
        Case(data=np.array([-1.0, 7.0, 1.7]), weight=(3, 2), input_dim=3, output_dim=2),
    ],
)
class Embedding:
    """The rows of `weight` whose numbers stand in `data`.

    data: any shape and dtype; numbers outside the table are moved to its nearest end. weight: (input_dim, output_dim),
    of dtype `dtype` where nothing else tells. Output: (*data.shape, output_dim), dtype of weight.
    No gradient flows to data. sparse_grad: the gradient of weight is dense here in either case.
    Source: MXNet 1.9.1's `Embedding`.
    """

    def infer_shape(ins, outs, p):
        data = ins[0]
        if outs[0] is not None:
            data = shapes.unify(data, outs[0][:-1])
        out = None if data is None else shapes.unify(outs[0], (*data, p.output_dim))
        return [data, shapes.unify(ins[1], (p.input_dim, p.output_dim))], [out]

    def infer_type(ins, outs, p):
        dtype = types.unify(ins[1], outs[0]) or p.dtype
        return [ins[0] or np.dtype(np.float32), dtype], [dtype]

    def forward(
        xp,
        data,
        weight,
        *,
        input_dim: int,
        output_dim: int,
        dtype: DType = np.dtype(np.float32),
        sparse_grad: bool = False,
        out=None,
    ):
        require_shape("weight", weight, (input_dim, output_dim))
        return xp.take(weight, _rows(data, input_dim), axis=0, out=out)

    def gradient(F, gy, y, data, weight, *, input_dim, output_dim, needs, **params):
        if not needs[1]:
            return None, None
        return None, F._embedding_backward(gy, data, input_dim=input_dim, output_dim=output_dim)


@operator(
    "_embedding_backward",
    cases=[Case(gy=(2, 2, 3), data=np.array([[0.0, 2.0], [2.0, 5.0]]), input_dim=3, output_dim=3)],
)
class EmbeddingBackward:
    """Gradient of Embedding by its weight: for each row, the sum of the gradients of its uses.

    gy: (*data.shape, output_dim). Output: (input_dim, output_dim), dtype of gy.
    """

    infer_type = types.like_input(0)

    def infer_shape(ins, outs, p):
        return ins, [(p.input_dim, p.output_dim)]

    def forward(xp, gy, data, *, input_dim: int, output_dim: int, out=None):
        wide = widen(xp, gy)
        target = out if out is not None and wide is gy else xp.empty((input_dim, output_dim), wide.dtype)
        target[...] = 0
        add_at(xp, target, _rows(data, input_dim).ravel(), wide.reshape(-1, output_dim))
        return deliver(target, out, gy.dtype)

    def gradient(F, ggw, y, gy, data, *, input_dim, output_dim):
        return F.Embedding(data, ggw, input_dim=input_dim, output_dim=output_dim), None
