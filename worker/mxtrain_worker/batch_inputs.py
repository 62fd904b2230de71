"""Copies a batch, cut over the devices, into the buffers that the executors read."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.context import Context, cpu
from mxtrain.ndarray import NDArray
from mxtrain.ndarray.sparse_array import BaseSparseNDArray
from mxtrain.ndarray.writing import write_array
from mxtrain.ops.sparse.containers import CSR
from mxtrain_worker.work_slices import index_of

_HOST = cpu()


class BatchInputs:
    """Where the arrays of a batch go: for each input and device the key of its part and the buffer it fills.

    Prepared when the executors are bound, so that a step only copies.
    """

    def __init__(self, names: Sequence[str], axes: Sequence[int], slices: Sequence[slice], buffers: Any) -> None:
        """names, axes: of the inputs; an axis is -1 where there is no batch axis. buffers: [input][device] NDArrays."""
        self._names = list(names)
        self._of_device: list[list[tuple[Any, NDArray]]] = [
            [
                (index_of(axis, part) if len(slices) > 1 else None, of_input[device])
                for axis, of_input in zip(axes, buffers, strict=True)
            ]
            for device, part in enumerate(slices)
        ]

    def load(self, device: int, sources: Sequence[Any]) -> None:
        """Copy the device's part of every input. sources: one NDArray or NumPy array per input, whole batches."""
        targets = self._of_device[device]
        if len(sources) != len(targets):
            raise self._wrong_number(len(sources))
        for source, (key, target) in zip(sources, targets, strict=True):
            if isinstance(source, BaseSparseNDArray):
                write_array(target, source if key is None else _part_of(source, key))
                continue
            values, ctx = _values_of(source)
            target.copy_values_from(values if key is None else values[key], ctx)

    def load_part(self, device: int, sources: Sequence[Any]) -> None:
        """Copy inputs that were cut for this device before."""
        for source, (_, target) in zip(sources, self._of_device[device], strict=True):
            if isinstance(source, BaseSparseNDArray):
                write_array(target, source)
                continue
            values, ctx = _values_of(source)
            target.copy_values_from(values, ctx)

    def _wrong_number(self, received: int) -> ArgumentError:
        return ArgumentError(f"Expected: a batch with the arrays {self._names}. Received: {received} arrays.")


def _part_of(source: BaseSparseNDArray, key: Any) -> NDArray:
    """What a key of slices selects of a sparse array: csr rows stay sparse."""
    if source.stype == CSR and len(key) == 1:
        return source[key[0]]
    return source.tostype("default")[key]


def _values_of(source: Any) -> tuple[Any, Context]:
    """The backend array of an input and the context it is on."""
    if isinstance(source, NDArray):
        return source.data_array, source.context
    if isinstance(source, np.ndarray):
        return source, _HOST
    raise ArgumentTypeError(f"Expected: NDArray or numpy.ndarray in a batch. Received: {type(source).__name__}.")
