"""The sum of any number of arrays."""

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.sparse.sums import sum_of_row_sparse
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.storage import form


@operator("add_n", "ElementWiseSum", cases=[Case(data=[(2, 3), (2, 3), (2, 3)]), Case(data=[(2,)])])
class AddN:
    """The element-wise sum, from the first to the last array. args: one shape and dtype. Output: the same."""

    infer_shape = shapes.same
    storage = [form("row_sparse... -> row_sparse", sum_of_row_sparse)]
    elementwise = True

    def forward(xp, *args, out=None):
        if not args:
            raise ArgumentError("Expected: one array or more. Received: none.")
        shapes.unify_all([a.shape for a in args])
        types.unify_all([a.dtype for a in args])
        if len(args) == 1:
            result = args[0].copy() if out is None else out
            result[...] = args[0]
            return result
        result = xp.add(args[0], args[1], out=out)
        for array in args[2:]:
            xp.add(result, array, out=result)
        return result

    def gradient(F, gy, y, *args):
        return [gy] * len(args)
