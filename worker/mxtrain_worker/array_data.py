"""Data for training, given as arrays or as an iterator."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.io import DataIter, NDArrayIter
from mxtrain.ndarray import NDArray


def as_training_data(X: Any, y: Any, batch_size: int) -> Any:
    """An iterator over X and labels y, shuffled; X itself where it is a DataIter. Raises ArgumentError without y."""
    if isinstance(X, DataIter):
        return X
    if y is None:
        raise ArgumentError("y must be specified when X is an array. Received: None.")
    return _iterate(X, y, batch_size, shuffle=True, last_batch_handle="roll_over")


def as_data(X: Any, y: Any, batch_size: int) -> Any:
    """An iterator over X in order, with labels y (zeros by default); X itself where it is a DataIter."""
    if isinstance(X, DataIter):
        return X
    return _iterate(X, y, batch_size, shuffle=False, last_batch_handle="pad")


def _iterate(X: Any, y: Any, batch_size: int, shuffle: bool, last_batch_handle: str) -> DataIter:
    if not isinstance(X, (np.ndarray, NDArray)):
        raise ArgumentTypeError(f"X must be DataIter, NDArray or numpy.ndarray. Received: {type(X).__name__}.")
    labels = np.zeros(X.shape[0]) if y is None else _flat_labels(y, X.shape[0])
    return NDArrayIter(X, labels, min(X.shape[0], batch_size), shuffle=shuffle, last_batch_handle=last_batch_handle)


def _flat_labels(y: Any, num_samples: int) -> Any:
    """Labels of shape (num_samples,), from that or (num_samples, 1)."""
    if not isinstance(y, (np.ndarray, NDArray)):
        raise ArgumentTypeError(f"y must be ndarray when X is an array. Received: {type(y).__name__}.")
    if y.shape[0] != num_samples:
        raise ArgumentError(f"Expected: {num_samples} labels, one per sample. Received: {y.shape[0]}.")
    if y.ndim == 2 and y.shape[1] == 1:
        return y.reshape((-1,))
    if y.ndim != 1:
        raise ArgumentError(f"Label must be 1D or 2D (with 2nd dimension being 1). Received: shape {y.shape}.")
    return y


class EpochOf:
    """A training iterator whose epochs have a fixed number of batches, starting the data anew wherever they end."""

    def __init__(self, data: DataIter, num_batches: int) -> None:
        self._data = data
        self._num_batches = num_batches

    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)

    def __iter__(self) -> Iterator[Any]:
        for _ in range(self._num_batches):
            yield self._next()

    def _next(self) -> Any:
        try:
            return self._data.next()
        except StopIteration:
            self._data.reset()
            return self._data.next()

    def reset(self) -> None:
        """An epoch's end is no end of the data: the next epoch goes on where this one stopped."""
