"""`DataPlane`: how frames of workers and other servers come to a server and leave it; transports implement it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

#: Payloads of at least so many bytes are sent from where they lie, without a copy.
ZERO_COPY_BYTES = 1 << 17


class Arrival(NamedTuple):
    """The frames of one message, as buffers of bytes. source: name of its connection, or of the server that answers."""

    source: str
    frames: Sequence[memoryview]


class DataPlane(Protocol):
    """Connections that others have opened, by names that they give them, and connections to other servers.

    Frames of one connection keep their order; where it breaks, some are lost. All methods but `wake` belong to one
    thread, and none but `wait` waits. endpoint: where this server is reached. In `frames` the last one may be an array
    of bytes, which the transport copies unless it is `lasting`: it stays as it is.
    """

    endpoint: str

    def wake(self) -> None:
        """Let `wait` return at once; from any thread."""

    def wait(self, timeout: float) -> None:
        """Return when something has come, or after `timeout` seconds."""

    def arrivals(self) -> Iterator[Arrival]:
        """What has come by connections that others have opened: some of it, so that other things get their turn."""

    def answers(self) -> Iterator[Arrival]:
        """What servers answer on connections that this one has opened."""

    def send(self, connection: str, frames: Sequence[Any], lasting: bool) -> bool:
        """Send by a connection that another has opened; False where it is gone."""

    def send_to_server(self, name: str, frames: Sequence[Any], lasting: bool) -> None:
        """Send to another server, connecting to it first where that is needed; nothing where it has no endpoint."""

    def set_servers(self, endpoints: Mapping[str, str]) -> None:
        """Where other servers are reached now, by name; connections to any others end."""

    def close(self) -> None:
        """Give everything back; what was sent goes out first, within a second."""
