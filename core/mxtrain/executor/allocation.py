"""The arrays of a `simple_bind`: what they must be, and where they come from (new, an arena, another executor)."""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from mxtrain.base import ArgumentError, MXNetError
from mxtrain.context import Context
from mxtrain.executor.arena import Arena, allocate_arena, by_dtype
from mxtrain.executor.argument_storage import ArgumentStorage
from mxtrain.executor.executor_type import Executor
from mxtrain.executor.memory import Spec
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.creation import zeros
from mxtrain.ops.shapes import is_known
from mxtrain.ops.sparse.containers import DENSE
from mxtrain.symbol.graph import Entry, auxiliary
from mxtrain.symbol.infer import as_partial, fill_default_type, infer_shapes
from mxtrain.symbol.symbol_type import Symbol

Specs = dict[str, Spec]


def infer_specs(symbol: Symbol, shapes: Mapping[str, Any], types: Mapping[str, Any]) -> tuple[Specs, Specs]:
    """Specs of arguments and of auxiliary states by name. Raises MXNetError naming those whose shape stays unknown."""
    found = infer_shapes(symbol.heads, {name: as_partial(shape) for name, shape in shapes.items()})
    dtypes = fill_default_type(symbol.heads, types)
    aux = auxiliary(found.order)
    variables = [Entry(node) for node in found.order if node.is_variable]
    missing = [f"{v.node.name}: {found.get(v)}" for v in variables if not is_known(found.get(v))]
    if missing:
        raise MXNetError(
            "Expected: shapes that decide all others. Received: too few; these remain unknown (-1: an unknown size): "
            f"{', '.join(missing)}. Give them as keyword arguments."
        )
    arguments: dict[str, Spec] = {}
    states: dict[str, Spec] = {}
    for variable in variables:
        group = states if id(variable.node) in aux else arguments
        group[variable.node.name] = Spec(found.get(variable), dtypes.get(variable))
    return arguments, states


def resized(array: NDArray, spec: Spec) -> NDArray:
    """The array itself, a view of its front, or a new larger one on its context (a new one, too, if it is sparse)."""
    if array.shape == spec.shape:
        return array
    if array.stype != DENSE:
        return zeros(spec.shape, array.context, spec.dtype, array.stype)
    count = prod(spec.shape)
    if count <= array.size:
        return array.view(array._data.reshape(-1)[:count].reshape(spec.shape))
    return zeros(spec.shape, array.context, spec.dtype)


class Allocator:
    """Finds or makes arrays.

    context_of: where the array of a name lives. shared: an Executor whose arrays named in shared_names, and whose
    auxiliary states, are used again. pool: arrays by name that are used again where they are large enough. storage:
    which arrays are sparse.
    """

    def __init__(
        self,
        context_of: Callable[[str], Context],
        shared: Executor | None,
        shared_names: set[str],
        pool: dict[str, NDArray] | None,
        storage: ArgumentStorage,
    ) -> None:
        self._context_of = context_of
        self._shared = shared
        self._shared_names = shared_names
        self._pool = pool
        self._storage = storage

    def arguments(
        self, specs: Mapping[str, Spec], reqs: Mapping[str, str], inputs: set[str]
    ) -> tuple[dict[str, NDArray], dict[str, NDArray | None], list[Arena]]:
        """Arrays and gradients of all arguments; parameters lie in arenas, one per context and dtype."""
        found = {name: array for name in specs if (array := self._shared_argument(name, specs[name])) is not None}
        grads: dict[str, NDArray | None] = dict.fromkeys(specs)
        if self._shared is not None:
            grads.update({name: self._shared.grad_dict.get(name) for name in found if reqs[name] != "null"})
        parameters = {
            name: spec
            for name, spec in specs.items()
            if name not in found and name not in inputs and reqs[name] != "null" and not self._storage.lies_apart(name)
        }
        arenas = self._allocate_parameters(parameters, found, grads) + self._shared_arenas(found, grads)
        for name, spec in specs.items():
            if name not in found:
                found[name] = self._pooled(name, spec)
            if reqs[name] != "null" and grads[name] is None:
                stype = self._storage.gradients.get(name)
                grads[name] = zeros(spec.shape, self._context_of(name), spec.dtype, stype)
        return {name: found[name] for name in specs}, grads, arenas

    def _allocate_parameters(
        self, specs: Mapping[str, Spec], found: dict[str, NDArray], grads: dict[str, NDArray | None]
    ) -> list[Arena]:
        """Put parameters and their gradients into arenas."""
        arenas = []
        # Weight decay usually spares biases and the like: parameters that are updated alike lie side by side.
        in_order = sorted(specs, key=lambda name: not name.endswith(("_weight", "_gamma")))
        for ctx in dict.fromkeys(self._context_of(name) for name in in_order):
            here = {name: specs[name] for name in in_order if self._context_of(name) is ctx}
            for group in by_dtype(here).values():
                weights, arrays = allocate_arena(ctx, group)
                flat_grads, grad_arrays = allocate_arena(ctx, group)
                found.update(arrays)
                grads.update(grad_arrays)
                arenas.append(Arena(list(group), weights, flat_grads))
        return arenas

    def _shared_argument(self, name: str, spec: Spec) -> NDArray | None:
        if self._shared is None or name not in self._shared_names or name not in self._shared.arg_dict:
            return None
        array = self._shared.arg_dict[name]
        if array.shape != spec.shape:
            raise ArgumentError(f"{name}: expected the shared shape {array.shape}. Received: {spec.shape}.")
        stype = self._storage.arrays.get(name, DENSE)
        if array.stype != stype:
            raise ArgumentError(f"{name}: expected the shared storage type {array.stype!r}. Received: {stype!r}.")
        return array

    def _shared_arenas(self, arrays: Mapping[str, NDArray], grads: Mapping[str, NDArray | None]) -> list[Arena]:
        """The arenas of the other executor all of whose arrays are used again."""
        if self._shared is None:
            return []
        theirs = self._shared.arg_dict, self._shared.grad_dict
        return [
            arena
            for arena in self._shared.arenas
            if all(arrays.get(n) is theirs[0][n] and grads.get(n) is theirs[1][n] for n in arena.names)
        ]

    def _pooled(self, name: str, spec: Spec) -> NDArray:
        """An array from the pool where it is large enough, else a new one, which goes there."""
        ctx, stype = self._context_of(name), self._storage.arrays.get(name)
        if self._pool is None or stype is not None:
            return zeros(spec.shape, ctx, spec.dtype, stype)
        old = self._pool.get(name)
        if old is not None and old._data.dtype == spec.dtype and old.size >= prod(spec.shape):
            return resized(old, spec)
        array = zeros(spec.shape, ctx, spec.dtype)
        self._pool[name] = array
        return array

    def state(self, name: str, spec: Spec) -> NDArray:
        """The array of an auxiliary state."""
        shared = self._shared.aux_dict.get(name) if self._shared is not None else None
        if shared is not None and shared.shape == spec.shape:
            return shared
        return zeros(spec.shape, self._context_of(name), spec.dtype, self._storage.arrays.get(name))
