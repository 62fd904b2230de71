"""Runs an element-wise update block by block, so that its operands and scratch stay in the processor's cache."""

from __future__ import annotations

import functools
import threading
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError

#: Values per block. Five float32 arrays of this length take 640 KiB: they fit a second-level cache of 1 MiB, and the
#: fixed cost of a NumPy call (0.5 us) is small beside the work in it.
BLOCK = 32768


class _Scratch(threading.local):
    """Each thread's scratch arrays of BLOCK values, by dtype; they live as long as the thread."""

    def __init__(self) -> None:
        self.arrays: dict[np.dtype, list[np.ndarray]] = {}

    def take(self, dtype: np.dtype, num: int, size: int) -> list[np.ndarray]:
        """`num` arrays of `size` <= BLOCK values; whoever takes next gets the same ones."""
        held = self.arrays.setdefault(dtype, [])
        while len(held) < num:
            held.append(np.empty(BLOCK, dtype))
        return [array[:size] for array in held[:num]]


_scratch = _Scratch()


def blocked(num_scratch: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes an in-place kernel for arrays of any size from a step on flat blocks.

    The step has the form step(xp, weight, grad, *states, *scratch, **hyper_parameters); it changes weight and states
    in place and leaves grad alone. The kernel has the same form without the scratch arrays, and takes one more
    keyword, low_precision: an array that receives the new weight in its own (smaller) dtype. All arrays have as many
    values; weight and states are C-contiguous and of one dtype; grad may have another.
    """

    def decorate(step: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(step)
        def kernel(
            xp: types.ModuleType, weight: Any, grad: Any, *states: Any, low_precision: Any = None, **hyper: Any
        ) -> None:
            if xp is np:
                _run_blocks(step, num_scratch, (weight, *states), grad, low_precision, hyper)
            else:
                _run_whole(xp, step, num_scratch, (weight, *states), grad, low_precision, hyper)

        return kernel

    return decorate


def _run_blocks(
    step: Callable[..., None],
    num_scratch: int,
    changed: tuple[np.ndarray, ...],
    grad: np.ndarray,
    low_precision: np.ndarray | None,
    hyper: dict[str, Any],
) -> None:
    """On a CPU: one block after the other."""
    flat = [_flat(array) for array in changed]
    size, dtype = flat[0].size, flat[0].dtype
    flat_grad = grad.reshape(-1)
    if flat_grad.size != size:
        raise ArgumentError(f"Expected a gradient of the weight's {size} values. Received: {flat_grad.size} values.")
    flat_low = None if low_precision is None else _flat(low_precision)
    for start in range(0, size, BLOCK):
        stop = min(start + BLOCK, size)
        grad_block, *scratch = _scratch.take(dtype, num_scratch + 1, stop - start)
        if flat_grad.dtype == dtype:
            grad_block = flat_grad[start:stop]
        else:
            grad_block[...] = flat_grad[start:stop]
        weight_block, *state_blocks = (array[start:stop] for array in flat)
        step(np, weight_block, grad_block, *state_blocks, *scratch, **hyper)
        if flat_low is not None:
            flat_low[start:stop] = weight_block


def _run_whole(
    xp: types.ModuleType,
    step: Callable[..., None],
    num_scratch: int,
    changed: tuple[Any, ...],
    grad: Any,
    low_precision: Any,
    hyper: dict[str, Any],
) -> None:
    """On a GPU: all at once; the scratch comes from the device's memory pool."""
    weight, *states = changed
    scratch = (xp.empty_like(weight) for _ in range(num_scratch))
    step(xp, weight, grad.reshape(weight.shape).astype(weight.dtype, copy=False), *states, *scratch, **hyper)
    if low_precision is not None:
        low_precision[...] = weight


def _flat(array: np.ndarray) -> np.ndarray:
    """A one-dimensional view of an array that will be written to."""
    if array.ndim == 1:
        return array
    if not array.flags.c_contiguous:
        raise ArgumentError(f"Expected C-contiguous weights and states. Received: strides {array.strides}.")
    return array.reshape(-1)
