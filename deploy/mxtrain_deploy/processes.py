"""One running process of a job, on this machine or behind a secure shell."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from typing import BinaryIO

from mxtrain_deploy.job import LaunchError, Task
from mxtrain_deploy.parent_death import die_with_parent


class TaskProcess:
    """A started task: its pipes, its end, and signals for it and all that it started.

    The process leads a session of its own, so that its group is everything it started and a Ctrl-C at the terminal
    reaches it once, from the launcher.
    """

    def __init__(self, task: Task, argv: list[str], env: Mapping[str, str], stdin: int) -> None:
        """Start the process.

        Raises:
            LaunchError: the command does not exist or may not be executed.
        """
        self.task = task
        try:
            self._popen = subprocess.Popen(
                argv,
                env=dict(env),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
                preexec_fn=die_with_parent(),  # noqa: PLW1509  the launcher has one thread
            )
        except OSError as error:
            raise LaunchError(f"{task.label}: cannot run {argv[0]!r}: {error.strerror}.") from error

    @property
    def pid(self) -> int:
        """The process id on this machine; also the id of its process group."""
        return self._popen.pid

    @property
    def name(self) -> str:
        """What a message about this process calls it."""
        return f"{self.task.label} (pid {self.pid})"

    @property
    def streams(self) -> dict[str, BinaryIO]:
        """Its standard output and standard error, by name."""
        stdout, stderr = self._popen.stdout, self._popen.stderr
        if stdout is None or stderr is None:
            raise LaunchError(f"{self.name} was started without pipes.")
        return {"stdout": stdout, "stderr": stderr}  # type: ignore[dict-item]

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the signal that killed the process; None before `reap` returned True."""
        return self._popen.returncode

    def has_ended(self) -> bool:
        """Whether the process has ended; leaves it to `reap`, so that its id stays its own until then."""
        if self._popen.returncode is not None:
            return True
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def reap(self) -> int:
        """Take the ended process's exit code, after killing what is left of its group."""
        if self._popen.returncode is None:
            self._kill_group(signal.SIGKILL)
            self._popen.wait()
        return self._popen.returncode

    def send_signal(self, signum: int) -> None:
        """Send a signal to the process and all that it started."""
        if self._popen.returncode is None:
            self._kill_group(signum)

    def _kill_group(self, signum: int) -> None:
        # Until it is reaped the leader keeps the number of its group from being given to another.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signum)


class LocalProcess(TaskProcess):
    """A task on this machine."""

    def __init__(self, task: Task, env: Mapping[str, str]) -> None:
        """Start it with the variables of its task added to `env`."""
        super().__init__(task, list(task.argv), {**env, **task.env}, subprocess.DEVNULL)


class RemoteProcess(TaskProcess):
    """A task on another host: here runs `ssh`, there `mxtrain_deploy.remote` with the task under it.

    What to run travels over the standard input, so that neither the cluster key nor a quoting mistake can appear
    on a command line; later lines there are signals, and its end ends the task.
    """

    def __init__(self, task: Task, host: str, ssh: list[str], directory: str) -> None:
        """Start `ssh` (a whole command) and hand it the task.

        host: for messages. directory: where the task runs there; empty: the remote home directory.
        """
        super().__init__(task, ssh, os.environ, subprocess.PIPE)
        self.host = host
        order = {"argv": task.argv, "env": dict(task.env), "directory": directory}
        self._write(json.dumps(order))

    @property
    def name(self) -> str:
        """What a message about this process calls it."""
        return f"{self.task.label} (host {self.host}, ssh pid {self.pid})"

    def send_signal(self, signum: int) -> None:
        """Send a signal to the remote process and all that it started; SIGKILL also ends the connection."""
        if self._popen.returncode is not None:
            return
        self._write(str(int(signum)))
        if signum == signal.SIGKILL:
            self._close()

    def _write(self, line: str) -> None:
        if self._popen.stdin is None or self._popen.stdin.closed:
            return
        # A connection that has gone is reported by the end of `ssh`.
        with contextlib.suppress(BrokenPipeError):
            self._popen.stdin.write(line.encode() + b"\n")
            self._popen.stdin.flush()

    def _close(self) -> None:
        if self._popen.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._popen.stdin.close()


def describe_end(returncode: int) -> str:
    """Say how a process ended: `exit code 3`, `killed by SIGKILL`."""
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        return f"killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"killed by signal {-returncode}"


#: Exit code of a process that the job goes on without, though it has done nothing wrong.
GIVEN_UP = 75


#: Exit code of a worker that has stopped in order, with a checkpoint (mxtrain_worker.orderly_stop).
STOPPED = 85


def was_killed(returncode: int) -> bool:
    """Whether a process is not to blame for its end: a signal ended it, here or elsewhere, or it was given up."""
    return returncode < 0 or returncode > 128 or returncode == GIVEN_UP


def shell_code(returncode: int) -> int:
    """The exit code by which a shell would report the same end: 128 plus the signal."""
    return returncode if returncode >= 0 else 128 - returncode
