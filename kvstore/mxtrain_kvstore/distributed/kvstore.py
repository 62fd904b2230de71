"""`DistKVStore`: parameters on servers, kinds `dist_sync`, `dist_async` and their forms with `device`."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError
from mxtrain.device import to_numpy
from mxtrain.ndarray import NDArray, empty
from mxtrain.optimizer import Optimizer
from mxtrain_kvstore.compression.parameters import read_params
from mxtrain_kvstore.distributed import optimizer_states, positions, residuals, sparse
from mxtrain_kvstore.distributed.directory import Directory
from mxtrain_kvstore.distributed.hyper_parameters import HyperParameters
from mxtrain_kvstore.distributed.leases import DistLeases, TableForm
from mxtrain_kvstore.distributed.node import WorkerNode
from mxtrain_kvstore.distributed.optimizer_seed import optimizer_seed
from mxtrain_kvstore.distributed.parameter import Parameter
from mxtrain_kvstore.local import reduce_into
from mxtrain_kvstore.pairs import Key, paired, require_dense, require_dtype, require_float32, require_form
from mxtrain_kvstore.sparse_values import has_sparse
from mxtrain_kvstore.store import KVStore, duplicate_init, unknown_key
from mxtrain_kvstore.tracing import PROFILER
from mxtrain_kvstore.transport.stop_agreement import StopAgreement
from mxtrain_kvstore.wire import messages as m
from mxtrain_protos import scheduler_pb2 as pb


class DistKVStore(KVStore):
    """Values are summed over the devices of each worker, then over workers on the servers.

    sync: a round of a key is complete when every worker has pushed it, or all but MXTRAIN_BACKUP_WORKERS of them; a
    pull after a push brings that round's result, or that of a later one where this worker was passed over. A worker
    that has ended, or closed its store, takes no part in later rounds, and the others go on without it; sums are then
    over fewer workers. async: every push is applied when it comes; where MXTRAIN_STALENESS bounds it, a pull waits
    until no worker is more rounds behind. With `device` in the kind, copies on GPUs are summed there.
    """

    def __init__(self, kind: str, node: WorkerNode) -> None:
        super().__init__(kind)
        self._node = node
        self._client = node.client
        settings = node.settings
        mode, staleness = ("async", settings.staleness) if "async" in kind else ("sync", None)
        self._backups = settings.backup_workers if mode == "sync" else 0
        if self._backups and self._backups >= self.num_workers:
            raise ArgumentError(
                f"Expected: MXTRAIN_BACKUP_WORKERS below the {self.num_workers} worker(s) of the job. "
                f"Received: {self._backups}."
            )
        self._number = node.open_store(mode, m.UNBOUNDED if staleness is None else staleness, self._backups)
        must_share = settings.transport == "shm"
        self._directory = Directory(node.client, self._number, settings.bigarray_bound, node.shared, must_share)
        if staleness is not None:
            self._directory.rounds_ahead = 1  # who does not pull would not be held up
        self._parameters: dict[Key, Parameter] = self._directory.parameters  # type: ignore[assignment]
        self._optimizer: Optimizer | None = None
        self._hyper: HyperParameters | None = None
        self._prepared = 0
        self.joins = node.scheduler.joins
        self._leave = weakref.finalize(self, node.abandon, self._number)
        self._leave.atexit = False  # at its end the process leaves all stores together

    # ---------------------------------------------------------------- values

    def init(self, key: Any, value: Any) -> None:
        """Make new keys with the values of worker 0; every worker calls this. See KVStore.init."""
        pairs = paired(key, value)
        keys = [single for single, _ in pairs]
        self._check_key_type(keys)
        for single, values in pairs:
            if single in self._parameters or len(values) > 1:
                raise duplicate_init(single)
        self._directory.add(keys, [sparse.initial_value(single, values[0]) for single, values in pairs])

    def push(self, key: Any, value: Any, priority: int = 0) -> None:
        """Send values to the servers; see KVStore.push."""
        try:
            parameter = self._parameters[key]
        except (KeyError, TypeError):
            parameter = None
        if parameter is not None and value is not None and parameter.source() is value:
            data = value._data  # waits for whatever is on its way to the array
            hyper = self._hyper
            if hyper is not None:
                if parameter.step == hyper.step:
                    hyper.next_step()
                parameter.step = hyper.step
            if self._client.push_again(parameter, data, priority):
                return
        self._push(key, value, priority)

    def _push(self, key: Any, value: Any, priority: int) -> None:
        """A push that is not known from the round before."""
        if self.joins:
            self.join()
        array = value if type(value) is NDArray else _only(key, value)
        if array is not None and self._push_array(key, array, priority):
            return
        for single, values in paired(key, value):
            parameter = self._find(single)
            for array in values:
                require_form(single, array, parameter.shape, "a push")
                require_dtype(single, array, parameter.dtype)
            if self._directory.compression is not None:
                require_float32(single, parameter.dtype)
                require_dense(single, has_sparse(*values))
            if self._hyper is not None:
                self._hyper.before_push(parameter)
            if has_sparse(*values):
                sparse.push_sparse(self._client, parameter, values)
            else:
                self._client.push(parameter, _on_host(values), priority)

    def _push_array(self, key: Any, array: NDArray, priority: int) -> bool:
        """Push one array in host memory; False, and nothing happens, where there is more to do or to complain of."""
        parameter = self._find(key)
        data = array.data_array
        if data.shape != parameter.shape or data.dtype is not parameter.dtype or type(data) is not np.ndarray:
            return False
        if self._directory.compression is not None:
            require_float32(parameter.key, parameter.dtype)
        if self._hyper is not None:
            self._hyper.before_push(parameter)
        if not (parameter.source() is array and self._client.push_again(parameter, data, priority)):
            self._client.push(parameter, (data,), priority)
        parameter.know_source(array)
        return True

    def _find(self, key: Any) -> Parameter:
        try:
            return self._parameters[key]
        except KeyError:
            self._check_key_type([key])
            raise unknown_key(key) from None
        except TypeError as error:
            raise ArgumentError(
                f"Expected: a key for one array, or a list of arrays. Received: {key!r:.100}."
            ) from error

    def pull(self, key: Any, out: Any = None, priority: int = 0, ignore_sparse: bool = True) -> None:
        """Ask servers for values; whoever touches an array of `out` first waits for it. See KVStore.pull."""
        try:
            parameter = self._parameters[key]
        except (KeyError, TypeError):
            parameter = None
        if (
            parameter is None
            or out is None
            or parameter.out() is not out
            or not self._client.pull_again(parameter, out, priority)
        ):
            self._pull(key, out, priority, ignore_sparse)

    def _pull(self, key: Any, out: Any, priority: int, ignore_sparse: bool) -> None:
        """A pull that is not known from the round before."""
        array = out if type(out) is NDArray else _only(key, out)
        if array is not None:
            parameter = self._find(key)
            if not (parameter.out() is array and self._client.pull_again(parameter, array, priority)):
                self._pull_to(parameter, array, priority)
            return
        for single, outs in paired(key, out, "out"):
            parameter = self._find(single)
            for array in outs:
                if not has_sparse(array):
                    self._pull_to(parameter, array, priority)
                elif not ignore_sparse:
                    require_form(single, array, parameter.shape, "an out")
                    sparse.pull_whole(self._client, parameter, array)

    def row_sparse_pull(self, key: Any, out: Any = None, priority: int = 0, row_ids: Any = None) -> None:
        """Get single rows, and wait for them; see KVStore.row_sparse_pull."""
        sparse.row_sparse_pull(self._client, self._find, key, out, row_ids)

    def _pull_to(self, parameter: Parameter, array: NDArray, priority: int) -> None:
        data = array.data_array  # waits for whatever was on its way to the array before
        if data.shape != parameter.shape:
            require_form(parameter.key, array, parameter.shape, "an out")  # type: ignore[arg-type]
        if type(data) is np.ndarray:
            self._client.pull(parameter, (data,), priority=priority)
            parameter.know_out(array)
        else:
            host = np.empty(parameter.shape, parameter.dtype)
            self._client.pull(parameter, (host,), lambda: _upload(host, array), priority)
        array.defer(parameter.settle)

    def set_gradient_compression(self, compression_params: dict[str, Any]) -> None:
        """Compress what this worker pushes, summed over its devices; see KVStore.set_gradient_compression."""
        self._directory.compress(read_params(compression_params))

    def get_residuals(self) -> dict[Key, list[np.ndarray]]:
        """What compression has left out of this worker's gradients so far; see KVStore.get_residuals."""
        return {key: [values] for key, values in residuals.read(self._client, self._directory.parameters).items()}  # type: ignore[misc]

    def set_residuals(self, values: Mapping[Key, Sequence[np.ndarray]]) -> None:
        """Go on with what `get_residuals` gave, of any number of servers; see KVStore.set_residuals."""
        flat: dict[Hashable, np.ndarray] = {key: copies[0] for key, copies in values.items()}
        residuals.restore(self._client, self._directory.parameters, flat)

    # ---------------------------------------------------------------- optimizer

    def set_optimizer(self, optimizer: Any) -> None:
        """Let the servers update values by an optimizer; it travels as its name and configuration.

        Every worker calls this; worker 0's optimizer counts, also where its learning rate or another of its
        hyper-parameters is changed later. Raises MXNetError for one that has no such form.
        """
        if not isinstance(optimizer, Optimizer):
            raise ArgumentTypeError(f"Expected: an mx.optimizer.Optimizer. Received: {type(optimizer).__name__}.")
        description = {**optimizer.to_config(), "seed": optimizer_seed()}
        self._optimizer = optimizer
        if self.joins:
            return  # it has been set before this worker came
        if self._prepares():
            self._client.ask_all(m.SetOptimizer, self._number, description)
            self._has_prepared()
        self.barrier()
        self._node.require_leader("set_optimizer")
        if self.rank == 0:
            self._hyper = HyperParameters(self._client, self._number, optimizer)

    def set_updater(self, updater: Callable[[Any, NDArray, NDArray], None]) -> None:
        """Raises MXNetError: a function does not travel to servers."""
        raise MXNetError(
            f"KVStore {self.type!r}: a function cannot be sent to servers. Expected: set_optimizer with a registered "
            "optimizer, or a KVStore of kind 'local' or 'device'."
        )

    def save_optimizer_states(self, fname: str, dump_optimizer: bool = False) -> None:
        """Collect the states from all servers into one file, of the form that `local` stores read and write, too."""
        optimizer_states.save(self._client, self._number, self._directory, self._states_of(), fname, dump_optimizer)

    def load_optimizer_states(self, fname: str) -> None:
        """Hand saved states out to the servers; every worker calls this, and worker 0's file counts."""
        optimizer = self._states_of()
        if self._prepares():
            optimizer_states.load(self._client, self._number, self._directory, optimizer, fname)
            self._has_prepared()
        self.barrier()

    def _prepares(self) -> bool:
        """Whether this worker now does for all what worker 0 does; not where it has been done by a dead process.

        Barriers tell where a script is, but who takes the place of the only one that knew them cannot be told of any.
        """
        self._prepared += 1
        if self.rank != 0 or self._node.scheduler.replays:
            return False
        if not self.replaces:
            return True
        done = positions.read(self._client, self._number, positions.PREPARED)
        return done is None or done.step < self._prepared

    def _has_prepared(self) -> None:
        if self.keeps_positions:
            self.save_position(positions.PREPARED, self._prepared, b"")

    def _states_of(self) -> Optimizer:
        if self._optimizer is None:
            raise MXNetError("This KVStore has no optimizer, so it has no optimizer states. Call set_optimizer first.")
        return self._optimizer

    def count_samples(self, count: int) -> None:
        """See KVStore.count_samples."""
        self._node.scheduler.counters.samples += count

    def join(self) -> None:
        """Take part in the rounds of a job that ran before this worker came; the first push does it, too.

        All keys must have been initialized, and pulls after this bring the weights that the first gradient belongs to.
        """
        self.joins = False
        positions.join(self._client, self._number)

    # ---------------------------------------------------------------- a process in place of another

    @property
    def keeps_positions(self) -> bool:
        """Whether the servers keep where workers are, because a new process may take the place of a dead one."""
        return self._node.settings.replace_timeout > 0

    @property
    def replaces(self) -> bool:
        """Whether this process has taken the place of a worker that died."""
        return self._node.scheduler.replaces

    def save_position(self, slot: int, step: int, data: bytes) -> None:
        """Let the servers keep where this worker is, before the pushes of step number `step`.

        Everything that was pushed before must have been pulled. slot: one of 16 things that are saved apart. data: at
        most 16 MB, of any form.
        """
        position = positions.SavedPosition(slot, step, data, self._node.scheduler.barriers)
        positions.save(self._client, self._number, position)

    def read_position(self, slot: int) -> positions.SavedPosition | None:
        """What the process in whose place this one is has saved last; None where there is nothing."""
        return positions.read(self._client, self._number, slot)

    def go_on_from(self, position: positions.SavedPosition) -> None:
        """Push and pull as if this process had saved that position: a pull brings the weights of then."""
        self._node.scheduler.skip_barriers(position.barriers)
        positions.restore_rounds(self._client, self._number, position)

    # ---------------------------------------------------------------- an orderly stop

    @property
    def stop_agreement(self) -> StopAgreement:
        """How this worker and all others end after the same step."""
        return self._node.scheduler.stopping

    @property
    def rounds(self) -> int:
        """How many rounds this worker has pushed of the key that it has pushed most often."""
        return max((parameter.pushed for parameter in self._parameters.values()), default=0)

    @property
    def job_failure(self) -> str | None:
        """Why the job has failed, or None."""
        return self._node.scheduler.failure

    # ---------------------------------------------------------------- job

    @property
    def rank(self) -> int:
        """The rank of this worker, from 0."""
        return self._node.rank

    @property
    def num_workers(self) -> int:
        """How many workers the job was started with."""
        return self._node.settings.num_workers or 0

    @property
    def num_summed(self) -> int:
        """How many workers' pushes make a round: all, or all but MXTRAIN_BACKUP_WORKERS; see KVStore.num_summed."""
        return self.num_workers - self._backups

    @property
    def rounds_passed_over(self) -> int:
        """How many rounds were complete before this worker pushed them; waits for pulls that are under way.

        Its next push belongs to the round after those. 0 where there are no backup workers.
        """
        if not self._backups:
            return 0
        for parameter in self._parameters.values():
            self._client.settle(parameter)
        return max((parameter.passed for parameter in self._parameters.values()), default=0)

    def leases(
        self, name: str, samples: int, size: int, *, in_turn: bool | None = None, epoch: int = 0, order: str = ""
    ) -> DistLeases:
        """Share the samples of a data set among the workers; see KVStore.leases."""
        waits = "async" not in self.type or self._node.settings.staleness is not None
        form = TableForm(samples, size, waits if in_turn is None else in_turn, order)
        leases = DistLeases(
            self,
            self._client,
            self._number,
            self._parameters,
            name,
            form,
            epoch,
            pauses=waits,
            joined=self._node.scheduler.joins,
        )
        self._node.before_goodbye.append(weakref.WeakMethod(leases.close))
        return leases

    def barrier(self) -> None:
        """Return when every worker has come to this point; the servers have then taken all pushes before it."""
        self._node.barrier()

    def get_num_dead_node(self, node_id: int = 0, timeout: int = 60) -> int:
        """How many nodes of the job are dead, and not replaced. Raises MXNetError where the job has stopped."""
        self._client.check()
        view = self._node.scheduler.view
        dead = (pb.NODE_STATE_DEAD, pb.NODE_STATE_LOST)
        return sum(node.state in dead for node in view.nodes) if view is not None else 0

    def _send_command_to_servers(self, head: int, body: str) -> None:
        """Hand (head, body) to the controller of every server. Raises MXNetError where they have none."""
        if head == 0:
            raise MXNetError(
                "Command 0 carries a pickled optimizer in MXNet; nothing is unpickled here. Expected: set_optimizer."
            )
        self._client.ask_all(m.Command, self._number, head, body)

    def set_server_profiler(self, command: str, **fields: str) -> None:
        """Let the profilers of all servers do something.

        command: "config" (folder=...), "state" (state="run" or "stop"), "pause", "resume" or "dump".
        """
        self._send_command_to_servers(PROFILER, json.dumps({"command": command, **fields}))

    def close(self) -> None:
        """Take part in no more rounds of this store."""
        if self._leave.detach() is not None:
            self._client.leave(self._number)


def _only(key: Any, value: Any) -> NDArray | None:
    """The array of a list of one dense array, which is how Module passes those of a single device."""
    if type(value) is list and len(value) == 1 and type(value[0]) is NDArray and not isinstance(key, (list, tuple)):
        array: NDArray = value[0]
        return array
    return None


def _on_host(values: list[NDArray]) -> list[np.ndarray]:
    """Host arrays whose sum is that of the values; copies on one GPU or several are summed there."""
    arrays = [value.data_array for value in values]
    if all(isinstance(array, np.ndarray) for array in arrays):
        return arrays
    if len(arrays) == 1:
        return [to_numpy(arrays[0])]
    total = empty(values[0].shape, values[0].context, values[0].dtype)
    reduce_into(total, values)
    return [to_numpy(total.data_array)]


def _upload(host: np.ndarray, array: NDArray) -> None:
    """Fill a GPU array that is on its way."""
    with array.context.backend.active():
        array.raw_buffer[...] = array.context.backend.upload(host)
