"""Ties a child process to its parent: the kernel kills it when the parent dies (Linux)."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> Callable[[], None]:
    """Make the function that a child runs between fork and exec so that it does not outlive this process.

    Elsewhere than on Linux it does nothing; the lifeline process then is the only guard.
    """
    parent = os.getpid()
    # Loaded here and not in the child: between fork and exec nothing but the system call should happen.
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def tie() -> None:
        # A launcher in the background of a shell script ignores SIGINT, and a child would inherit that.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return tie
