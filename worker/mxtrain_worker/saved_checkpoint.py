"""`SavedCheckpoint`: the files of one checkpoint, and whether they belong together."""

import glob
import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from mxtrain.base import MXNetError
from mxtrain_worker.checkpoint import params_path, states_path
from mxtrain_worker.position_file import file_digest, read_position
from mxtrain_worker.training_state import Place

#: Between the prefix of a training and the number of steps, in the files of a checkpoint within an epoch.
STOP = "-stop"


class SavedCheckpoint(NamedTuple):
    """PREFIX-NNNN.params, .states and .position, and .position.RANK of the other workers.

    prefix, number: as `Module.load` takes them. position: that of the worker that wrote the checkpoint; it is written
    last, and says which other files belong to it.
    """

    prefix: str
    number: int
    position: dict[str, Any]

    @property
    def place(self) -> Place:
        """Where the worker that wrote it goes on."""
        step = self.position["step"]
        return Place(step["epoch"], step["batch"])

    @property
    def num_steps(self) -> int:
        """How many steps the training had done."""
        return int(self.position["num_steps"])

    @property
    def has_states(self) -> bool:
        """Whether the optimizer's states are there."""
        return "states" in self.position["files"]

    def problem(self) -> str:
        """Why the checkpoint cannot be used; "" where it can."""
        for kind, digest in self.position["files"].items():
            path = (params_path if kind == "params" else states_path)(self.prefix, self.number)
            try:
                if file_digest(path) != digest:
                    return f"{path} is not the file that was written with it"
            except OSError as error:
                return f"{path}: {error.strerror}"
        for rank in range(self.position["workers"]):
            problem = "" if rank in self.position["without"] else self._problem_of(rank)
            if problem:
                return problem
        return ""

    def _problem_of(self, rank: int) -> str:
        try:
            read_position(position_path(self.prefix, self.number, rank))
        except MXNetError as error:
            return str(error)
        return ""


def position_path(prefix: str, number: int, rank: int) -> str:
    """The file of a worker's position."""
    return f"{prefix}-{number:04d}.position" + (f".{rank}" if rank else "")


def newest_first(prefix: str) -> Iterator[SavedCheckpoint]:
    """The checkpoints of a training that were written to their end, within epochs and at their ends."""
    found = []
    for start in (prefix, prefix + STOP):
        pattern = re.compile(re.escape(start) + r"-(\d{4,})\.position")
        for path in glob.glob(glob.escape(start) + "-*.position"):
            match = pattern.fullmatch(path)
            if match:
                found.append(SavedCheckpoint(start, int(match[1]), {"path": path}))
    whole = []
    for candidate in found:
        try:
            whole.append(candidate._replace(position=read_position(candidate.position["path"])))
        except MXNetError:
            continue
    return iter(sorted(whole, key=lambda saved: (saved.num_steps, saved.prefix == prefix), reverse=True))


def uncommit(prefix: str, number: int) -> None:
    """Before the files of a checkpoint are written anew: there is none until its position is written."""
    path = position_path(prefix, number, 0)
    if os.path.exists(path):
        os.unlink(path)
