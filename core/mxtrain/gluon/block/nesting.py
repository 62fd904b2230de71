"""Nested arguments of blocks: flat lists of arrays or symbols, and the structure to nest them again."""

from collections.abc import Sequence
from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.ndarray import NDArray
from mxtrain.symbol import Group, Symbol

#: 0: one array; -1: None; n > 1: a symbol of n outputs; a list: a list of structures.
Structure = Any


def flatten(values: Any, what: str) -> tuple[list[Any], Structure]:
    """Arrays, symbols and Nones in (nested) lists as one list, with the structure. what: "input" or "output".

    Raises ArgumentError for anything else.
    """
    if isinstance(values, NDArray):
        return [values], 0
    if isinstance(values, Symbol):
        return [values], len(values) if len(values) > 1 else 0
    if values is None:
        return [None], -1
    if not isinstance(values, (list, tuple)):
        raise ArgumentError(
            f"When hybridized, the input of HybridBlock {what} must be (nested) list of Symbol or NDArray, but got "
            f"{values} of type {type(values)}"
        )
    flat: list[Any] = []
    structure = []
    for value in values:
        part, part_structure = flatten(value, what)
        flat += part
        structure.append(part_structure)
    return flat, structure


def regroup(flat: Sequence[Any], structure: Structure) -> tuple[Any, list[Any]]:
    """The nested value with a structure, and the rest of the list."""
    if structure == 0:
        return flat[0], list(flat[1:])
    if structure == -1:
        if flat[0] is not None:
            raise ArgumentError(f"Expected: None, as in the first call. Received: {type(flat[0]).__name__}.")
        return None, list(flat[1:])
    if isinstance(structure, int):
        outputs = list(flat[:structure])
        return Group(outputs) if isinstance(outputs[0], Symbol) else outputs, list(flat[structure:])
    rest = list(flat)
    values = []
    for part in structure:
        value, rest = regroup(rest, part)
        values.append(value)
    return values, rest


def fits(given: Structure, first: Structure) -> bool:
    """Whether a call has the structure of the first one; Nones at the end may be left out."""
    if given == first:
        return True
    if not (isinstance(given, list) and isinstance(first, list)):
        return False
    shorter, longer = sorted((given, first), key=len)
    return longer[: len(shorter)] == shorter and all(part == -1 for part in longer[len(shorter) :])
