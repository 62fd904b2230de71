"""Sequences of inputs and outputs: one array with a time axis, or a list with an array per step."""

from collections.abc import Sequence
from typing import Any

from mxtrain import ndarray as nd
from mxtrain import symbol as sym
from mxtrain.gluon.errors import CheckError
from mxtrain.gluon.parameter import tensor_types
from mxtrain.ndarray import NDArray
from mxtrain.symbol import Symbol


def module_of(value: Any) -> Any:
    """`mx.nd` or `mx.sym`, by what an input (or the first of a list) is."""
    return sym if isinstance(value[0] if isinstance(value, (list, tuple)) else value, Symbol) else nd


def as_list(value: Any) -> list[Any]:
    """The outputs of an operator with one or several of them."""
    return list(value) if isinstance(value, (list, tuple)) or module_of(value) is sym else [value]


def format_sequence(length: int | None, inputs: Any, layout: str, merge: bool | None) -> tuple[Any, int, Any, int]:
    """A sequence as a list (merge=False), as one array (True), or as it is (None).

    layout: places of time (T), batch (N) and channels (C), such as "NTC". Returns (sequence, time axis, F, batch size;
    0 for symbols). Raises CheckError for a sequence of another length.
    """
    if inputs is None:
        raise CheckError("unroll(inputs=None) has been deprecated. Please create input variables outside unroll.")
    F, axis = module_of(inputs), layout.find("T")
    if isinstance(inputs, tensor_types):
        batch_size = inputs.shape[layout.find("N")] if F is nd else 0
        if merge is False:
            inputs = _split(F, inputs, axis, length)
        return inputs, axis, F, batch_size
    if length is not None and len(inputs) != length:
        raise CheckError(f"Expected: a sequence of {length} steps. Received: {len(inputs)}.")
    batch_size = inputs[0].shape[layout.replace("T", "").find("N")] if F is nd else 0
    return F.stack(*inputs, axis=axis) if merge is True else inputs, axis, F, batch_size


def _split(F: Any, inputs: Any, axis: int, length: int | None) -> list[Any]:
    """The steps of a sequence."""
    if isinstance(inputs, NDArray):
        if length is not None and inputs.shape[axis] != length:
            raise CheckError(f"Expected: a sequence of {length} steps along axis {axis}. Received: {inputs.shape}.")
        length = inputs.shape[axis]
    elif len(inputs) != 1:
        raise CheckError(
            "unroll doesn't allow grouped symbol as input. Please convert to list with list(inputs) first or let "
            "unroll handle splitting."
        )
    return as_list(F.split(inputs, axis=axis, num_outputs=length, squeeze_axis=1))


def mask_sequence(F: Any, data: Any, length: int, valid_length: Any, axis: int, merge: bool | None) -> Any:
    """A sequence with zeros behind the end of each sample. valid_length: (batch,), numbers of steps."""
    if not isinstance(data, tensor_types):
        data = F.stack(*data, axis=axis)
    masked = F.SequenceMask(data, sequence_length=valid_length, use_sequence_length=True, axis=axis)
    return masked if merge else as_list(F.split(masked, num_outputs=length, axis=axis, squeeze_axis=True))


def reverse_sequence(sequence: Sequence[Any], length: int, valid_length: Any = None) -> list[Any]:
    """The steps in reverse order; with valid_length each sample's own steps, which its padding still follows."""
    if valid_length is None:
        return list(reversed(sequence))
    F = module_of(sequence)
    reverse = F.SequenceReverse(F.stack(*sequence, axis=0), sequence_length=valid_length, use_sequence_length=True)
    return as_list(F.split(reverse, axis=0, num_outputs=length, squeeze_axis=True))


def last_states(F: Any, all_states: Sequence[Sequence[Any]], valid_length: Any) -> list[Any]:
    """The states of each sample at its own end, from those after every step."""
    return [
        F.SequenceLast(F.stack(*steps, axis=0), sequence_length=valid_length, use_sequence_length=True, axis=0)
        for steps in zip(*all_states, strict=True)
    ]
