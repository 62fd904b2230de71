"""`Finding`: one line of what the doctor has to say, and what a check is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from mxtrain_deploy.doctor.site import Site

Level = Literal["OK", "WARN", "FAIL"]


@dataclass(frozen=True)
class Finding:
    """What a check has found; advice: what to do about it, "" where nothing."""

    level: Level
    check: str
    text: str
    advice: str = ""

    def __str__(self) -> str:
        """One line."""
        advice = f" -> {self.advice}" if self.advice else ""
        return f"{self.level:<4}  {self.check}: {self.text}{advice}"


class Check(Protocol):
    """One thing to look at; what it asks of hosts has a deadline."""

    def __call__(self, site: Site) -> Iterator[Finding]:
        """What was found; one line for all hosts where all is well."""
        ...
