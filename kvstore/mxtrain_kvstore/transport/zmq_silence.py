"""`notice_silence`: a ZeroMQ connection whose other end is silently gone is made anew."""

from __future__ import annotations

import zmq

#: Of the time until an answer must have come, how much passes between two questions.
_QUESTIONS = 4


def notice_silence(socket: zmq.Socket, patience: float) -> None:
    """Give a connection up after `patience` seconds in which nothing has come of it, not even the answer to a ping.

    TCP itself asks nobody for a quarter of an hour: where this host's address has changed, or a firewall has forgotten
    the connection, it would be kept. ZeroMQ's own thread asks and answers, however busy a process is.
    """
    interval = round(1000 * patience / _QUESTIONS)
    socket.heartbeat_ivl = max(interval, 1)
    socket.heartbeat_timeout = max(round(1000 * patience) - interval, 1)
