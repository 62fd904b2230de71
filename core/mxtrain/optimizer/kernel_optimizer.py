"""`KernelOptimizer`: an optimizer whose update is one kernel on backend arrays, for one parameter or a slab of many."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

import numpy as np

from mxtrain.base import ArgumentError, MXNetError
from mxtrain.context import Context
from mxtrain.ndarray import NDArray, from_backend, zeros
from mxtrain.optimizer.base import Optimizer
from mxtrain.optimizer.sparse_update import is_sparse, update_sparse


class KernelOptimizer(Optimizer):
    """Base of the built-in optimizers: a subclass states `create_state` and `step`.

    Where `elementwise` is true, parameters with equal hyper-parameters can be laid out as one flat array (a slab) and
    updated together:

        slab_key(index)      indices with equal keys may share a slab, as long as they are always updated together
        create_slab_states   the states of a slab, as flat backend arrays
        update_slab          one update of all the slab's parameters; equal, bit for bit, to updating them singly
    """

    elementwise: ClassVar[bool] = True
    #: Where the float32 copy stands in a multi-precision state: MXNet puts it last for the SGD family.
    master_weight_last: ClassVar[bool] = False

    def step(
        self,
        xp: types.ModuleType,
        weight: Any,
        grad: Any,
        states: Sequence[Any],
        *,
        lr: float,
        wd: float,
        t: int,
        low_precision: Any = None,
    ) -> None:
        """One update in place on backend arrays of the array module xp (numpy or cupy).

        weight, grad and each of states: arrays of equal size, of any shape. lr, wd: with multipliers. t: how often
        the parameter has been updated, this update included. low_precision: receives the new weight in its own dtype.
        """
        raise NotImplementedError(f"{type(self).__name__} must define step")

    def _common(self) -> dict[str, Any]:
        """What every kernel is told; a clip_gradient of 0 means none, as in MXNet."""
        return {"rescale_grad": self.rescale_grad, "clip_gradient": self.clip_gradient or None}

    # ---------------------------------------------------------------- parameters one by one

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Changes `weight` in place by its gradient. index, weight, grad, state: single, or lists of equal length."""
        self._update_count(index)
        if not isinstance(index, (list, tuple)):
            self._update_one(index, weight, grad, state)
            return
        for one in zip(index, weight, grad, state, strict=True):
            self._update_one(*one)

    def _update_one(
        self, index: Hashable, weight: NDArray, grad: NDArray, state: Any, low: NDArray | None = None
    ) -> None:
        hyper = self._hyper_parameters(index)
        ctx = weight.context
        with _device(ctx):
            if is_sparse(weight, grad):
                update_sparse(self, weight, grad, state, low, hyper)
                return
            low_precision = None if low is None else low.data_array
            states = state_arrays(state)
            self.step(ctx.xp, weight.data_array, grad.data_array, states, low_precision=low_precision, **hyper)

    def updates_stored_rows(self, weight: NDArray, *, wd: float, is_master: bool) -> bool:
        """Whether a row_sparse gradient leaves the rows of weight and states that it does not store as they are.

        wd: the weight decay of this parameter. is_master: the weight is the float32 copy of another.
        """
        return False

    def _hyper_parameters(self, index: Hashable) -> dict[str, Any]:
        """What `step` is told about one parameter, after its update was counted."""
        return {"lr": self._get_lr(index), "wd": self._get_wd(index), "t": self._index_update_count[index]}

    def create_state_multi_precision(self, index: Hashable, weight: NDArray) -> Any:
        """The state, with a float32 copy of a low-precision weight where multi_precision is set."""
        state = super().create_state_multi_precision(index, weight)
        if self.master_weight_last and self.uses_master_weight(weight.dtype):
            return (state[1], state[0])
        return state

    def update_multi_precision(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """As `update`, for a state of `create_state_multi_precision`."""
        if isinstance(index, (list, tuple)) or not self.uses_master_weight(weight.dtype):
            super().update_multi_precision(index, weight, grad, state)
            return
        self._update_count(index)
        original, master = state if self.master_weight_last else (state[1], state[0])
        self._update_one(index, master, grad, original, weight)

    # ---------------------------------------------------------------- many parameters in one flat array

    def slab_key(self, index: Hashable) -> tuple[float, float, int]:
        """What parameters of one slab have in common: multipliers of lr and wd, and the count of their updates."""
        count = self._index_update_count.get(index, self.begin_num_update)
        return (self._multiplier(index, "lr"), self._multiplier(index, "wd"), count)

    def create_slab_states(self, indices: Sequence[Hashable], weight: Any, ctx: Context) -> tuple[Any, ...]:
        """The states of a slab: flat backend arrays as long as `weight`, the flat backend array of all its values."""
        self._require_elementwise()
        return state_arrays(self.create_state(indices[0], from_backend(weight, ctx)))

    def update_slab(
        self,
        indices: Sequence[Hashable],
        weight: Any,
        grad: Any,
        states: Sequence[Any],
        xp: types.ModuleType = np,
        low_precision: Any = None,
    ) -> None:
        """Updates all parameters of a slab at once, in place, and counts one update for each index.

        weight, grad and each of states: flat backend arrays of the array module xp with the values of all parameters
        in the same order; grad may be of another dtype. low_precision: for a weight that is the float32 copy of
        low-precision parameters, the flat array that receives the new values.

        Raises MXNetError for an optimizer that is not elementwise, ArgumentError where the parameters were not
        updated equally often before. That their multipliers are equal is up to the caller (see `slab_key`).
        """
        self._require_elementwise()
        self._update_count(indices if isinstance(indices, (list, tuple)) else list(indices))
        counts = self._index_update_count
        t = counts[indices[0]]
        if any(counts[index] != t for index in indices):
            raise ArgumentError(f"Expected: parameters of one slab with equally many updates ({t}). Received: others.")
        hyper = self._hyper_parameters(indices[0])
        self.step(xp, weight, grad, states, low_precision=low_precision, **hyper)

    def _require_elementwise(self) -> None:
        if not self.elementwise:
            raise MXNetError(
                f"The optimizer {type(self).__name__} treats each parameter as a whole: expected an element-wise one"
                " for a slab. Update its parameters singly."
            )


def zeros_like(weight: NDArray) -> NDArray:
    """Zeros of the weight's shape, dtype, storage and context: the usual initial state."""
    return zeros(weight.shape, weight.context, weight.dtype, stype=weight.stype)


def dense_zeros_like(weight: NDArray) -> NDArray:
    """Zeros of the weight's shape, dtype and context, all of them stored."""
    return zeros(weight.shape, weight.context, weight.dtype)


def state_arrays(state: Any) -> tuple[Any, ...]:
    """The backend arrays of a state (None, an NDArray, or a tuple of both), in order, without the Nones."""
    if state is None:
        return ()
    if isinstance(state, NDArray):
        return (state.data_array,)
    return tuple(part.data_array for part in state if part is not None)


def _device(ctx: Context) -> contextlib.AbstractContextManager[None]:
    """Makes a GPU the current one; a CPU needs nothing."""
    return ctx.backend.active() if ctx.device_typeid == 2 else contextlib.nullcontext()
