"""Memory that processes of one host share, without names and without anything to clean up.

A file is anonymous (memfd) and lives as long as somebody has it open or mapped. Others of the same user open it through
`/proc/PID/fd/DESCRIPTOR`; its name holds a random token, so that a process of another host or container, to which the
same numbers mean something else, notices.
"""

from __future__ import annotations

import mmap
import os
import secrets
from typing import Any

import numpy as np

from mxtrain.base import MXNetError

_PREFIX = "mxtrain-"


class SharedMemory:
    """Creates and opens shared memory; what it made is given back by `close`, or when the process ends."""

    def __init__(self) -> None:
        self._descriptors: set[int] = set()

    @staticmethod
    def available() -> bool:
        """Whether this system can share memory in this way (Linux)."""
        return hasattr(os, "memfd_create") and os.path.isdir(f"/proc/{os.getpid()}/fd")

    def create(self, nbytes: int) -> tuple[np.ndarray, list[Any]]:
        """New memory of zeros, uint8, which takes room as it is written; and [pid, descriptor, bytes, token]."""
        token = secrets.token_hex(16)
        try:
            descriptor = os.memfd_create(_PREFIX + token, os.MFD_CLOEXEC)
            os.ftruncate(descriptor, nbytes)
            array = _mapped(descriptor, nbytes)
        except (OSError, AttributeError) as error:
            raise MXNetError(f"Expected: {nbytes} bytes of shared memory. Received: {error}.") from error
        self._descriptors.add(descriptor)
        return array, [os.getpid(), descriptor, nbytes, token]

    def open(self, file: list[Any], nbytes: int) -> np.ndarray:
        """The memory that another process created, uint8. Raises MXNetError where it is not to be found here."""
        pid, number, size, token = file
        path = f"/proc/{pid}/fd/{number}"
        try:
            found = os.readlink(path)
            if size != nbytes or not found.startswith(f"/memfd:{_PREFIX}{token} "):
                raise MXNetError(f"Expected: {nbytes} bytes of shared memory at {path}. Received: {size}, {found}.")
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise MXNetError(f"Expected: shared memory at {path}. Received: {error}.") from error
        try:
            if os.fstat(descriptor).st_size != nbytes:
                raise MXNetError(f"Expected: {nbytes} bytes of shared memory at {path}. Received: another size.")
            return _mapped(descriptor, nbytes)
        finally:
            os.close(descriptor)

    def release(self, file: list[Any]) -> None:
        """Let nobody else open what was created; mappings stay as long as their arrays."""
        if file[1] in self._descriptors:
            self._descriptors.discard(file[1])
            os.close(file[1])

    def close(self) -> None:
        """Release everything."""
        while self._descriptors:
            os.close(self._descriptors.pop())


def _mapped(descriptor: int, nbytes: int) -> np.ndarray:
    return np.frombuffer(mmap.mmap(descriptor, nbytes), np.uint8)
