"""The launcher's hold on the process that ends the job should the launcher be killed."""

import subprocess
import sys
from contextlib import suppress

from mxtrain_deploy import lifeline_process


class Lifeline:
    """Names the job's process groups to a process that ends them should this launcher be killed."""

    def __enter__(self) -> "Lifeline":
        """Start the process."""
        self._popen = subprocess.Popen(
            [sys.executable, "-I", "-S", lifeline_process.__file__],
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        return self

    def __exit__(self, *error: object) -> None:
        """End the process; it ends groups that are still named."""
        if self._popen.stdin is not None:
            with suppress(BrokenPipeError):
                self._popen.stdin.close()
        self._popen.wait(timeout=2 * lifeline_process.GRACE + 5)

    def add(self, group: int) -> None:
        """A process group that now runs."""
        self._tell(f"+{group}\n")

    def remove(self, group: int) -> None:
        """A process group that has ended."""
        self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        if self._popen.stdin is None:
            return
        # Somebody may have killed the lifeline; the job goes on, and its processes still die with their parent.
        with suppress(BrokenPipeError):
            self._popen.stdin.write(line)
            self._popen.stdin.flush()
