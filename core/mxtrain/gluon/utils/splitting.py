"""Batches cut into pieces, one per device."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from mxtrain import ndarray as nd
from mxtrain.base import ArgumentError
from mxtrain.context import Context
from mxtrain.ndarray import NDArray
from mxtrain.ndarray.operators import functions


def split_data(data: NDArray, num_slice: int, batch_axis: int = 0, even_split: bool = True) -> list[NDArray]:
    """`num_slice` pieces of an array along the batch axis.

    even_split=False: where the sizes do not divide evenly, the first pieces have one sample more; otherwise that raises
    ArgumentError (a ValueError).
    """
    size = data.shape[batch_axis]
    if even_split and size % num_slice:
        raise ArgumentError(
            f"data with shape {data.shape} cannot be evenly split into {num_slice} slices along axis {batch_axis}. Use "
            f"a batch size that's multiple of {num_slice} or set even_split=False to allow uneven partitioning of data."
        )
    share, more = divmod(size, num_slice)
    bounds = [number * share + min(number, more) for number in range(num_slice + 1)]
    if batch_axis == 0:
        return [data[begin:end] for begin, end in pairwise(bounds)]
    return [functions.slice_axis(data, axis=batch_axis, begin=begin, end=end) for begin, end in pairwise(bounds)]


def split_and_load(
    data: Any, ctx_list: Sequence[Context], batch_axis: int = 0, even_split: bool = True
) -> list[NDArray]:
    """The pieces of `split_data`, each on its context. data: anything that `mx.nd.array` takes."""
    if not isinstance(data, NDArray):
        data = nd.array(data, ctx=ctx_list[0])
    if len(ctx_list) == 1:
        return [data.as_in_context(ctx_list[0])]
    pieces = split_data(data, len(ctx_list), batch_axis, even_split)
    return [piece.as_in_context(ctx) for piece, ctx in zip(pieces, ctx_list, strict=True)]
