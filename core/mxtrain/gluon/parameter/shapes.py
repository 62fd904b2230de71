"""Shapes of parameters, of which some sizes may not be known yet."""

from collections.abc import Sequence

from mxtrain.util import is_np_shape


def unknown_size() -> int:
    """What stands for a size that is not known: 0, and -1 under NumPy's shape semantics."""
    return -1 if is_np_shape() else 0


def is_known(shape: Sequence[int] | None) -> bool:
    """Whether a shape is there and has no unknown size; () is a shape only under NumPy's shape semantics."""
    if shape is None:
        return False
    unknown = unknown_size()
    return unknown == -1 if len(shape) == 0 else unknown not in shape


def agree(partial: Sequence[int], full: Sequence[int]) -> bool:
    """Whether `full` is what `partial` can become: as many axes, and equal sizes where `partial` knows them.

    A size of -1 or 0 in `partial` is not known.
    """
    return len(partial) == len(full) and all(mine in (-1, 0, other) for mine, other in zip(partial, full, strict=True))


def completed(partial: Sequence[int], full: Sequence[int]) -> tuple[int, ...]:
    """`partial` with the unknown sizes taken from `full`."""
    unknown = unknown_size()
    return tuple(other if mine == unknown else mine for mine, other in zip(partial, full, strict=True))
