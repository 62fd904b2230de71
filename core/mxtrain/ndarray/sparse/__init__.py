"""`mx.nd.sparse`: row_sparse and csr arrays, and the operators that have kernels of their own for them."""

from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.sparse import methods
from mxtrain.ndarray.sparse.creation import array, csr_matrix, empty, row_sparse_array, zeros
from mxtrain.ndarray.sparse.pairwise import add, divide, multiply, subtract
from mxtrain.ndarray.sparse_array import BaseSparseNDArray, CSRNDArray, RowSparseNDArray

__all__ = [
    "BaseSparseNDArray",
    "CSRNDArray",
    "NDArray",
    "RowSparseNDArray",
    "add",
    "array",
    "csr_matrix",
    "divide",
    "empty",
    "multiply",
    "row_sparse_array",
    "subtract",
    "zeros",
]
