"""`Channel`: how a worker's messages reach servers and theirs reach it; transports implement it."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np


class Incoming(NamedTuple):
    """A message of a server.

    payload: its raw bytes, uint8, valid for as long as somebody holds them; or None. taken: number of this worker's
    last command that the server's shard cannot lose any more.
    """

    server: int
    message: Any
    payload: np.ndarray | None
    taken: int = 0


class Channel(Protocol):
    """Connections to all servers, each the primary of a shard. Messages arrive in order, once, or not at all."""

    num_servers: int

    def connect(self, server: int, endpoint: str) -> None:
        """Go on with another process as this server; what was on its way to the one before is lost."""

    def send(
        self, server: int, message: Any, payload: np.ndarray | None = None, number: int = 0, lasting: bool = False
    ) -> None:
        """Send a message under its number. lasting: the payload stays as it is; else only until this returns."""

    def receive(self, timeout: float) -> list[Incoming]:
        """What has come; waits for at most `timeout` seconds where nothing has."""

    def close(self, deliver: bool = True) -> None:
        """Give everything back. deliver: what was sent goes out first, within a few seconds."""


class SharedFiles(Protocol):
    """Memory that processes of one host share."""

    def open(self, file: list[Any], nbytes: int) -> np.ndarray:
        """Another process's memory, uint8. Raises MXNetError where it cannot be mapped."""

    def create(self, nbytes: int) -> tuple[np.ndarray, list[Any]]:
        """New memory of zeros, uint8, and [pid, descriptor, bytes, token] by which others map it. Raises MXNetError."""

    def release(self, file: list[Any]) -> None:
        """Let nobody else map what was created; who has mapped it keeps it."""
