"""How a batch is cut over devices."""

from collections.abc import Sequence
from typing import Any

from mxtrain.base import ArgumentError


def split_by_work_load(batch_size: int, work_loads: Sequence[float]) -> list[slice]:
    """One slice of the batch axis per device, sized in proportion to the work loads; the last takes the rest.

    batch_size: number of samples. work_loads: one positive weight per device.
    Raises ArgumentError where a device would get no sample. Source: the slices of MXNet 1.9.1.
    """
    total = sum(work_loads)
    ends = []
    end = 0
    for load in work_loads:
        end = min(end + round(batch_size * load / total), batch_size)
        ends.append(end)
    ends[-1] = batch_size
    begins = [0, *ends[:-1]]
    if any(begin >= end for begin, end in zip(begins, ends, strict=True)):
        raise ArgumentError(
            f"Too many slices: expected at least one sample per device. Received: a batch of {batch_size} for work "
            f"loads {list(work_loads)}. Use larger batches or fewer devices."
        )
    return [slice(begin, end) for begin, end in zip(begins, ends, strict=True)]


def sliced_shape(shape: Sequence[int], axis: int, part: slice) -> tuple[int, ...]:
    """The shape of one device's part of an input. axis: its batch axis; -1 where every device gets the whole."""
    if axis < 0:
        return tuple(shape)
    return (*shape[:axis], part.stop - part.start, *shape[axis + 1 :])


def index_of(axis: int, part: slice) -> Any:
    """The key that selects `part` along the batch axis; None for the whole array (axis -1)."""
    return None if axis < 0 else (slice(None),) * axis + (part,)
