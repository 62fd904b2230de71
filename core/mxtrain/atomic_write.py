"""Files that are either wholly there or not there at all: written beside the target, then renamed onto it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from typing import Any

from mxtrain.base import MXNetError


def write_atomically(path: str | os.PathLike[str], chunks: Iterable[Any]) -> None:
    """Writes `chunks` (bytes-like objects, in order) to `path`, so that no reader ever sees a part of them.

    A process killed halfway leaves the previous file as it was, and at most a `*.partial` file beside it.

    Raises MXNetError naming the file when it cannot be written; whatever `chunks` raises passes through.
    """
    target = os.path.realpath(path)
    partial = f"{target}.{secrets.token_hex(4)}.partial"
    try:
        _write_synced(partial, chunks)
        os.replace(partial, target)
    except OSError as error:
        raise MXNetError(f"Cannot write {os.fspath(path)!r}: {error.strerror or error}.") from error
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def _write_synced(path: str, chunks: Iterable[Any]) -> None:
    """Writes a new file and waits until the disk has it, so that the rename never overtakes the content."""
    with open(path, "xb") as stream:
        for chunk in chunks:
            stream.write(chunk)
        stream.flush()
        os.fsync(stream.fileno())
