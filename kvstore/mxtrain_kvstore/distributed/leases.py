"""`DistLeases`: a worker's part in the leases of its job, which the servers hand out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mxtrain.base import MXNetError
from mxtrain_kvstore.distributed.client import ParameterClient
from mxtrain_kvstore.distributed.parameter import Parameter
from mxtrain_kvstore.leases import Lease, Leases
from mxtrain_kvstore.wire import messages as m
from mxtrain_kvstore.wire.lease_messages import BACK, OVER, WAIT

if TYPE_CHECKING:
    from mxtrain_kvstore.distributed.kvstore import DistKVStore

_log = logging.getLogger(__name__)

#: The shard on which tables of leases lie.
_SHARD = 0
#: How often a worker tries to come back into the rounds; the round is further ahead each time.
_ATTEMPTS = 12


class TableForm(NamedTuple):
    """What all workers must agree on; see OpenLeases."""

    samples: int
    size: int
    in_turn: bool
    order: str


class DistLeases(Leases):
    """Leases that a server hands out; see Leases.

    store: number of the store. parameters: all that it has. pauses: whether rounds wait for all workers, so that one
    that waits must let them go on without it.
    """

    def __init__(
        self,
        kvstore: DistKVStore,
        client: ParameterClient,
        store: int,
        parameters: Mapping[Any, Parameter],
        name: str,
        form: TableForm,
        epoch: int,
        *,
        pauses: bool,
        joined: bool,
    ) -> None:
        super().__init__(kvstore, name, form.samples, form.size, epoch)
        self._client = client
        self._parameters = parameters
        self._form = form
        self._pauses = pauses
        self.joined = joined
        self._place = (store, name)
        self._opened = self._closed = False
        self._number = 0
        self._reported = 0
        self._has_run_out = False

    @property
    def epoch(self) -> int:
        """The epoch whose leases are taken; a worker that came later asks for it."""
        if self.joined:
            self._open()
        return self._epoch

    def _open(self) -> None:
        if self._opened:
            return
        reply = self._client.ask_one(_SHARD, m.OpenLeases, *self._place, *self._form_fields())
        self._opened = True
        if self.joined:
            self._epoch = reply.message.epoch

    def _form_fields(self) -> tuple[Any, ...]:
        form = self._form
        return form.samples, form.size, form.in_turn, self._epoch, form.order

    # ---------------------------------------------------------------- leases

    def take(self) -> Lease | None:
        """See Leases.take."""
        self._require_open()
        self._open()
        while True:
            self._settle()
            reply = self._client.ask_one(_SHARD, m.TakeLease, *self._place, self._epoch, self._number).message
            self._reported = self._begun = 0
            if reply.outcome == OVER:
                self._resume()
                return None
            if reply.outcome != WAIT:
                self._come_back(reply.outcome == BACK)
                self._number += 1
                return Lease(reply.start, reply.stop)
            self._run_out(quits=False)
            self._wait()

    def report(self, done: int) -> None:
        """See Leases.report."""
        self._require_open()
        self._settle()
        if done > self._reported:
            self._reported = done
            with self._client.lock:
                self._client.flush()
                message = m.ReportLease(*self._place, self._epoch, self._number - 1, done)
                self._client.send(_SHARD, message)

    def quit_epoch(self) -> None:
        """See Leases.quit_epoch."""
        self._open()
        self.report(self._begun)
        self._reported = self._begun = 0
        self._run_out(quits=True)

    def go_to(self, epoch: int) -> None:
        """See Leases.go_to."""
        self._epoch, self._number = epoch, 0
        self._has_run_out = False

    def close(self) -> None:
        """See Leases.close."""
        if self._opened and not self._closed:
            self.report(self._begun)
            self._client.ask_one(_SHARD, m.CloseLeases, *self._place)
        self._closed = True

    def _require_open(self) -> None:
        if self._closed:
            raise MXNetError(f"Expected: leases {self.name!r} that are open. Received: a call after close.")

    def _settle(self) -> None:
        """Wait for all pulls of the store that are under way: what was pushed before them has then counted."""
        for parameter in list(self._parameters.values()):
            if parameter.awaiting:
                self._client.settle(parameter)

    # ---------------------------------------------------------------- waiting

    def _run_out(self, quits: bool) -> None:
        """Let rounds and epoch go on without this worker."""
        if self._has_run_out:
            return
        self.before_wait()
        self.pause()
        self._client.ask_one(_SHARD, m.RunOut, *self._place, self._epoch, self._number, quits)
        self._has_run_out = True

    def pause(self) -> None:
        """See Leases.pause."""
        self._settle()
        if self._pauses and not self.kvstore.joins:
            self._client.ask_all(m.Pause, *self._place, self._epoch, self._number)

    def _wait(self) -> None:
        self._client.ask_patiently(
            _SHARD,
            (m.AwaitLease, *self._place, self._epoch),
            f"the end of an epoch of the leases {self.name!r}",
            (m.ExplainLeases, *self._place),
            self.while_waiting,
        )

    def _resume(self) -> None:
        """The epoch is over: all workers push again, from the same round on."""
        if self._pauses and not self.kvstore.joins:
            self._client.ask_all(m.Resume, *self._place, self._epoch)
        self.on_return()

    def _come_back(self, back: bool) -> None:
        """After a wait: push again, from a round on that nobody has come to yet."""
        self._has_run_out = False
        if not (back and self._pauses) or self.kvstore.joins:
            return
        ahead = 1
        for _ in range(_ATTEMPTS):
            reached = self._client.ask_all(m.ReadReached, self._place[0])
            number = ahead + max(reply.message.round for reply in reached)
            try:
                self._client.ask_all(m.Return, *self._place, self._epoch, self._number, number)
            except MXNetError as error:
                self._client.check()
                _log.info("worker %d could not come back at round %d: %s", self._client.rank, number, error)
                ahead *= 2
                continue
            self.on_return()
            return
        raise MXNetError(f"Worker {self._client.rank} could not come back: {_ATTEMPTS} times others had gone further.")
