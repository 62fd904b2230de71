"""`DeviceUpdate`: one updater over the parameters of one device, in as few calls as their memory allows."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from mxtrain.context import Context
from mxtrain.ndarray import NDArray, zeros
from mxtrain.optimizer.kernel_optimizer import KernelOptimizer
from mxtrain.optimizer.sparse_update import is_sparse


@dataclass(frozen=True)
class _Parameter:
    """A trained parameter: its index for the updater, its value and its gradient."""

    index: Hashable
    weight: NDArray
    grad: NDArray


@dataclass
class _Slab:
    """Neighbouring parameters as flat backend arrays on one context, to be updated together."""

    ctx: Context
    indices: list[Hashable]
    weight: Any
    grad: Any
    states: list[Any]
    #: What the updater holds for each index: views of `states`.
    views: list[Any]

    def is_current(self, states: Mapping[Hashable, Any], counts: Mapping[Hashable, int]) -> bool:
        """Whether the updater still holds these views, and all parameters were updated equally often."""
        if any(states.get(index) is not view for index, view in zip(self.indices, self.views, strict=True)):
            return False
        count = counts.get(self.indices[0])
        return all(counts.get(index) == count for index in self.indices)


class DeviceUpdate:
    """Calling it updates every parameter of one device by its gradient.

    Neighbours in an arena that the optimizer treats alike are updated as one slab, all others singly by the updater.
    To others the updater's states look as they do without slabs: those of a slab are views of its flat states.
    """

    def __init__(
        self,
        updater: Any,
        indices: Sequence[Hashable],
        weights: Sequence[NDArray],
        grads: Sequence[NDArray],
        arenas: Sequence[Any],
    ) -> None:
        """arenas: `mxtrain.executor.arena.Arena`s that the parameters may lie in."""
        self._updater = updater
        self._parameters = [_Parameter(*one) for one in zip(indices, weights, grads, strict=True)]
        self._arenas = list(arenas)
        self._slabs: list[_Slab] = []
        self._singles: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
        self._facts: Any = None

    def __call__(self) -> None:
        """One update of every parameter."""
        if self._facts is None or not self._still_valid():
            self._plan()
        optimizer = self._updater.optimizer
        for slab in self._slabs:
            with slab.ctx.backend.active():
                optimizer.update_slab(slab.indices, slab.weight, slab.grad, slab.states, slab.ctx.xp)
        if self._singles[0]:
            self._updater(*self._singles)

    # ---------------------------------------------------------------- planning

    def _still_valid(self) -> bool:
        """Whether nothing that the slabs were chosen by has changed since: multipliers, states, counts."""
        chosen_for, lr_mult, wd_mult, decays = self._facts
        optimizer, states = self._updater.optimizer, self._updater.states
        if optimizer is not chosen_for:
            return False
        if not self._slabs:
            return True
        if optimizer.lr_mult != lr_mult or optimizer.wd_mult != wd_mult or bool(optimizer.wd) != decays:
            return False
        counts = optimizer._index_update_count
        return all(slab.is_current(states, counts) for slab in self._slabs)

    def _plan(self) -> None:
        """Choose the slabs anew."""
        optimizer = self._updater.optimizer
        self._slabs = []
        left = self._parameters
        if _takes_slabs(optimizer):
            for arena in self._arenas:
                self._slabs += self._slabs_in(arena)
            taken = {index for slab in self._slabs for index in slab.indices}
            left = [parameter for parameter in self._parameters if parameter.index not in taken]
        self._singles = ([p.index for p in left], [p.grad for p in left], [p.weight for p in left])
        self._facts = (optimizer, dict(optimizer.lr_mult), dict(optimizer.wd_mult), bool(optimizer.wd))

    def _slabs_in(self, arena: Any) -> list[_Slab]:
        if self._updater.optimizer.uses_master_weight(arena.weights.dtype):
            return []
        placed = [(start, p) for p in self._parameters if (start := _place_in(arena, p)) is not None]
        inside = sorted(placed, key=lambda one: one[0])
        runs = [list(run) for _, run in groupby(inside, key=lambda placed: self._key(placed[1]))]
        return [slab for run in runs if len(run) > 1 and (slab := self._join(arena, run)) is not None]

    def _key(self, parameter: _Parameter) -> tuple[Any, ...]:
        """What neighbours must have in common: multipliers (that of an absent weight decay aside) and count."""
        optimizer = self._updater.optimizer
        lr_mult, wd_mult, count = optimizer.slab_key(parameter.index)
        return lr_mult, wd_mult if optimizer.wd else None, count

    def _join(self, arena: Any, run: Sequence[tuple[int, _Parameter]]) -> _Slab | None:
        """A slab of neighbours, their states moved side by side; None where a state is not laid out as its weight."""
        begin, end = run[0][0], run[-1][0] + run[-1][1].weight.size
        states = self._join_states([(start - begin, parameter) for start, parameter in run], end - begin)
        if states is None:
            return None
        indices = [parameter.index for _, parameter in run]
        weight, grad = (flat.data_array[begin:end] for flat in (arena.weights, arena.grads))
        views = [self._updater.states[index] for index in indices]
        return _Slab(arena.weights.context, indices, weight, grad, states, views)

    def _join_states(self, places: Sequence[tuple[int, _Parameter]], size: int) -> list[Any] | None:
        """Flat states of `size` values each, of which the parameters' states become views; their values are kept."""
        states = self._updater.states
        for _, parameter in places:
            self._updater.prepare(parameter.index, parameter.weight)
        arrays = [_arrays_of(states[parameter.index]) for _, parameter in places]
        if len({len(of_one) for of_one in arrays}) != 1:
            return None
        if not all(_like(array, p.weight) for of_one, (_, p) in zip(arrays, places, strict=True) for array in of_one):
            return None
        first = places[0][1].weight
        flats = [zeros((size,), first.context, first.dtype) for _ in arrays[0]]
        for start, parameter in places:
            index, weight = parameter.index, parameter.weight
            part = slice(start, start + weight.size)
            views = [flat.view(flat.data_array[part].reshape(weight.shape)) for flat in flats]
            for view, old in zip(views, _arrays_of(states[index]), strict=True):
                old.copyto(view)
            states[index] = _with_arrays(states[index], iter(views))
        return [flat.data_array for flat in flats]


def _takes_slabs(optimizer: Any) -> bool:
    """Whether the optimizer updates slabs, and no subclass has changed what an update is."""
    return (
        isinstance(optimizer, KernelOptimizer)
        and optimizer.elementwise
        and not optimizer.param_dict
        and type(optimizer).update is KernelOptimizer.update
        and type(optimizer).update_multi_precision is KernelOptimizer.update_multi_precision
    )


def _place_in(arena: Any, parameter: _Parameter) -> int | None:
    """Where a parameter starts in an arena, counted in values; None where it, or its gradient, lies elsewhere."""
    if is_sparse(parameter.weight, parameter.grad):
        return None
    start = _offset(arena.weights.data_array, parameter.weight.data_array)
    return start if start is not None and start == _offset(arena.grads.data_array, parameter.grad.data_array) else None


def _offset(flat: Any, array: Any) -> int | None:
    if array.dtype != flat.dtype:
        return None
    distance = _address(array) - _address(flat)
    inside = distance >= 0 and distance + array.nbytes <= flat.nbytes
    return distance // flat.itemsize if inside else None


def _address(array: Any) -> int:
    """The address of the first value of a numpy or cupy array."""
    return int(array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr)


def _like(array: NDArray, weight: NDArray) -> bool:
    return array.shape == weight.shape and array.dtype == weight.dtype and array.context is weight.context


def _arrays_of(state: Any) -> list[NDArray]:
    """The arrays of a state (None, an NDArray, or a tuple of such), in order."""
    if state is None:
        return []
    return [state] if isinstance(state, NDArray) else [array for part in state for array in _arrays_of(part)]


def _with_arrays(state: Any, arrays: Iterator[NDArray]) -> Any:
    """The state with other arrays in the places of its own."""
    if state is None:
        return None
    return next(arrays) if isinstance(state, NDArray) else type(state)(_with_arrays(part, arrays) for part in state)
