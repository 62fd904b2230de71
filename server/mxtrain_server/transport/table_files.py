"""`TableFiles`: one segment's values and optimizer states as files of a folder, which take room as they are written.

Where a disk is full the system ends a process that writes to a mapped page without room (SIGBUS). So room is asked for
before anything is written, and where there is none that is an error like any other.
"""

from __future__ import annotations

import mmap
import os
import tempfile

import numpy as np

from mxtrain.base import MXNetError

_PAGE = mmap.PAGESIZE


class TableFiles:
    """Files without names, all laid out alike: they are gone with their process. nbytes: of the first one."""

    def __init__(self, directory: str, nbytes: int) -> None:
        self._directory = directory
        self._nbytes = nbytes
        self._files: list[tuple[int, int]] = []
        self._has_room = np.zeros(
            -(-nbytes // _PAGE), bool
        )  # of each page of the first file; untouched, it costs nothing

    def map(self, nbytes: int) -> np.ndarray:
        """One more file, as uint8. Raises MXNetError where the folder does not take it."""
        try:
            with tempfile.TemporaryFile(dir=self._directory) as file:
                descriptor = os.dup(file.fileno())
            self._files.append((descriptor, nbytes))
            os.ftruncate(descriptor, nbytes)
            self._allocate(descriptor, nbytes, np.flatnonzero(self._has_room) if len(self._files) > 1 else _NONE)
            memory = mmap.mmap(descriptor, nbytes)
            memory.madvise(mmap.MADV_RANDOM)  # rows lie anywhere: what is beside them need not be read, too
        except OSError as error:
            raise self._full(nbytes, error) from error
        return np.frombuffer(memory, np.uint8)

    def make_room(self, starts: np.ndarray, stops: np.ndarray) -> None:
        """Before bytes of the first file, and what belongs to them in the others, are written.

        starts, stops: int64, where ranges of bytes begin and end. Raises MXNetError where the disk is full.
        """
        pages = _pages(starts // _PAGE, (stops - 1) // _PAGE)
        pages = pages[~self._has_room[pages]]
        if not pages.size:
            return
        try:
            for descriptor, nbytes in self._files:
                self._allocate(descriptor, nbytes, pages)
        except OSError as error:
            raise self._full(pages.size * _PAGE * len(self._files), error) from error
        self._has_room[pages] = True

    def _allocate(self, descriptor: int, nbytes: int, pages: np.ndarray) -> None:
        """Let a file have room for what belongs to pages of the first one; rising numbers."""
        for run in np.split(pages, np.flatnonzero(np.diff(pages) > 1) + 1):
            if run.size:
                start = int(run[0]) * _PAGE * nbytes // self._nbytes
                stop = min(nbytes, -(-(int(run[-1]) + 1) * _PAGE * nbytes // self._nbytes))
                os.posix_fallocate(descriptor, start, max(1, stop - start))

    def _full(self, nbytes: int, error: OSError) -> MXNetError:
        return MXNetError(
            f"Expected: a folder for tables, with room for {nbytes} more bytes. Received: {self._directory!r} "
            f"({error.strerror or error}). Set MXTRAIN_TABLE_DIRECTORY to another, or make room."
        )

    def close(self) -> None:
        """Let the system take the files back, as soon as nobody has them mapped."""
        while self._files:
            os.close(self._files.pop()[0])

    __del__ = close


_NONE = np.zeros(0, np.int64)


def _pages(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The numbers of all pages of ranges, each once, rising."""
    if first.size == 1:
        return np.arange(int(first[0]), int(last[0]) + 1)
    most = int((last - first).max(initial=0))
    return np.unique(np.concatenate([np.minimum(first + step, last) for step in range(most + 1)] or [_NONE]))
