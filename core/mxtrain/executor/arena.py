"""Arenas: one flat piece of memory that holds many arrays, so that they can be updated and moved as one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mxtrain.context import Context
from mxtrain.executor.memory import ALIGNMENT, Spec
from mxtrain.ndarray.array_type import NDArray, wrap
from mxtrain.ndarray.creation import zeros


@dataclass
class Arena:
    """Parameters of one dtype side by side, and their gradients in the same layout.

    names: in memory order. weights, grads: flat NDArrays over the whole arena (gaps between arrays, for alignment, are
    zero and stay so under element-wise updates).
    """

    names: list[str]
    weights: NDArray
    grads: NDArray


def allocate_arena(ctx: Context, specs: Mapping[str, Spec]) -> tuple[NDArray, dict[str, NDArray]]:
    """A flat array of zeros, and NDArrays of the given specs (all of one dtype) inside it."""
    dtype = next(iter(specs.values())).dtype
    step = ALIGNMENT // dtype.itemsize
    offsets: dict[str, int] = {}
    total = 0
    for name, spec in specs.items():
        offsets[name] = total
        total += -(-spec.nbytes // ALIGNMENT) * step
    flat = zeros((total,), ctx, dtype)
    arrays = {}
    for name, spec in specs.items():
        count = spec.nbytes // dtype.itemsize
        part = flat._data[offsets[name] : offsets[name] + count].reshape(spec.shape)
        arrays[name] = wrap(part, ctx)
    return flat, arrays


def by_dtype(specs: Mapping[str, Spec]) -> dict[np.dtype, dict[str, Spec]]:
    """Specs grouped by dtype, orders kept."""
    groups: dict[np.dtype, dict[str, Spec]] = {}
    for name, spec in specs.items():
        groups.setdefault(spec.dtype, {})[name] = spec
    return groups
