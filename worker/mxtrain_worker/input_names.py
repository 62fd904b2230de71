"""Checks that the inputs a module is told of are those that its symbol and its data have; shapes of other batches."""

import warnings
from collections.abc import Sequence
from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.io import DataDesc

_PARAMETER_SUFFIXES = ("_weight", "_bias", "_gamma", "_beta")


def check_input_names(symbol: Any, names: Sequence[str], role: str, throw: bool) -> None:
    """Check that every name is an argument of the symbol.

    role: what the names are given as ("data", "label", ...), for the message. Raises ArgumentError for the first that
    is not, or warns where not throw (a label that no layer needs is no fault).
    """
    arguments = symbol.list_arguments()
    for name in names:
        if name not in arguments:
            candidates = [argument for argument in arguments if not argument.endswith(_PARAMETER_SUFFIXES)]
            _complain(
                f"You created Module with Module(..., {role}_names={list(names)}) but input with name {name!r} is not "
                f"found in symbol.list_arguments(). Did you mean one of: {candidates}?",
                throw,
            )


def describe_inputs(
    data_names: Sequence[str],
    label_names: Sequence[str],
    data_shapes: Sequence[Any],
    label_shapes: Sequence[Any] | None,
) -> tuple[list[DataDesc], list[DataDesc] | None]:
    """The DataDescs of data and labels, from DataDescs or (name, shape) pairs, checked against the module's names.

    Raises ArgumentError for other data than data_names, ArgumentTypeError for what is no shape; warns for other labels.
    """
    data = [as_desc(shape) for shape in data_shapes]
    _check_same_names(data_names, data, "data", throw=True)
    labels = [as_desc(shape) for shape in label_shapes] if label_shapes is not None else None
    _check_same_names(label_names, labels or [], "label", throw=False)
    return data, labels


def with_names(names: Sequence[str], shapes: Sequence[Any]) -> list[DataDesc]:
    """Shapes under other names, by position: how one module's outputs become the next one's inputs."""
    if len(names) != len(shapes):
        raise ArgumentError(f"Expected: {len(names)} shapes, for {list(names)}. Received: {len(shapes)}.")
    return [DataDesc(name, tuple(shape[1])) for name, shape in zip(names, shapes, strict=True)]


def describe_batch(
    batch: Any, data: Sequence[DataDesc], labels: Sequence[DataDesc] | None
) -> tuple[list[DataDesc], list[DataDesc] | None]:
    """The DataDescs for a batch of other shapes than those bound (`data`, `labels`).

    They are what the batch provides, else the bound ones with the shapes of its arrays. A batch without labels keeps
    the bound labels, for its own number of samples.
    """
    shapes = _provided(batch, "data", data)
    if labels is None:
        return shapes, None
    if getattr(batch, "label", None):
        return shapes, _provided(batch, "label", labels)
    axis = DataDesc.get_batch_axis(shapes[0].layout)
    return shapes, [_with_batch_size(desc, shapes[0].shape[axis]) for desc in labels]


def _provided(batch: Any, role: str, bound: Sequence[DataDesc]) -> list[DataDesc]:
    provided = getattr(batch, f"provide_{role}", None)
    if provided:
        return [as_desc(desc) for desc in provided]
    arrays = getattr(batch, role)
    if len(arrays) != len(bound):
        raise ArgumentError(f"Expected: a batch with {len(bound)} arrays of {role}. Received: {len(arrays)}.")
    return [
        DataDesc(desc.name, tuple(array.shape), desc.dtype, desc.layout)
        for desc, array in zip(bound, arrays, strict=True)
    ]


def _with_batch_size(desc: DataDesc, batch_size: int) -> DataDesc:
    axis = DataDesc.get_batch_axis(desc.layout)
    if axis < 0:
        return desc
    return DataDesc(desc.name, (*desc.shape[:axis], batch_size, *desc.shape[axis + 1 :]), desc.dtype, desc.layout)


def as_desc(described: Any) -> DataDesc:
    """A DataDesc whose shape is a tuple of integers, from a DataDesc or a (name, shape) pair."""
    desc = described if isinstance(described, DataDesc) else DataDesc(*described)
    if not isinstance(desc.shape, (tuple, list)):
        raise ArgumentTypeError(
            f"Expected: a tuple as the shape of {desc.name!r}. Received: {type(desc.shape).__name__}."
        )
    return DataDesc(desc.name, tuple(int(size) for size in desc.shape), desc.dtype, desc.layout)


def _check_same_names(expected: Sequence[str], described: Sequence[DataDesc], role: str, throw: bool) -> None:
    received = [desc.name for desc in described]
    if sorted(expected) != sorted(received):
        _complain(
            f"Data provided by {role}_shapes don't match names specified by {role}_names "
            f"({received} vs. {list(expected)}).",
            throw,
        )


def _complain(message: str, throw: bool) -> None:
    if throw:
        raise ArgumentError(message)
    warnings.warn(message, stacklevel=5)
