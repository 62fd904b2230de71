"""`Session`: which commands of one worker process a shard knows, and what it answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mxtrain_kvstore.wire import messages as m
from mxtrain_kvstore.wire.codec import decode, encode

#: Answers to commands that are kept for workers that ask again; a worker waits for few at a time.
KEPT_ANSWERS = 64


@dataclass
class Session:
    """One worker process as a shard knows it.

    applied: number of its last command that was carried out. answers: to its last commands, by request. told: it has
    heard that commands are missing.
    """

    rank: int
    applied: int = 0
    answers: dict[int, Any] = field(default_factory=dict)
    told: bool = False

    def keep(self, command: Any, answer: Any) -> None:
        """Keep the answer to a command that was a request."""
        request = getattr(command, "request", None)
        if request and getattr(answer, "request", None) == request:
            self.answers[request] = answer
            while len(self.answers) > KEPT_ANSWERS:
                del self.answers[next(iter(self.answers))]

    def is_next(self, number: int, message: Any) -> bool:
        """Whether nothing is missing before a message of this number."""
        return number == self.applied + 1 if type(message) in m.COMMANDS else number <= self.applied

    def dump(self) -> dict[str, Any]:
        """The session as plain values."""
        return {"rank": self.rank, "applied": self.applied, "answers": [encode(a) for a in self.answers.values()]}

    @staticmethod
    def load(tree: Mapping[str, Any]) -> Session:
        """What `dump` gave."""
        answers = {answer.request: answer for answer in map(decode, tree["answers"])}
        return Session(tree["rank"], tree["applied"], answers)
