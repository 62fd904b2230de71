"""`LastStep`: the weights of the newest complete step, for when the servers die that hold them."""

from typing import Any

import numpy as np

from mxtrain.context import cpu
from mxtrain.ndarray import NDArray, array, empty
from mxtrain_worker.training_state import Content


class LastStep:
    """A copy of a module's weights, taken when all of a step have come and before the next step's may come.

    Values of several servers arrive one by one: after a server has died the module's own weights may be of two steps.
    It costs one pass over the weights in each step.
    """

    def __init__(self, module: Any) -> None:
        group = module._exec_group
        self._names = list(group.param_names)
        self._arrays = [copies[0] for copies in group.param_arrays]
        self._aux = [(name, copies[0]) for name, copies in zip(group.aux_names, group.aux_arrays, strict=True)]
        self._copies_of_aux = [len(copies) for copies in group.aux_arrays]
        self.weights: dict[str, NDArray] = {}
        self.content: Content = {}
        self.num_steps = 0

    def keep(self, content: Content, num_steps: int) -> None:
        """All weights of the step before are there. content: what the next step begins with."""
        if not self.weights:
            self.weights = {
                name: empty(value.shape, cpu(), value.dtype)
                for name, value in zip(self._names, self._arrays, strict=True)
            }
        for name, value in zip(self._names, self._arrays, strict=True):
            value.copyto(self.weights[name])
        self.content, self.num_steps = content, num_steps

    def auxiliary_states(self) -> dict[str, NDArray]:
        """The auxiliary states when the next step began, of the first device."""
        states, position = {}, 0
        for (name, value), copies in zip(self._aux, self._copies_of_aux, strict=True):
            values = np.frombuffer(self.content["aux"][position], value.dtype).reshape(value.shape)
            states[name] = array(values, cpu(), value.dtype)
            position += copies
        return states
