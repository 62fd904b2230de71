"""`mx.nd`: n-dimensional arrays and the operators on them."""

from mxtrain.ndarray import (  # all but contrib and random install methods
    arithmetic,
    contrib,
    indexing,
    methods,
    random,
    sparse_arithmetic,
)
from mxtrain.ndarray.array_type import NDArray, from_backend
from mxtrain.ndarray.assembly import (
    concatenate,
    from_dlpack,
    histogram,
    moveaxis,
    onehot_encode,
    reset_arrays,
    split_v2,
)
from mxtrain.ndarray.assembly import to_dlpack as to_dlpack_for_read
from mxtrain.ndarray.assembly import to_dlpack as to_dlpack_for_write
from mxtrain.ndarray.creation import arange, empty, eye, from_numpy, full, linspace
from mxtrain.ndarray.deferred import settle_all as _settle_all
from mxtrain.ndarray.filled import ones, zeros
from mxtrain.ndarray.operators import functions as _functions
from mxtrain.ndarray.pairwise import (
    add,
    divide,
    equal,
    greater,
    greater_equal,
    lesser,
    lesser_equal,
    logical_and,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    modulo,
    multiply,
    not_equal,
    power,
    subtract,
    true_divide,
)
from mxtrain.ndarray.serialization import load, load_frombuffer, save
from mxtrain.ndarray.sparse.creation import array_of_any_storage as array
from mxtrain.ndarray.sparse_array import BaseSparseNDArray, CSRNDArray, RowSparseNDArray
from mxtrain.ops.namespaces import populate as _populate


def waitall() -> None:
    """Return when everything asked for has been computed and every value on its way has arrived."""
    _settle_all()
    _synchronize_gpus()


def _synchronize_gpus() -> None:
    from mxtrain.context import Context

    for ctx in list(Context._instances.values()):
        if ctx._backend is not None:
            ctx._backend.synchronize()


_populate(__name__, _functions)

__all__ = [
    "BaseSparseNDArray",
    "CSRNDArray",
    "NDArray",
    "RowSparseNDArray",
    "add",
    "arange",
    "array",
    "concatenate",
    "divide",
    "empty",
    "equal",
    "eye",
    "from_backend",
    "from_dlpack",
    "from_numpy",
    "full",
    "greater",
    "greater_equal",
    "histogram",
    "lesser",
    "lesser_equal",
    "linspace",
    "load",
    "load_frombuffer",
    "logical_and",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "modulo",
    "moveaxis",
    "multiply",
    "not_equal",
    "onehot_encode",
    "ones",
    "power",
    "random",
    "reset_arrays",
    "save",
    "sparse",
    "split_v2",
    "subtract",
    "to_dlpack_for_read",
    "to_dlpack_for_write",
    "true_divide",
    "waitall",
    "zeros",
]
