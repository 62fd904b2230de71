"""Which checkpoint a training goes on from: the newest that is whole, the same on all workers."""

import logging
from typing import Any

import numpy as np

from mxtrain.base import MXNetError
from mxtrain.ndarray import array
from mxtrain_worker.position_file import read_position
from mxtrain_worker.saved_checkpoint import STOP, SavedCheckpoint, newest_first, position_path

_log = logging.getLogger("mxtrain")

_KEY = "checkpoint to go on from"
_NONE, _AT_EPOCH, _WITHIN = range(3)


def choose(prefix: str, partial: bool) -> SavedCheckpoint | None:
    """The newest checkpoint that can be used; None where nothing was ever written.

    partial: one without optimizer states, too. Raises MXNetError where none of those that are there can be used.
    """
    problems = []
    for saved in newest_first(prefix):
        problem = saved.problem()
        if not problem and not saved.has_states and not partial:
            why = saved.position.get("why", "")
            problem = f"it has no optimizer states ({why}); resume(partial=True) goes on from it without them"
        if not problem:
            return saved
        problems.append(f"{saved.prefix}-{saved.number:04d}: {problem}")
        _log.warning("checkpoint passed over: %s", problems[-1])
    if problems:
        raise MXNetError(f"Expected: a whole checkpoint {prefix}-*. Received: " + "; ".join(problems))
    return None


def agree(kvstore: Any, prefix: str, mine: SavedCheckpoint | None) -> SavedCheckpoint | None:
    """What worker 0 has chosen. A process in place of a dead worker goes on from what was agreed at the start."""
    kind = _NONE if mine is None else _AT_EPOCH if mine.prefix == prefix else _WITHIN
    agreed = array(np.array([kind, 0 if mine is None else mine.number]), dtype="int64")
    kvstore.broadcast(_KEY, agreed, out=agreed)
    kind, number = (int(value) for value in agreed.asnumpy())
    if kind == _NONE:
        return None
    start = prefix if kind == _AT_EPOCH else prefix + STOP
    return SavedCheckpoint(start, number, read_position(position_path(start, number, 0)))
