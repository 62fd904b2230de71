"""`TrainingCheckpoint`: stops and resumes a training as if it had never been stopped."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mxtrain.base import MXNetError
from mxtrain_worker.checkpoint import params_path, save_params, states_path, symbol_path
from mxtrain_worker.choose_checkpoint import agree, choose
from mxtrain_worker.last_step import LastStep
from mxtrain_worker.position_file import file_digest, read_position, write_position
from mxtrain_worker.random_states import set_random_states
from mxtrain_worker.saved_checkpoint import STOP, SavedCheckpoint, newest_first, position_path, uncommit
from mxtrain_worker.training_state import Content, Place, TrainingState

_log = logging.getLogger("mxtrain")


class TrainingCheckpoint:
    """An epoch-end callback for `fit` that stores all that a training needs to go on, bit for bit.

    Beside PREFIX-symbol.json, PREFIX-0001.params and PREFIX-0001.states there is PREFIX-0001.position: the state of the
    data iterator (if it has `get_state` and `set_state`) and of the random generators, taken when the data has been
    reset for the next epoch. It is written last and names the digests of the others, so that a checkpoint is whole or
    passed over. While `fit` runs, SIGTERM and SIGINT stop it after a step, with such a checkpoint in PREFIX-stop-*.

    In distributed training every worker makes one, for a folder that all of them reach: one worker writes the
    checkpoint, each its own position.

        checkpoint = mx.model.TrainingCheckpoint("digits", train_data, kvstore=kv)
        module = checkpoint.resume() or mx.mod.Module(symbol)
        module.fit(train_data, begin_epoch=checkpoint.begin_epoch, num_epoch=10, kvstore=kv,
                   epoch_end_callback=checkpoint.of(module))
    """

    def __init__(
        self, prefix: str, train_data: Any = None, period: int = 1, rank: int = 0, kvstore: Any = None
    ) -> None:
        """prefix: of the files. period: epochs from one checkpoint to the next. rank: of this worker.

        kvstore: the store of a distributed training; it has the rank, and workers agree by it on what to go on from.
        """
        self.prefix = prefix
        self.train_data = train_data
        self.period = max(1, int(period))
        self.kvstore = kvstore
        self.rank = rank if kvstore is None else kvstore.rank
        self._module: Any = None
        self._saved: SavedCheckpoint | None = None
        self._own: Content | None = None

    def of(self, module: Any) -> "TrainingCheckpoint":
        """The callback for the training of a module."""
        self._module = module
        return self

    # ---------------------------------------------------------------- at the ends of epochs

    def __call__(self, epoch: int, symbol: Any = None, arg_params: Any = None, aux_params: Any = None) -> None:
        """Store the module after an epoch (counted from 0)."""
        if self._module is None:
            raise MXNetError("Expected: checkpoint.of(module) as the callback. Received: a checkpoint of no module.")
        if self.rank == 0 and self._is_due(epoch + 1):
            uncommit(self.prefix, epoch + 1)
            self._module.save_checkpoint(self.prefix, epoch + 1, save_optimizer_states=True)

    def at_boundary(self, epoch: int, num_steps: int) -> None:
        """Store the position; `fit` calls this when `epoch` epochs are done and the data has been reset."""
        if self._is_due(epoch):
            state = TrainingState(self._module, self.train_data)
            content = self._content(state.at_epoch(epoch), {"epoch": epoch, "batch": 0, **state.now()}, num_steps)
            self._commit(self.prefix, epoch, self.rank, content)

    def _is_due(self, epoch: int) -> bool:
        return epoch % self.period == 0

    # ---------------------------------------------------------------- within an epoch

    def write_position(self, start: Content, step: Content, num_steps: int) -> None:
        """Store this worker's part of a checkpoint within an epoch, where the training is being stopped."""
        path = position_path(self.prefix + STOP, num_steps, self.rank)
        if self.rank:  # that of worker 0 says that the checkpoint is whole
            write_position(path, self._content(start, step, num_steps))

    def write_stopped(self, start: Content, step: Content, num_steps: int, reason: str) -> str:
        """Store weights and optimizer states of the last step, when all workers have stopped; returns their prefix."""
        prefix = self.prefix + STOP
        uncommit(prefix, num_steps)
        self._module.save_checkpoint(prefix, num_steps, save_optimizer_states=True)
        content = self._content(start, step, num_steps)
        self._commit(prefix, num_steps, 0, {**content, "without": self._absent(prefix, num_steps), "why": reason})
        return f"{prefix}-{num_steps:04d}"

    def write_weights(self, start: Content, last: LastStep, reason: str) -> str:
        """Store the weights that are left of a job that has failed; returns their prefix."""
        prefix, num_steps = self.prefix + STOP, last.num_steps
        uncommit(prefix, num_steps)
        for path in (states_path(prefix, num_steps), symbol_path(prefix)):
            if os.path.exists(path):
                os.unlink(path)
        self._module.symbol.save(symbol_path(prefix))
        save_params(params_path(prefix, num_steps), last.weights, last.auxiliary_states())
        content = self._content(start, last.content, num_steps)
        others = [rank for rank in range(content["workers"]) if rank != self.rank]
        self._commit(prefix, num_steps, 0, {**content, "without": others, "why": reason, "residuals": {}})
        return f"{prefix}-{num_steps:04d}"

    def _content(self, start: Content, step: Content, num_steps: int) -> Content:
        store = self._store()
        return {
            "start": start,
            "step": step,
            "num_steps": num_steps,
            "rank": self.rank,
            "workers": getattr(store, "num_workers", 1) or 1,
            "without": [],
            "optimizer": type(self._module._optimizer).__name__,
            "residuals": _packed(store.get_residuals()) if hasattr(store, "get_residuals") else {},
        }

    def _store(self) -> Any:
        return self.kvstore if self._module is None else getattr(self._module, "_kvstore", None)

    def _commit(self, prefix: str, number: int, rank: int, content: Content) -> None:
        """Write a position; with that of worker 0 the checkpoint is there."""
        files = {"params": params_path(prefix, number), "states": states_path(prefix, number)}
        there = {kind: file_digest(path) for kind, path in files.items() if rank == 0 and os.path.exists(path)}
        write_position(position_path(prefix, number, rank), {**content, "files": there})

    def _absent(self, prefix: str, number: int) -> list[int]:
        """Workers that died, or had ended, before the others stopped."""
        workers = range(getattr(self._store(), "num_workers", 1) or 1)
        return [r for r in workers if r != self.rank and not os.path.exists(position_path(prefix, number, r))]

    # ---------------------------------------------------------------- going on

    @property
    def begin_epoch(self) -> int:
        """The epoch in which the training goes on: 0 where it begins."""
        return 0 if self._saved is None else self._saved.place.epoch

    def newest(self) -> int:
        """After how many epochs the newest whole checkpoint at an epoch's end was taken; 0 where there is none."""
        found = (saved for saved in newest_first(self.prefix) if saved.prefix == self.prefix)
        return next((saved.number for saved in found if not saved.problem()), 0)

    def restore(self, epoch: int) -> None:
        """Go on from the checkpoint at the end of an epoch; 0: leave everything as it is.

        Raises MXNetError naming the file where it is missing or damaged.
        """
        if epoch:
            position = read_position(position_path(self.prefix, epoch, 0))
            self._go_on_from(SavedCheckpoint(self.prefix, epoch, position))

    def choose(self, partial: bool = False) -> SavedCheckpoint | None:
        """Go on from the newest whole checkpoint, the same on all workers; None where there is none at all.

        partial: also from one without optimizer states, where servers have died with these. Raises MXNetError where
        there are checkpoints, but none that can be used, and says why.
        """
        mine = choose(self.prefix, partial) if self.rank == 0 or self.kvstore is None else None
        saved = mine if self.kvstore is None else agree(self.kvstore, self.prefix, mine)
        if saved is not None:
            self._go_on_from(saved)
        return saved

    def resume(self, symbol: Any = None, partial: bool = False, **options: Any) -> Any:
        """The module of the checkpoint that `choose` finds, with its optimizer states; None where there is none.

        symbol: the network, if it is to be compared with that of the checkpoint. options: as for Module.
        """
        from mxtrain_worker.module import Module

        saved = self.choose(partial)
        if saved is None:
            return None
        module = Module.load(saved.prefix, saved.number, load_optimizer_states=saved.has_states, **options)
        if symbol is not None and _structure(symbol) != _structure(module.symbol):
            raise _other_network(saved, symbol, module.symbol)
        _log.info("goes on after step %d of %s-%04d", saved.num_steps, saved.prefix, saved.number)
        return module

    def _go_on_from(self, saved: SavedCheckpoint) -> None:
        workers = saved.position["workers"]
        if self.kvstore is not None and self.kvstore.num_workers != workers:
            raise MXNetError(
                f"{saved.prefix}-{saved.number:04d}: expected a job of {workers} worker(s), as that which wrote the "
                f"checkpoint. Received: {self.kvstore.num_workers}. With Module.load, weights and optimizer states are "
                "taken up by any number of workers, which begin an epoch anew."
            )
        self._saved, self._own = saved, self._position_of(saved)
        start = self._own["start"]
        if start is not None:
            if start["data"] is not None and hasattr(self.train_data, "set_state"):
                self.train_data.set_state(start["data"])
            set_random_states(start["random"])

    def _position_of(self, saved: SavedCheckpoint) -> Content:
        """This worker's position; of one that was dead then, no more than how far the others were."""
        if self.rank == saved.position["rank"]:
            return saved.position
        if self.rank not in saved.position["without"]:
            return read_position(position_path(saved.prefix, saved.number, self.rank))
        _log.warning("%s-%04d: nothing is known of worker %d", saved.prefix, saved.number, self.rank)
        try:
            start = read_position(position_path(self.prefix, saved.place.epoch, self.rank))["start"]
        except MXNetError:
            start = None
        return {
            "start": start,
            "step": saved.place._asdict(),
            "residuals": {},
            "optimizer": saved.position["optimizer"],
        }

    def take_up(self, module: Any) -> tuple[Place, Content, Content] | None:
        """Where `fit` goes on, with what its epoch and its step began; the module is ready to be trained.

        None where the training begins, or this worker was dead when the checkpoint was written.
        """
        if self._saved is None or self._own is None:
            return None
        own, name = self._own, type(module._optimizer).__name__
        if own["optimizer"] != name:
            raise MXNetError(
                f"{self._saved.prefix}-{self._saved.number:04d}: expected the optimizer {own['optimizer']} of the "
                f"checkpoint. Received: {name}."
            )
        store: Any = getattr(module, "_kvstore", None)
        if own["residuals"] and hasattr(store, "set_residuals"):
            store.set_residuals(_unpacked(own["residuals"]))
        return Place(own["step"]["epoch"], own["step"]["batch"]), own["start"], own["step"]

    @property
    def num_steps(self) -> int:
        """Steps that were done before this training began."""
        return 0 if self._saved is None else self._saved.num_steps


def _packed(residuals: Mapping[Any, Sequence[np.ndarray]]) -> dict[Any, list[bytes]]:
    return {key: [copy.tobytes() for copy in copies] for key, copies in residuals.items()}


def _unpacked(residuals: Mapping[Any, Sequence[bytes]]) -> dict[Any, list[np.ndarray]]:
    return {key: [np.frombuffer(copy, np.float32) for copy in copies] for key, copies in residuals.items()}


def _structure(symbol: Any) -> list[Any]:
    """What a network computes from which variables; names of operators may be counted differently in each process."""
    graph = json.loads(symbol.tojson())
    nodes = [
        (node["op"], node["name"] if node["op"] == "null" else "", node.get("attrs"), node["inputs"])
        for node in graph["nodes"]
    ]
    return [nodes, graph["heads"]]


def _other_network(saved: SavedCheckpoint, given: Any, found: Any) -> MXNetError:
    differing = sorted(set(given.list_arguments()) ^ set(found.list_arguments()))
    what = f"differing arguments {differing[:4]}" if differing else "the same arguments, but other operators"
    return MXNetError(
        f"{saved.prefix}-{saved.number:04d}: expected the checkpoint of this network. Received: that of another, with "
        f"{what}. Give it another prefix, or resume without `symbol` to go on with the network of the checkpoint."
    )
