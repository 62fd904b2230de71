"""Writing one array's values into another, whatever their storage and whether or not calls are being recorded."""

from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.sparse_array import BaseSparseNDArray, value_of, write_value


def write_array(target: NDArray, source: NDArray) -> None:
    """Give an array the values of another of the same shape, cast to its element type; the two share no memory."""
    if not isinstance(target, BaseSparseNDArray) and not isinstance(source, BaseSparseNDArray):
        target.copy_values_from(source._data, source._ctx)
        return
    value = value_of(source)
    is_taken = isinstance(source, BaseSparseNDArray) and source.context is target.context
    write_value(target, value.copy() if is_taken else value, source.context)
