"""Puts together what the devices computed."""

from collections.abc import Sequence

from mxtrain.ndarray import NDArray, concatenate


def merge_devices(per_array: Sequence[Sequence[NDArray]], axes: Sequence[int]) -> list[NDArray]:
    """One array per output from its parts on the devices, on the first device.

    per_array: [output][device]. axes: the batch axis of each output; -1 where every device computed the whole, of
    which the first device's counts.
    """
    return [_merge(parts, axis) for parts, axis in zip(per_array, axes, strict=True)]


def _merge(parts: Sequence[NDArray], axis: int) -> NDArray:
    return parts[0] if len(parts) == 1 or axis < 0 else concatenate(parts, axis=axis)


def average(copies: Sequence[NDArray], target: NDArray) -> None:
    """Write the mean of the devices' copies of one parameter into `target`."""
    if len(copies) == 1:
        copies[0].copyto(target)
        return
    if copies[0].stype != "default":
        copies = [copy.tostype("default") for copy in copies]
    total = copies[0].as_in_context(target.context).copy()
    for copy in copies[1:]:
        total += copy.as_in_context(target.context)
    total /= len(copies)
    target[:] = total
