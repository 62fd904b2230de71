"""`Embedding`: rows of a table, looked up by number."""

import numpy as np

from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.gathering import take
from mxtrain.ops.kernels.precision import deliver, widen
from mxtrain.ops.kernels.scatter import add_at
from mxtrain.ops.kernels.sparse.rows import rows_at, sum_into_rows
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.operator import Case, declare_operator, operator
from mxtrain.ops.parameters import DType
from mxtrain.ops.storage import form


def _take(xp, weight, data, out):
    if xp is np and len(weight):
        return take(weight, data, 0, "clip", out)
    return xp.take(weight, _rows(data, len(weight)), axis=0, out=out)


def _rows(data, input_dim):
    """The numbers of the rows: whole, and brought into the table's range as MXNet does."""
    return data.astype(np.int64).clip(0, input_dim - 1)


def _infer_shape(ins, outs, p):
    data = ins[0]
    if outs[0] is not None:
        data = shapes.unify(data, outs[0][:-1])
    out = None if data is None else shapes.unify(outs[0], (*data, p.output_dim))
    return [data, shapes.unify(ins[1], (p.input_dim, p.output_dim))], [out]


def _infer_type(ins, outs, p):
    dtype = types.unify(ins[1], outs[0]) or p.dtype
    return [ins[0] or np.dtype(np.float32), dtype], [dtype]


def _look_up(xp, data, weight, *, input_dim, output_dim, **params):
    require_shape("weight", weight, (input_dim, output_dim))
    return rows_at(xp, weight, data.astype(np.int64))


@operator(
    "Embedding",
    cases=[
        Case(data=np.array([[0.0, 2.0], [1.0, 0.0]]), weight=(3, 4), input_dim=3, output_dim=4),
        Case(data=np.array([-1.0, 7.0, 1.7]), weight=(3, 2), input_dim=3, output_dim=2),
        Case(data=np.array([0.0, 2.0, 0.0]), weight=(3, 2), input_dim=3, output_dim=2, sparse_grad=True),
    ],
)
class Embedding:
    """The rows of `weight` whose numbers stand in `data`.

    data: any shape and dtype; numbers outside the table are moved to its nearest end. weight: (input_dim, output_dim),
    of dtype `dtype` where nothing else tells. Output: (*data.shape, output_dim), dtype of weight.
    No gradient flows to data. sparse_grad: the gradient of weight is row_sparse; numbers outside the table are then an
    error in backward, as they are where weight is row_sparse.
    Source: MXNet 1.9.1's `Embedding`.
    """

    infer_shape = _infer_shape
    infer_type = _infer_type
    storage = [form("default, row_sparse -> default", _look_up)]

    def sparse_gradient(p):
        return p.sparse_grad

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
        return _take(xp, weight, data, out)

    def gradient(F, gy, y, data, weight, *, input_dim, output_dim, sparse_grad, needs, **params):
        if not needs[1]:
            return None, None
        backward = F._sparse_embedding_backward if sparse_grad else F._embedding_backward
        return None, backward(gy, data, input_dim=input_dim, output_dim=output_dim)


@operator(
    "_contrib_SparseEmbedding",
    cases=[Case(data=np.array([[0.0, 2.0], [1.0, 0.0]]), weight=(3, 4), input_dim=3, output_dim=4)],
)
class SparseEmbedding:
    """`Embedding` whose gradient of weight is row_sparse; `Embedding(sparse_grad=True)` is the same.

    deterministic: has no effect, gradients are always summed in one order. Source: MXNet 1.9.1's
    `contrib.SparseEmbedding`.
    """

    infer_shape = _infer_shape
    infer_type = _infer_type
    storage = [form("default, row_sparse -> default", _look_up)]
    sparse_gradient = True

    def forward(
        xp,
        data,
        weight,
        *,
        input_dim: int,
        output_dim: int,
        dtype: DType = np.dtype(np.float32),
        deterministic: bool = False,
        out=None,
    ):
        require_shape("weight", weight, (input_dim, output_dim))
        return _take(xp, weight, data, out)

    def gradient(F, gy, y, data, weight, *, input_dim, output_dim, needs, **params):
        if not needs[1]:
            return None, None
        return None, F._sparse_embedding_backward(gy, data, input_dim=input_dim, output_dim=output_dim)


def _sum_stored_rows(xp, gy, data, *, input_dim, output_dim):
    wide = widen(xp, gy).reshape(-1, output_dim)
    total = sum_into_rows(xp, wide, data.astype(np.int64).ravel(), (input_dim, output_dim))
    return total if total.dtype == gy.dtype else total.with_values(total.values.astype(gy.dtype))


def _infer_backward_shape(ins, outs, p):
    return ins, [(p.input_dim, p.output_dim)]


def _backward(xp, gy, data, *, input_dim: int, output_dim: int, out=None):
    wide = widen(xp, gy)
    target = out if out is not None and wide is gy else xp.empty((input_dim, output_dim), wide.dtype)
    target[...] = 0
    add_at(xp, target, _rows(data, input_dim).ravel(), wide.reshape(-1, output_dim))
    return deliver(target, out, gy.dtype)


def _second_gradient(F, ggw, y, gy, data, *, input_dim, output_dim):
    return F.Embedding(data, ggw, input_dim=input_dim, output_dim=output_dim), None


for _name, _kind, _storage in (
    ("_embedding_backward", "", ()),
    ("_sparse_embedding_backward", ", row_sparse", [form("default, default -> row_sparse", _sum_stored_rows)]),
):
    declare_operator(
        _name,
        cases=[Case(gy=(2, 2, 3), data=np.array([[0.0, 2.0], [2.0, 1.0]]), input_dim=3, output_dim=3)],
        doc=f"Gradient of Embedding by its weight{_kind}: for each row, the sum of the gradients of its uses.\n\n"
        "gy: (*data.shape, output_dim). Output: (input_dim, output_dim), dtype of gy.",
        forward=_backward,
        gradient=_second_gradient,
        infer_shape=_infer_backward_shape,
        infer_type=types.like_input(0),
        storage=_storage,
    )
