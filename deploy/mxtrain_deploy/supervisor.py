"""Watches the processes of one job: passes on their output, replaces the dead or ends the job, leaves none behind."""

import math
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from types import FrameType

from mxtrain_deploy.job import LaunchError
from mxtrain_deploy.lifeline import Lifeline
from mxtrain_deploy.output import LineSplitter, Screen
from mxtrain_deploy.processes import STOPPED, TaskProcess, describe_end, shell_code, was_killed

# All durations in seconds.
KILL_AFTER = 4.0  # from the first signal to SIGKILL, where nothing can stop in order
GIVE_UP_AFTER = 3.0  # from SIGKILL to leaving a process that the kernel does not end
SETTLE = 3.0  # from the first failure to the end of the job: others may fail by it first, or for the same reason
LINGER = 15.0  # how long servers and scheduler may run after the last worker
DRAIN = 0.5  # how long output is read from pipes that something else keeps open after all processes have ended

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_READ_SIZE = 1 << 16


class Supervisor:
    """Runs one job to its end. Single-threaded: one loop over the pipes, woken by signals.

    max_restarts: how many processes that were killed are replaced before the next one ends the job. grace: how long
    after the first signal workers may take to stop in order; then all are killed.
    """

    def __init__(self, screen: Screen, max_restarts: int = 0, grace: float = KILL_AFTER) -> None:
        self._screen = screen
        self._max_restarts = max_restarts
        self._grace = grace
        self._has_stopped = False
        self._signal = ""  # of the launcher, before anything is said about it
        self._restarts = 0
        self._starters: dict[str, Callable[[], TaskProcess]] = {}
        self._selector = selectors.DefaultSelector()
        self._splitters: dict[tuple[TaskProcess, str], LineSplitter] = {}
        self._alive: list[TaskProcess] = []
        self._exit_code = 0
        self._kill_at: float | None = None
        self._leave_at: float | None = None
        self._end_at: float | None = None  # when servers that outlive the workers are ended
        self._settle_at: float | None = None  # when the job is ended after a failure
        self._dead: list[tuple[TaskProcess, int]] = []  # processes that failed, with their return codes

    def run(self, starters: Sequence[Callable[[], TaskProcess]]) -> int:
        """Start every process, watch them until all have ended, and return the launcher's exit code.

        The code is that of the first process that died (128 plus the signal that killed it), 128 plus the signal when
        the launcher itself was told to end, 85 where the job has stopped in order for another reason, else 0.

        Raises:
            LaunchError: a process could not be started; those that ran have been ended.
        """
        with ExitStack() as stack:
            self._listen(stack)
            self._lifeline = stack.enter_context(Lifeline())
            try:
                for starter in starters:
                    if self._kill_at is None:
                        self._start(starter)
            except BaseException:
                self._end(signal.SIGTERM, 1)
                self._watch()
                raise
            self._watch()
        return self._exit_code or (STOPPED if self._has_stopped else 0)

    def _start(self, starter: Callable[[], TaskProcess]) -> TaskProcess:
        process = starter()
        self._starters[process.task.label] = starter
        self._add(process)
        return process

    def _add(self, process: TaskProcess) -> None:
        self._lifeline.add(process.pid)
        self._alive.append(process)
        for name, stream in process.streams.items():
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ, (process, name))
            self._splitters[process, name] = LineSplitter()

    def _listen(self, stack: ExitStack) -> None:
        """Let signals wake the loop, and give every handler back at the end."""
        receiver, sender = socket.socketpair()
        for end in (receiver, sender):
            stack.enter_context(end)
            end.setblocking(False)
        self._selector.register(receiver, selectors.EVENT_READ, None)
        previous_fd = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        stack.callback(signal.set_wakeup_fd, previous_fd)
        for signum in (*_FORWARDED, signal.SIGCHLD):
            handler = self._on_child if signum == signal.SIGCHLD else self._on_signal
            stack.callback(signal.signal, signum, signal.signal(signum, handler))

    def _on_child(self, signum: int, frame: FrameType | None) -> None:
        """The end of a child only has to wake the loop."""

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        """Pass the signal on at once, even while the loop waits for a slow reader of our output."""
        again = self._kill_at is not None
        self._signal = signal.Signals(signum).name
        self._end(signal.SIGKILL if again else signum, 128 + signum)

    def _watch(self) -> None:
        while self._alive:
            for key, _ in self._selector.select(self._time_left()):
                if key.data is None:
                    self._selector_drain(key.fileobj)
                else:
                    self._read(key)
            self._reap()
            self._explain_wait()
            if self._screen.closed and self._kill_at is None:
                self._end(signal.SIGTERM, shell_code(-signal.SIGPIPE))
            self._keep_deadlines()
        self._drain()

    @staticmethod
    def _selector_drain(receiver: object) -> None:
        with suppress(BlockingIOError):
            receiver.recv(4096)  # type: ignore[attr-defined]

    def _read(self, key: selectors.SelectorKey) -> bool:
        """Pass on what one stream holds; False when it holds nothing at the moment or has ended."""
        process, name = key.data
        splitter = self._splitters[process, name]
        try:
            data = os.read(key.fd, _READ_SIZE)
        except BlockingIOError:
            return False
        if data:
            self._screen.show(process.task.label, name, *splitter.feed(data))
            return True
        self._selector.unregister(key.fileobj)
        key.fileobj.close()  # type: ignore[union-attr]
        self._screen.show(process.task.label, name, splitter.finish())
        return False

    def _read_all_of(self, process: TaskProcess) -> None:
        """Pass on the last words of a process before anything is said about its end."""
        keys = [key for key in self._selector.get_map().values() if key.data and key.data[0] is process]
        for key in keys:
            while self._read(key):
                pass

    def _reap(self) -> None:
        ended = [process for process in self._alive if process.has_ended()]
        for process in ended:
            returncode = process.reap()
            self._lifeline.remove(process.pid)
            self._alive.remove(process)
            self._read_all_of(process)
            self._has_stopped |= returncode == STOPPED
            failed = returncode not in (0, STOPPED)
            if failed and self._kill_at is None and not self._replace(process, returncode):
                self._note_death(process, returncode)
        if ended and not self._workers():
            self._after_workers()

    def _after_workers(self) -> None:
        """Servers and scheduler end by themselves, but are not waited for very long."""
        now = time.monotonic()
        if self._kill_at is None:
            self._end_at = self._end_at or now + LINGER
        else:
            self._kill_at = min(self._kill_at, now + KILL_AFTER)

    def _workers(self) -> list[TaskProcess]:
        return [process for process in self._alive if process.task.role == "worker"]

    def _replace(self, process: TaskProcess, returncode: int) -> bool:
        """Start a process that was killed again; whether that was done. One that failed by itself would fail again."""
        if self._restarts >= self._max_restarts or self._dead or not was_killed(returncode):
            return False
        self._restarts += 1
        try:
            new = self._start(self._starters[process.task.label])
        except LaunchError as error:
            self._screen.say(str(error))
            return False
        count = f"restart {self._restarts} of {self._max_restarts}"
        self._screen.say(f"{process.name} died: {describe_end(returncode)}. Started again: {new.name}, {count}.")
        return True

    def _note_death(self, process: TaskProcess, returncode: int) -> None:
        """Remember who died. After a signal the cause is known at once; a failure may be the echo of another's."""
        self._dead.append((process, returncode))
        wait = 0.0 if returncode < 0 else SETTLE
        self._settle_at = min(self._settle_at or math.inf, time.monotonic() + wait)

    def _report_deaths(self) -> None:
        """Name every process that died, and end the others. What was killed comes first, then the workers."""
        self._dead.sort(key=lambda death: (death[1] >= 0, death[0].task.role != "worker"))
        deaths = "; ".join(f"{process.name} died: {describe_end(code)}" for process, code in self._dead)
        others = ", ".join(process.task.label for process in self._alive)
        self._screen.say(
            f"{deaths}. " + (f"Ending the job: {others} still running." if others else "The job has ended.")
        )
        self._settle_at = None
        self._end(signal.SIGTERM, shell_code(self._dead[0][1]))

    def _end(self, signum: int, exit_code: int) -> None:
        """Send a signal to all that still runs. The first call decides the exit code and when SIGKILL follows."""
        if self._kill_at is None:
            self._exit_code = exit_code
            workers_have_ended = self._end_at is not None
            self._kill_at = time.monotonic() + (KILL_AFTER if workers_have_ended else self._grace)
        for process in self._alive:
            process.send_signal(signum)

    def _explain_wait(self) -> None:
        """Say how long a job may take that was told to end, unless it has ended at once."""
        if self._signal and self._grace > KILL_AFTER and self._workers():
            self._screen.say(
                f"{self._signal}: the job may stop in order; it is killed in {self._grace:g} s, or if asked again."
            )
        self._signal = ""

    def _time_left(self) -> float | None:
        deadlines = [at for at in (self._kill_at, self._leave_at, self._end_at, self._settle_at) if at is not None]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _keep_deadlines(self) -> None:
        now = time.monotonic()
        if self._settle_at is not None and (now >= self._settle_at or not self._alive):
            self._report_deaths()
        if self._leave_at is not None:
            if now >= self._leave_at:
                self._leave()
        elif self._kill_at is not None:
            if now >= self._kill_at:
                self._end(signal.SIGKILL, self._exit_code)
                self._leave_at = now + GIVE_UP_AFTER
        elif self._end_at is not None and now >= self._end_at and self._alive:
            names = ", ".join(process.name for process in self._alive)
            self._screen.say(f"{names} still running {LINGER:.0f} s after the last worker; ending.")
            self._end(signal.SIGTERM, 0)

    def _leave(self) -> None:
        names = ", ".join(process.name for process in self._alive)
        self._screen.say(f"{names} did not end {GIVE_UP_AFTER:.0f} s after SIGKILL; left behind.")
        self._exit_code = self._exit_code or 1
        self._alive.clear()

    def _drain(self) -> None:
        """Read what is still in the pipes; something that left its group may hold one open, so not for ever."""
        end = time.monotonic() + DRAIN
        while time.monotonic() < end:
            keys = [key for key in self._selector.get_map().values() if key.data]
            if not keys:
                return
            for key, _ in self._selector.select(end - time.monotonic() if end > time.monotonic() else 0):
                if key.data:
                    self._read(key)
                else:
                    self._selector_drain(key.fileobj)
