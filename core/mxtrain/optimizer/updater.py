"""`Updater`: an optimizer together with the states of the parameters that it updates."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from mxtrain.context import Context
from mxtrain.ndarray import NDArray
from mxtrain.optimizer import registry
from mxtrain.optimizer.base import Optimizer
from mxtrain.optimizer.state_file import decode_states, encode_states


class Updater:
    """Updates parameters by an optimizer and keeps their states: updater(index, grad, weight).

    Source: mxnet.optimizer.Updater of MXNet 1.9.1, except that saved states are not a pickle.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.states: dict[Hashable, Any] = {}
        #: Whether a state lies on its weight's context already; loaded ones move there when they are first used.
        self.states_synced: dict[Hashable, bool] = {}
        self.aggregate_updates = optimizer.aggregate_num > 0

    def __call__(self, index: Any, grad: Any, weight: Any) -> None:
        """Updates a parameter, or a list of them. index: int or str; grad, weight: NDArrays; or equally long lists."""
        if not isinstance(index, (list, tuple)):
            self.prepare(index, weight)
            self.optimizer.update_multi_precision(index, weight, grad, self.states[index])
            return
        for one, array in zip(index, weight, strict=True):
            self.prepare(one, array)
        if self.aggregate_updates:
            self._update_in_groups(index, grad, weight)
        else:
            for one, array, gradient in zip(index, weight, grad, strict=True):
                self.optimizer.update_multi_precision(one, array, gradient, self.states[one])

    def _update_in_groups(self, index: Any, grad: Any, weight: Any) -> None:
        """Hands the optimizer as many parameters at a time as it takes together."""
        size = self.optimizer.aggregate_num
        for start in range(0, len(index), size):
            group = slice(start, start + size)
            states = [self.states[one] for one in index[group]]
            self.optimizer.update_multi_precision(list(index[group]), list(weight[group]), list(grad[group]), states)

    def prepare(self, index: Hashable, weight: NDArray) -> None:
        """Makes the parameter's state if there is none, and sees to it that it lies on the weight's context."""
        if index not in self.states:
            self.states[index] = self.optimizer.create_state_multi_precision(index, weight)
            self.states_synced[index] = True
        elif not self.states_synced.get(index, False):
            self.states[index] = self.sync_state_context(self.states[index], weight.context)
            self.states_synced[index] = True

    def sync_state_context(self, state: Any, context: Context) -> Any:
        """The state with all its arrays on a context."""
        if isinstance(state, NDArray):
            return state.as_in_context(context)
        if isinstance(state, (tuple, list)):
            return type(state)(self.sync_state_context(part, context) for part in state)
        return state

    def get_states(self, dump_optimizer: bool = False) -> bytes:
        """All states as bytes, with the counts of updates. dump_optimizer: with the optimizer's configuration, too."""
        description = self.optimizer.to_config() if dump_optimizer else None
        return encode_states(self.states, self.optimizer.progress(), description)

    def set_states(self, states: bytes) -> None:
        """Continues from what `get_states` gave, exactly: states, counts and, if it was dumped, the optimizer.

        Raises MXNetError for bytes that are cut short or of another kind, and then changes nothing.
        """
        loaded, progress, description = decode_states(states)
        if description is not None:
            self.optimizer = registry.from_config(description)
            self.aggregate_updates = self.optimizer.aggregate_num > 0
        else:
            self.optimizer.set_progress(progress)
        self.states = loaded
        self.states_synced = dict.fromkeys(loaded, False)


def get_updater(optimizer: Optimizer) -> Updater:
    """An updater for an optimizer, without any states yet."""
    return Updater(optimizer)
