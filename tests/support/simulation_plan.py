"""How bad it gets in a simulated job (see simulation.py), and what has gone on in it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """How bad it gets. Chances are per message; times in simulated seconds. spared: roles that nobody kills.

    reckless: processes are killed whether the others have recovered or not; the job may then stop, and say why.
    overlap: workers and the scheduler are, servers only when all have recovered: the job goes on.
    cuts: how often a server or worker is cut off, from the scheduler only, from one other node, or from everybody, for
    up to cut_seconds. Nothing is lost on the way, it comes when the cut ends (as TCP sends again), unless a connection
    breaks, too. Who is given up meanwhile goes on until then, and ends when it hears of it.
    joins: servers that come while the job runs; the keys are divided into as many shards more.
    """

    rounds: int = 40
    delay: float = 0.02
    breaks: float = 0.005
    doubles: float = 0.01
    deaths: int = 5
    death_spacing: float = 2.0
    restart_after: float = 0.5
    limit: float = 900.0
    spared: tuple[str, ...] = ()
    reckless: bool = False
    overlap: bool = False
    cuts: int = 0
    cut_seconds: float = 12.0
    joins: int = 0


class Stopped(Exception):
    """The job has stopped in order; the text is the reason."""


class Job:
    """Counts what has gone on, for people and for tests. stopped: why the job has stopped before its end."""

    def __init__(self) -> None:
        self.killed: list[str] = []
        self.stopped = ""
        self.broken = 0
        self.doubled = 0
        self.cut: list[str] = []
        self.given_up: list[str] = []
        self.joined: list[str] = []
        self.moves = 0
        self.events = 0
