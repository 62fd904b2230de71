"""`Executor.reshape`: an Executor for other input shapes over the same memory."""

from math import prod
from typing import Any

from mxtrain.base import ArgumentError, NameLookupError
from mxtrain.executor.allocation import infer_specs, resized
from mxtrain.executor.executor_type import Executor
from mxtrain.executor.memory import Spec
from mxtrain.ndarray.array_type import NDArray


def reshape(self: Executor, partial_shaping: bool = False, allow_up_sizing: bool = False, **kwargs: Any) -> Executor:
    """An Executor for other input shapes that shares this one's memory and parameters. kwargs: shapes by name.

    partial_shaping: allow arguments that are not named to change shape as well (a label follows the data).
    allow_up_sizing: allow larger arrays than before, which then are new ones. Raises ArgumentError naming the argument.
    """
    unknown = set(kwargs) - set(self.arg_dict)
    if unknown:
        raise NameLookupError(f"Expected: arguments of {list(self.arg_dict)}. Received: {sorted(unknown)}.")
    types = {name: array.dtype for name, array in (*self.arg_dict.items(), *self.aux_dict.items())}
    specs, aux_specs = infer_specs(self.symbol, kwargs, types)
    args: dict[str, NDArray] = {}
    grads: dict[str, NDArray | None] = {}
    for name, spec in specs.items():
        old, old_grad = self.arg_dict[name], self.grad_dict.get(name)
        _check_change(name, old, spec, name in kwargs or partial_shaping, allow_up_sizing)
        args[name] = resized(old, spec)
        grads[name] = None if old_grad is None else resized(old_grad, spec)
    aux = {}
    for name, spec in aux_specs.items():
        _check_change(name, self.aux_dict[name], spec, partial_shaping, allow_up_sizing)
        aux[name] = resized(self.aux_dict[name], spec)
    arenas = [arena for arena in self.arenas if all(args[name] is self.arg_dict[name] for name in arena.names)]
    reshaped = Executor(
        self.symbol,
        self.context,
        args,
        grads,
        self.grad_req,
        aux,
        spare=self.memory,
        arenas=arenas,
        placement=self.placement,
    )
    reshaped.set_monitor_callback(self._monitor, self._monitor_all)
    return reshaped


def _check_change(name: str, old: NDArray, new: Spec, allowed: bool, up_sizing: bool) -> None:
    if old.shape == new.shape:
        return
    if not allowed:
        raise ArgumentError(
            f"{name}: expected to keep its shape {old.shape}. Received: {new.shape}. Pass partial_shaping=True if it "
            "may change."
        )
    size = prod(old.shape)
    if prod(new.shape) > size and not up_sizing:
        raise ArgumentError(
            f"{name}: expected at most {size} elements. Received: shape {new.shape}. Pass allow_up_sizing=True."
        )
