"""The scopes of autograd: what is recorded, and in which mode layers such as Dropout run."""

from typing import Any

from mxtrain.ndarray.recording import mode


def set_recording(is_recording: bool) -> bool:
    """Switch recording on or off in this thread; returns what it was."""
    previous, mode.recording = mode.recording, bool(is_recording)
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


class _Scope:
    """A `with` block that sets the modes of the thread (None: leaves as it is) and puts them back at its end."""

    __slots__ = ("_recording", "_saved", "_training")

    def __init__(self, recording: bool | None, training: bool | None) -> None:
        self._recording = recording
        self._training = training
        self._saved: list[tuple[bool, bool]] = []  # one scope may be entered several times

    def __enter__(self) -> None:
        self._saved.append((mode.recording, mode.training))
        if self._recording is not None:
            mode.recording = self._recording
        if self._training is not None:
            mode.training = self._training

    def __exit__(self, *exc_info: Any) -> None:
        mode.recording, mode.training = self._saved.pop()


def record(train_mode: bool = True) -> _Scope:
    """A `with` block whose operator calls are recorded, in training mode by default."""
    return _Scope(True, train_mode)


def pause(train_mode: bool = False) -> _Scope:
    """A `with` block, inside a recorded one, whose calls are not recorded."""
    return _Scope(False, train_mode)


def train_mode() -> _Scope:
    """A `with` block in training mode; recording stays as it is."""
    return _Scope(None, True)


def predict_mode() -> _Scope:
    """A `with` block in prediction mode; recording stays as it is."""
    return _Scope(None, False)
