"""`Isolation`: a scheduler that hears of nobody at all is cut off itself, or has slept; nobody else is dead."""

from __future__ import annotations

from mxtrain_server.scheduler.job import ADVICE, Job


class Isolation:
    """Whether silence says something about nodes. `look` must be called before anybody is judged.

    A process that was stopped, or whose machine was, has heard nothing meanwhile. One that hears of no node while
    several should be there waits as long as nodes wait for it (MXTRAIN_SCHEDULER_TIMEOUT).
    """

    def __init__(self, job: Job, now: float) -> None:
        self._job = job
        self._spared_until = now
        self._since: float | None = None

    @property
    def is_cut_off(self) -> bool:
        """Whether nobody is heard of, so that nobody's silence counts."""
        return self._since is not None

    def spares(self, now: float) -> bool:
        """Whether a broken connection may be the trace of what is over: its node has time to come again."""
        return self.is_cut_off or now < self._spared_until

    def look(self, now: float) -> None:
        """Time has passed, or something has happened."""
        rules = self._job.rules
        active = [member for member in self._job.members.everybody() if member.is_active]
        if not active:
            return
        quiet = now - max(member.seen for member in active)
        silent = now - min(member.seen for member in active)
        patience = min(2 * rules.heartbeat_interval, rules.heartbeat_timeout / 2)
        if self._since is not None:
            self._look_again(now, now - self._since, quiet, patience)
        elif silent >= rules.heartbeat_timeout and quiet >= patience and len(active) > 1 and rules.scheduler_timeout:
            self._since = now
            waits = f"this scheduler seems to be cut off, and waits for {rules.scheduler_timeout:g} s"
            self._job.log(f"nothing was heard of any node for {quiet:.0f} s: {waits}", problem=True)

    def _look_again(self, now: float, waited: float, quiet: float, patience: float) -> None:
        rules = self._job.rules
        if quiet < patience:
            self.excuse(waited + rules.heartbeat_timeout, now)
            self._since = None
            self._job.log("nodes are heard of again", problem=True)
        elif waited >= rules.scheduler_timeout and self._job.phase != "aborted":
            self._job.abort(f"Nothing was heard of any node for {quiet:.0f} s. {ADVICE}", now)

    def excuse(self, gap: float, now: float) -> None:
        """Nobody could be heard of for so many seconds."""
        self._spared_until = now + self._job.rules.heartbeat_timeout
        for member in self._job.members.everybody():
            member.seen = min(now, member.seen + gap)
