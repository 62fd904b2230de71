"""`TrainingCheckpoint`: stops and resumes a training as if it had never been stopped."""

import glob
import json
import random
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mxtrain.atomic_write import write_atomically
from mxtrain.base import MXNetError
from mxtrain.context import Context, cpu

_FORMAT = "mxtrain position 1"


class TrainingCheckpoint:
    """An epoch-end callback for `fit` that stores all that a training needs to go on, bit for bit.

    Beside PREFIX-symbol.json, PREFIX-0001.params and PREFIX-0001.states there is PREFIX-0001.position: the state of the
    data iterator (if it has `get_state` and `set_state`) and of the random generators, taken when the data has been
    reset for the next epoch. It is written last, so a checkpoint that has one is complete.

    In distributed training every worker makes one: worker 0 writes the checkpoint, each its own position.

        checkpoint = mx.model.TrainingCheckpoint("digits", train_data)
        begin = checkpoint.newest()
        module = Module.load("digits", begin, load_optimizer_states=True) if begin else Module(symbol)
        checkpoint.restore(begin)
        module.fit(train_data, begin_epoch=begin, num_epoch=10, epoch_end_callback=checkpoint.of(module))
    """

    def __init__(self, prefix: str, train_data: Any = None, period: int = 1, rank: int = 0) -> None:
        """prefix: of the files. period: epochs from one checkpoint to the next. rank: of this worker."""
        self.prefix = prefix
        self.train_data = train_data
        self.period = max(1, int(period))
        self.rank = rank
        self._module: Any = None

    def of(self, module: Any) -> "TrainingCheckpoint":
        """The callback for the training of a module."""
        self._module = module
        return self

    def __call__(self, epoch: int, symbol: Any = None, arg_params: Any = None, aux_params: Any = None) -> None:
        """Store the module after an epoch (counted from 0)."""
        if self._module is None:
            raise MXNetError("Expected: checkpoint.of(module) as the callback. Received: a checkpoint of no module.")
        if self.rank == 0 and self._is_due(epoch + 1):
            self._module.save_checkpoint(self.prefix, epoch + 1, save_optimizer_states=True)

    def at_boundary(self, epoch: int) -> None:
        """Store the position; `fit` calls this when `epoch` epochs are done and the data has been reset."""
        if self._is_due(epoch):
            position = {"format": _FORMAT, "data": self._data_state(), "random": random_states(self._contexts())}
            write_atomically(self._path(epoch), [json.dumps(position).encode()])

    def _is_due(self, epoch: int) -> bool:
        return epoch % self.period == 0

    def _data_state(self) -> Any:
        return self.train_data.get_state() if hasattr(self.train_data, "get_state") else None

    def _contexts(self) -> set[Context]:
        return {cpu(), *getattr(self._module, "_context", ())}

    def _path(self, epoch: int) -> str:
        worker = f".{self.rank}" if self.rank else ""
        return f"{self.prefix}-{epoch:04d}.position{worker}"

    def newest(self) -> int:
        """The number of epochs after which the newest complete checkpoint was taken; 0 where there is none."""
        begin, _, end = self._path(0).rpartition("0000")
        pattern = re.compile(rf"{re.escape(begin)}(\d{{4,}}){re.escape(end)}")
        found = (pattern.fullmatch(path) for path in glob.glob(glob.escape(begin) + "*"))
        return max((int(match[1]) for match in found if match), default=0)

    def restore(self, epoch: int) -> None:
        """Put data iterator and random generators where they were after an epoch; 0: leave them as they are.

        Raises MXNetError naming the file where it is missing or damaged.
        """
        if not epoch:
            return
        position = _read(self._path(epoch))
        if position["data"] is not None and hasattr(self.train_data, "set_state"):
            self.train_data.set_state(position["data"])
        set_random_states(position["random"])


def random_states(contexts: Iterable[Context]) -> dict[str, Any]:
    """The states of Python's, NumPy's and the devices' random generators, as plain values."""
    return {
        "python": random.getstate(),
        "numpy": _plain(np.random.get_state(legacy=False)),
        "devices": [[ctx.device_type, ctx.device_id, _device_state(ctx)] for ctx in sorted(contexts, key=str)],
    }


def set_random_states(states: Mapping[str, Any]) -> None:
    """Go on from what `random_states` gave."""
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    np.random.set_state(_with_arrays(states["numpy"]))
    for device_type, device_id, state in states["devices"]:
        generator = Context(device_type, device_id).backend.rng
        if isinstance(state, int):
            generator.seed(state)
        else:
            generator.generator.bit_generator.state = _with_arrays(state)


def _device_state(ctx: Context) -> Any:
    """The state of a device's generator; a GPU's cannot be read, so it is seeded anew, here as when it is restored."""
    state = ctx.backend.rng
    if ctx.device_typeid == 2:
        with ctx.backend.active():
            seed = int(state.generator.integers(0, 1 << 62))
        state.seed(seed)
        return seed
    return _plain(state.generator.bit_generator.state)


def _plain(value: Any) -> Any:
    """Nested dictionaries with their arrays as {"array": numbers, "dtype": name}."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": value.dtype.name}
    return value.item() if isinstance(value, np.generic) else value


def _with_arrays(value: Any) -> Any:
    """What `_plain` was given."""
    if not isinstance(value, dict):
        return value
    if set(value) == {"array", "dtype"}:
        return np.array(value["array"], dtype=value["dtype"])
    return {key: _with_arrays(inner) for key, inner in value.items()}


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            position = json.load(file)
    except OSError as error:
        raise MXNetError(f"Expected: the position of a training. Received: {path!r} ({error.strerror}).") from error
    except ValueError as error:
        raise MXNetError(f"{path}: expected the position of a training. Received: {error}.") from error
    if not isinstance(position, dict) or position.get("format") != _FORMAT:
        raise MXNetError(f"{path}: expected the position of a training ({_FORMAT}). Received: another file.")
    return position
