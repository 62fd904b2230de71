"""The scopes of autograd: what is recorded, and in which mode layers such as Dropout run."""

import contextlib
from collections.abc import Iterator

from mxtrain.ndarray.recording import mode


def set_recording(is_record: bool) -> bool:
    """Switch recording on or off in this thread; returns what it was."""
    previous, mode.recording = mode.recording, bool(is_record)
    return previous


def set_training(train_mode: bool) -> bool:
    """Switch training mode on or off in this thread; returns what it was."""
    previous, mode.training = mode.training, bool(train_mode)
    return previous


def is_recording() -> bool:
    """Whether operator calls of this thread are recorded."""
    return mode.recording


def is_training() -> bool:
    """Whether layers of this thread run in training mode."""
    return mode.training


@contextlib.contextmanager
def _scope(recording: bool | None, training: bool | None) -> Iterator[None]:
    saved = mode.recording, mode.training
    mode.recording = saved[0] if recording is None else recording
    mode.training = saved[1] if training is None else training
    try:
        yield
    finally:
        mode.recording, mode.training = saved


def record(train_mode: bool = True) -> contextlib.AbstractContextManager[None]:
    """A `with` block whose operator calls are recorded, in training mode by default."""
    return _scope(True, train_mode)


def pause(train_mode: bool = False) -> contextlib.AbstractContextManager[None]:
    """A `with` block, inside a recorded one, whose calls are not recorded."""
    return _scope(False, train_mode)


def train_mode() -> contextlib.AbstractContextManager[None]:
    """A `with` block in training mode; recording stays as it is."""
    return _scope(None, True)


def predict_mode() -> contextlib.AbstractContextManager[None]:
    """A `with` block in prediction mode; recording stays as it is."""
    return _scope(None, False)
