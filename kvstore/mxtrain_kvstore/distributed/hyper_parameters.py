"""Hyper-parameters of the optimizer on the servers: they follow those of worker 0."""

from __future__ import annotations

from mxtrain.optimizer import Optimizer
from mxtrain_kvstore.distributed.client import ParameterClient
from mxtrain_kvstore.distributed.parameter import Parameter
from mxtrain_kvstore.wire import messages as m


class HyperParameters:
    """Notices between steps that somebody has changed the optimizer, and tells the servers.

    A step begins where a key is pushed again. Finding out costs some microseconds, so it is done once a step. step: the
    number of the present one; a parameter notes the step in which it was pushed.
    """

    def __init__(self, client: ParameterClient, store: int, optimizer: Optimizer) -> None:
        self._client = client
        self._store = store
        self._optimizer = optimizer
        self._sent = optimizer.hyper_parameters()
        self.step = 1

    def before_push(self, parameter: Parameter) -> None:
        """Called before every push. What has changed holds for the rounds that are pushed from now on."""
        if parameter.step == self.step:
            self.next_step()
        parameter.step = self.step

    def next_step(self) -> None:
        """A step begins: tell the servers what has changed."""
        self.step += 1
        values = self._optimizer.hyper_parameters()
        if values != self._sent:
            self._send(values)

    def _send(self, values: dict[str, object]) -> None:
        with self._client.lock:
            self._client.flush()  # pushes before this belong to the hyper-parameters before
            for server in range(self._client.channel.num_servers):
                self._client.send(server, m.ChangeOptimizer(self._store, values))
        self._sent = values
