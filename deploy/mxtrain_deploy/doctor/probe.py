"""Runs on a host (`python -m mxtrain_deploy.doctor.probe`): answers requests, one line of JSON each, until they end."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from mxtrain_deploy.doctor.facts import facts

_listening: list[socket.socket] = []


def listen(address: str, port: int = 0) -> dict[str, Any]:
    """Listen until the probe ends, or a reason why that cannot be."""
    try:
        family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((address, port), family=family)
    except OSError as error:
        return {"error": str(error)}
    _listening.append(listener)
    return {"port": listener.getsockname()[1]}


def connect(address: str, port: int, seconds: float) -> dict[str, Any]:
    """Try to reach a port for so many seconds. refused: somebody said no; else nobody answered."""
    try:
        socket.create_connection((address, port), timeout=seconds).close()
    except OSError as error:
        return {"error": str(error), "refused": isinstance(error, ConnectionRefusedError)}
    return {}


def resolve(name: str) -> dict[str, Any]:
    """The addresses of a name."""
    try:
        return {"addresses": sorted({str(found[4][0]) for found in socket.getaddrinfo(name, None)})}
    except OSError as error:
        return {"error": str(error)}


def owns(address: str) -> dict[str, Any]:
    """Whether an address or name is this host's own."""
    try:
        with socket.socket(socket.getaddrinfo(address, 0)[0][0], socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError as error:
        return {"error": str(error)}
    return {}


def clock() -> dict[str, Any]:
    """This host's time, in seconds since 1970."""
    return {"time": time.time()}


_REQUESTS: dict[str, Callable[..., dict[str, Any]]] = {
    "facts": facts, "listen": listen, "connect": connect, "resolve": resolve, "owns": owns, "clock": clock,
}  # fmt: skip


def main() -> None:
    """Answer until the standard input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        answer = _REQUESTS[request.pop("request")](**request)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
