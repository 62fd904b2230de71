"""MXNet's special codes in the target of a reshape."""

from collections.abc import Sequence

from mxtrain.base import ArgumentError


def target_shape(source: Sequence[int], codes: Sequence[int], reverse: bool = False) -> tuple[int, ...]:
    """The shape that the codes make of `source` (whose sizes may be -1, unknown).

    0 keeps the axis, -1 takes what is left, -2 keeps all remaining axes, -3 merges two axes, -4 splits one into the two
    sizes that follow (one of them may be -1). reverse: read source and codes from the right.
    Raises ArgumentError where they do not fit. Source: MXNet 1.9.1's documentation of `reshape`.
    """
    if reverse:
        flipped = _flip_codes(codes)
        return tuple(reversed(_expand(list(source)[::-1], flipped, source, codes)))
    return tuple(_expand(list(source), list(codes), source, codes))


def _flip_codes(codes: Sequence[int]) -> list[int]:
    """The codes in reverse order; -4 stays in front of its (swapped) pair."""
    flipped = list(codes)[::-1]
    for position, code in enumerate(flipped):
        if code == -4 and position >= 2:
            flipped[position - 2 : position + 1] = [-4, flipped[position - 2], flipped[position - 1]]
    return flipped


def _expand(source: list[int], codes: list[int], shown: Sequence[int], shown_codes: Sequence[int]) -> list[int]:
    target: list[int] = []
    at = 0
    position = 0
    try:
        while position < len(codes):
            code = codes[position]
            if code > 0 or code == -1:
                target.append(code)
                at += 1
            elif code == 0:
                target.append(source[at])
                at += 1
            elif code == -2:
                target.extend(source[at:])
                at = len(source)
            elif code == -3:
                target.append(_product(source[at : at + 2]) if source[at + 1] != 0 else 0)
                at += 2
            elif code == -4:
                target.extend(_split(source[at], codes[position + 1], codes[position + 2]))
                at += 1
                position += 2
            else:
                raise ArgumentError(f"Expected: reshape codes >= -4. Received: {code} in {tuple(shown_codes)}.")
            position += 1
    except IndexError:
        raise ArgumentError(
            f"Expected: reshape codes that fit shape {tuple(shown)}. Received: {tuple(shown_codes)}."
        ) from None
    return _fill_in(target, source, shown, shown_codes)


def _product(sizes: Sequence[int]) -> int:
    result = 1
    for size in sizes:
        if size == -1:
            return -1
        result *= size
    return result


def _split(size: int, first: int, second: int) -> tuple[int, int]:
    if first == -1 and size != -1:
        first = size // second
    elif second == -1 and size != -1:
        second = size // first
    if size != -1 and first * second != size:
        raise ArgumentError(f"Expected: two sizes whose product is {size}. Received: {first} and {second}.")
    return first, second


def _fill_in(target: list[int], source: list[int], shown: Sequence[int], codes: Sequence[int]) -> list[int]:
    total = _product(source)
    holes = target.count(-1)
    if total == -1:
        return target
    known = 1
    for size in target:
        known *= size if size != -1 else 1
    if holes == 1 and known and total % known == 0:
        target[target.index(-1)] = total // known
    elif holes or known != total:
        raise ArgumentError(f"Expected: a target for the {total} elements of {tuple(shown)}. Received: {tuple(codes)}.")
    return target
