"""`Optimizer`: learning rates, weight decay and update counts, which all optimizers share."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from mxtrain.base import ArgumentTypeError
from mxtrain.dtypes import bfloat16
from mxtrain.lr_scheduler import LRScheduler
from mxtrain.ndarray import NDArray
from mxtrain.optimizer import registry
from mxtrain.optimizer.configuration import Configurable

_log = logging.getLogger(__name__)
_LOW_PRECISION = (np.float16, bfloat16)


class Optimizer(Configurable):
    """Base of all optimizers: learning rates, weight decay, update counts. A subclass defines `update`.

    rescale_grad: factor for every gradient before its use (often 1 / batch size). clip_gradient: limit for each value
    of the rescaled gradient. wd: weight decay. learning_rate: 0.01 by default, or the scheduler's base_lr.
    begin_num_update: number of updates done before (to resume). multi_precision: keep a float32 copy of float16 and
    bfloat16 weights. param_idx2name: index of each parameter to its name; all but `*_weight` and `*_gamma` then get no
    weight decay. sym: a symbol whose attributes `__lr_mult__` and `__wd_mult__` set the multipliers. param_dict: index
    to an object with `lr_mult` and `wd_mult`.

    Source: follows mxnet.optimizer.Optimizer of MXNet 1.9.1.
    """

    opt_registry: ClassVar[dict[str, type[Any]]] = registry.classes
    register = staticmethod(registry.register)
    create_optimizer = staticmethod(registry.create)

    #: True where the update treats every value alike, so that many parameters can be updated as one flat array.
    elementwise: ClassVar[bool] = False

    def __init__(
        self,
        rescale_grad: float = 1.0,
        param_idx2name: Mapping[Hashable, str] | None = None,
        wd: float = 0.0,
        clip_gradient: float | None = None,
        learning_rate: float | None = None,
        lr_scheduler: LRScheduler | None = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        param_dict: Mapping[Hashable, Any] | None = None,
    ) -> None:
        self.rescale_grad = rescale_grad
        self.lr_scheduler = lr_scheduler
        self.lr = _initial_lr(learning_rate, lr_scheduler)
        self.wd = wd
        self.begin_num_update = begin_num_update
        self.num_update = begin_num_update
        self._all_index_update_counts = {0: {}}
        self._index_update_count = self._all_index_update_counts[0]
        self.clip_gradient = clip_gradient
        self.multi_precision = multi_precision
        self.aggregate_num = 0
        self.idx2name = _checked_names(param_idx2name)
        self.sym_info = (sym.attr_dict(), sym.list_arguments()) if sym is not None else ()
        self.param_dict = dict(param_dict or {})
        self.allow_np_array = False
        self.set_lr_mult({})
        self.set_wd_mult({})

    # ---------------------------------------------------------------- what a subclass defines

    def create_state(self, index: Hashable, weight: NDArray) -> Any:
        """What the update of this weight remembers from step to step: None, an NDArray or a tuple of them."""
        return None

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Changes `weight` in place by its gradient. index, weight, grad, state: single, or lists of equal length."""
        raise NotImplementedError(f"{type(self).__name__} must define update")

    # ---------------------------------------------------------------- multi-precision

    def create_state_multi_precision(self, index: Hashable, weight: NDArray) -> Any:
        """The state, with a float32 copy of a low-precision weight where multi_precision is set: (copy, state)."""
        if self.uses_master_weight(weight.dtype):
            master = weight.astype(np.float32)
            return (master, self.create_state(index, master))
        self._warn_low_precision(weight.dtype)
        return self.create_state(index, weight)

    def update_multi_precision(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """As `update`, for a state of `create_state_multi_precision`."""
        if isinstance(index, (list, tuple)):
            for one in zip(index, weight, grad, state, strict=True):
                self.update_multi_precision(*one)
        elif self.uses_master_weight(weight.dtype):
            master, original_state = state
            self.update(index, master, grad.astype(np.float32), original_state)
            weight[:] = master
        else:
            self.update(index, weight, grad, state)

    def uses_master_weight(self, dtype: Any) -> bool:
        """True where weights of this dtype are updated through a float32 copy."""
        return self.multi_precision and dtype in _LOW_PRECISION

    def _warn_low_precision(self, dtype: Any) -> None:
        if dtype in _LOW_PRECISION:
            warnings.warn(
                f"Accumulating with {np.dtype(dtype).name} in optimizer can lead to poor accuracy or slow convergence."
                f" Consider using multi_precision=True option of the {type(self).__name__} optimizer",
                stacklevel=3,
            )

    # ---------------------------------------------------------------- learning rate and weight decay

    @property
    def learning_rate(self) -> float:
        """The current learning rate, without multipliers."""
        if self.lr_scheduler is not None:
            return self.lr_scheduler(self.num_update)
        return self.lr

    def set_learning_rate(self, lr: float) -> None:
        """Sets the learning rate. Raises UserWarning where a scheduler decides it, as MXNet 1.9.1 does."""
        if self.lr_scheduler is not None:
            raise UserWarning(
                "LRScheduler of the optimizer has already been defined. Note that set_learning_rate can mutate the"
                " value of the learning rate of the optimizer only when the LRScheduler of the optimizer is undefined."
            )
        self.lr = lr

    def set_lr_scale(self, args_lrscale: Any) -> None:
        """Removed in favour of `set_lr_mult`, as in MXNet 1.9.1: raises DeprecationWarning."""
        raise DeprecationWarning("set_lr_scale was replaced by set_lr_mult.")

    def set_lr_mult(self, args_lr_mult: Mapping[Hashable, float]) -> None:
        """Sets a factor on the learning rate of single parameters, by name or index.

        The attributes `__lr_mult__` of the symbol count too; `args_lr_mult` goes before them. A learning rate of a
        parameter in `param_dict` is multiplied by that object's `lr_mult` instead.
        """
        self.lr_mult = self._symbol_multipliers("__lr_mult__")
        self.lr_mult.update(args_lr_mult)

    def set_wd_mult(self, args_wd_mult: Mapping[Hashable, float]) -> None:
        """Sets a factor on the weight decay of single parameters, by name or index.

        By default parameters whose name ends neither in `_weight` nor in `_gamma` have factor 0; the attributes
        `__wd_mult__` of the symbol go before that, `args_wd_mult` before both.
        """
        names = self.idx2name.values()
        self.wd_mult = {name: 0.0 for name in names if not name.endswith(("_weight", "_gamma"))}
        self.wd_mult.update(self._symbol_multipliers("__wd_mult__"))
        self.wd_mult.update(args_wd_mult)

    def _symbol_multipliers(self, attribute: str) -> dict[Hashable, float]:
        """What the symbol's arguments state for an attribute."""
        if not self.sym_info:
            return {}
        attributes, arguments = self.sym_info
        return {name: float(attributes[name][attribute]) for name in arguments if attribute in attributes.get(name, {})}

    def _multiplier(self, index: Hashable, which: str) -> float:
        """The factor of one parameter: from param_dict, else by index, else by name, else 1. which: "lr" or "wd"."""
        if index in self.param_dict:
            return getattr(self.param_dict[index], f"{which}_mult")
        table: dict[Hashable, float] = getattr(self, f"{which}_mult")
        if index in table:
            return table[index]
        return table.get(self.idx2name[index], 1.0) if index in self.idx2name else 1.0

    def _get_lrs(self, indices: Sequence[Hashable]) -> list[float]:
        """The learning rates of parameters, multipliers included."""
        lr = self.learning_rate
        return [lr * self._multiplier(index, "lr") for index in indices]

    def _get_lr(self, index: Hashable) -> float:
        return self._get_lrs([index])[0]

    def _get_wds(self, indices: Sequence[Hashable]) -> list[float]:
        """The weight decays of parameters, multipliers included."""
        return [self.wd * self._multiplier(index, "wd") for index in indices]

    def _get_wd(self, index: Hashable) -> float:
        return self._get_wds([index])[0]

    # ---------------------------------------------------------------- counting

    def _set_current_context(self, device_id: int) -> None:
        """Counts from now on for this device (several devices update copies of the same parameters)."""
        self._index_update_count = self._all_index_update_counts.setdefault(device_id, {})

    def _update_count(self, index: Any) -> None:
        """Counts one more update of a parameter, or of a list of them."""
        counts = self._index_update_count
        for one in index if isinstance(index, (list, tuple)) else (index,):
            count = counts[one] = counts.get(one, self.begin_num_update) + 1
            if count > self.num_update:
                self.num_update = count


def _initial_lr(learning_rate: float | None, lr_scheduler: LRScheduler | None) -> float:
    """The learning rate to start with; one that is given goes before the scheduler's."""
    if lr_scheduler is None:
        return 0.01 if learning_rate is None else learning_rate
    if learning_rate is None:
        return lr_scheduler.base_lr
    if lr_scheduler.base_lr != learning_rate:
        _log.warning("learning rate from ``lr_scheduler`` has been overwritten by ``learning_rate`` in optimizer.")
        lr_scheduler.base_lr = learning_rate
    return learning_rate


def _checked_names(param_idx2name: Mapping[Hashable, str] | None) -> dict[Hashable, str]:
    """A copy of the names of parameters by their index."""
    if param_idx2name is not None and not isinstance(param_idx2name, Mapping):
        raise ArgumentTypeError(f"Expected: param_idx2name as a dict. Received: {type(param_idx2name).__name__}.")
    return dict(param_idx2name or {})
