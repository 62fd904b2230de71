"""Hosts of a made-up network on this machine: network namespaces, and a switch of our own between them.

The switch is a process that carries Ethernet frames between TAP devices, one in each namespace. It can cut hosts off
(frames vanish, as when a cable is pulled: nobody is told), lose frames by chance and delay them. Namespaces have no
names and vanish with the processes in them. Needs the right to make namespaces and TAP devices; see `why_not`.
"""

import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess
import time

_CLONE_NEWNET = 0x40000000
_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def why_not() -> str:
    """Why there can be no such network here; "" where there can."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            _new_namespace()
            os.close(_tap("eth0"))
            _ip("link", "set", "lo", "up")
            code = 0
        finally:
            os._exit(code)
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return "" if ended == 0 else "needs root, /dev/net/tun and `ip`: network namespaces cannot be made here"


class Hosts:
    """A network of hosts. names: of hosts; `address` gives theirs. As a block it leaves nothing behind."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self._own = os.open("/proc/self/ns/net", os.O_RDONLY)
        self._namespaces: dict[str, int] = {}
        taps = [self._add(name) for name in names]
        self._control, far = socket.socketpair()
        self._switch = os.fork()
        if self._switch == 0:
            self._control.close()
            _switch(far, taps, self.names)
        far.close()
        for tap in taps:
            os.close(tap)

    def _add(self, name: str) -> int:
        """A namespace with a device; returns the device's other end."""
        try:
            _new_namespace()
            self._namespaces[name] = os.open("/proc/self/ns/net", os.O_RDONLY)
            tap = _tap("eth0")
            _ip("link", "set", "lo", "up")
            _ip("addr", "add", f"{self.address(name)}/24", "dev", "eth0")
            _ip("link", "set", "eth0", "up")
        finally:
            _enter(self._own)
        return tap

    def address(self, name: str) -> str:
        """The address of a host."""
        return f"10.213.7.{self.names.index(name) + 1}"

    def enter(self, name: str) -> None:
        """Let this process be on a host."""
        _enter(self._namespaces[name])

    def set(self, cut: list[str] = [], lost: float = 0.0, delay: float = 0.0) -> None:  # noqa: B006  never changed
        """From now on: hosts that are cut off; the part of frames that is lost; the delay of each, in seconds."""
        self._control.send(json.dumps([cut, lost, delay]).encode())
        self._control.recv(1)

    def __enter__(self) -> "Hosts":
        return self

    def __exit__(self, *exc_info: object) -> None:
        os.kill(self._switch, signal.SIGKILL)
        os.waitpid(self._switch, 0)
        self._control.close()
        for descriptor in (self._own, *self._namespaces.values()):
            os.close(descriptor)


def _switch(control: socket.socket, taps: list[int], names: list[str]) -> None:
    """Carry frames until the other end of `control` is closed; does not return."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    cut, lost, delay = set[int](), 0.0, 0.0
    ports: dict[bytes, int] = {}
    due: list[tuple[float, int, int, bytes]] = []
    count = 0
    while True:
        wait = max(0.0, due[0][0] - time.monotonic()) if due else None
        for ready in select.select([control, *taps], [], [], wait)[0]:
            if ready is control:
                request = control.recv(4096)
                if not request:
                    os._exit(0)
                names_cut, lost, delay = json.loads(request)
                cut = {names.index(name) for name in names_cut}
                control.send(b"x")
                continue
            frame, port = os.read(ready, 65536), taps.index(ready)
            ports[frame[6:12]] = port
            to = [ports[frame[:6]]] if frame[:6] in ports else [other for other in range(len(taps)) if other != port]
            for other in to:
                count += 1
                if port not in cut and other not in cut and random.random() >= lost:
                    heapq.heappush(due, (time.monotonic() + delay, count, other, frame))
        now = time.monotonic()
        while due and due[0][0] <= now:
            _, _, other, frame = heapq.heappop(due)
            if other not in cut:
                os.write(taps[other], frame)


def _new_namespace() -> None:
    if _libc.unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _tap(name: str) -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TAP | _IFF_NO_PI))
    return descriptor


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
