"""Element-wise steps that follow each other run together: block by block of the arrays, each block through all steps.

What one step writes, the next one reads while it is still in a cache. Results are the same to the last bit: every step
computes the same function of the same elements.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from mxtrain.ops import large_arrays
from mxtrain.ops.kernels import blocks
from mxtrain.ops.operator import Operator

# elements in a block that goes through several steps: float32 arrays of 512 KiB
_ELEMENTS = 1 << 17


class ElementwiseStep:
    """A call of an element-wise operator on large arrays that all have one shape."""

    def __init__(self, op: Operator, inputs: Sequence[np.ndarray], out: np.ndarray, keywords: dict[str, Any]) -> None:
        self._compute = large_arrays.computation(op, np, keywords)
        self._inputs = [array.reshape(-1) for array in inputs]
        self._out = out.reshape(-1)

    @property
    def size(self) -> int:
        """How many elements each array has."""
        return self._out.size

    def __call__(self) -> None:
        """Compute all elements."""
        blocks.elementwise(self._compute, self._inputs, self._out)

    def compute(self, part: slice) -> None:
        """Compute a part of the elements."""
        target = self._out[part]
        result = self._compute(*[array[part] for array in self._inputs], target)
        if result is not target:
            target[...] = result

    def may_follow(self, earlier: "ElementwiseStep") -> bool:
        """Whether both may go on to the next block before the other one has ended.

        Memory that one of them writes must be the same elements at the same places for the other, or none of its own.
        """
        if self.size != earlier.size:
            return False
        written = [(self._out, array) for array in (earlier._out, *earlier._inputs)]
        written += [(array, earlier._out) for array in self._inputs]
        return all(_is_same_place(*pair) or not np.may_share_memory(*pair) for pair in written)


def _is_same_place(first: np.ndarray, second: np.ndarray) -> bool:
    same_start = first.__array_interface__["data"][0] == second.__array_interface__["data"][0]
    return same_start and first.itemsize == second.itemsize


def elementwise_step(
    op: Operator, forward: Callable[..., Any], inputs: Sequence[Any], outputs: Sequence[Any], keywords: dict[str, Any]
) -> ElementwiseStep | None:
    """The step of an operator, where `forward`, which was chosen for it, computes in blocks; else None."""
    if not large_arrays.computes_in_blocks(op, forward) or len(outputs) != 1:
        return None
    if any(array.shape != outputs[0].shape for array in inputs):
        return None
    return ElementwiseStep(op, inputs, outputs[0], keywords)


def fuse(steps: Sequence[Callable[[], Any]]) -> tuple[list[Callable[[], Any]], list[int]]:
    """The steps with neighbours run together where they may, and of each the position of the first that it holds."""
    fused: list[Callable[[], Any]] = []
    positions: list[int] = []
    group: list[ElementwiseStep] = []
    for position, step in enumerate(steps):
        if not isinstance(step, ElementwiseStep):
            group = []
        elif group and all(step.may_follow(earlier) for earlier in group):
            group.append(step)
            fused[-1] = partial(_run_together, tuple(group))
            continue
        else:
            group = [step]
        fused.append(step)
        positions.append(position)
    return fused, positions


def _run_together(steps: Sequence[ElementwiseStep]) -> None:
    def compute(part: slice) -> None:
        for step in steps:
            step.compute(part)

    blocks.over_range(steps[0].size, _ELEMENTS, compute)
