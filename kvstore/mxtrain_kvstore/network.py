"""Addresses: which one this node is reached at, and whether it stays on this host."""

from __future__ import annotations

import errno
import fcntl
import ipaddress
import socket
import struct
import time

from mxtrain.base import MXNetError
from mxtrain_kvstore.settings import ClusterSettings

_SIOCGIFADDR = 0x8915


def is_loopback(host: str) -> bool:
    """Whether a host name or address stands for this host alone. Raises MXNetError for a name nobody knows."""
    return all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in addresses(host))


def addresses(host: str, timeout: float = 0.0) -> list[str]:
    """The IP addresses of a host; a name that is not known yet is asked for again for `timeout` seconds.

    Raises MXNetError for a name that nobody knows.
    """
    end = time.monotonic() + timeout
    while True:
        try:
            return [str(found[4][0]) for found in socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)]
        except OSError as error:
            if time.monotonic() >= end:
                raise MXNetError(f"Expected: the name or address of a host. Received: {host!r}: {error}.") from error
        time.sleep(0.5)


def in_url(host: str) -> str:
    """A host as it stands before a port: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


def address_of(endpoint: str, scheme: str) -> str:
    """host:port of a server's endpoint, as "tcp://host:port". Raises MXNetError where it has another scheme."""
    found, _, address = endpoint.partition("://")
    if found != scheme:
        raise MXNetError(
            f"Expected: a server at {scheme}://HOST:PORT, as the others. Received: {endpoint!r}. "
            "Set the same MXTRAIN_KVSTORE_TRANSPORT on all nodes."
        )
    return address


def node_host(settings: ClusterSettings) -> str:
    """The address at which others reach this node: as set, or of the interface that is set or faces the scheduler."""
    if settings.node_host:
        return settings.node_host
    if settings.interface:
        return interface_address(settings.interface)
    scheduler = settings.scheduler_host or "127.0.0.1"
    addresses(scheduler, settings.connect_timeout)  # a name server may learn of the scheduler after we start
    if is_loopback(scheduler):
        return "127.0.0.1"
    return _facing(scheduler)


def _facing(host: str) -> str:
    """This host's address on the way to another; nothing is sent."""
    family, _, _, _, address = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(address)
        except OSError as error:
            raise MXNetError(f"Expected: a way to the scheduler at {host}. Received: {error}.") from error
        return str(probe.getsockname()[0])


def moved_to(endpoint: str, settings: ClusterSettings) -> str | None:
    """The address of this node where that on which it listens is not one of this host any more; else None.

    None, too, where there is no other address instead: a network that was cut may come back.
    """
    host = endpoint.partition("://")[2].rpartition(":")[0].strip("[]")
    if not host or settings.node_host or _is_own(host):
        return None
    try:
        if settings.interface:
            return interface_address(settings.interface)
        return _facing(settings.scheduler_host or "")
    except (MXNetError, OSError):
        return None


def _is_own(host: str) -> bool:
    """Whether one could listen on an address."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            return error.errno != errno.EADDRNOTAVAIL
        return True


def interface_address(name: str) -> str:
    """The IPv4 address of a network interface, such as "eth0". Raises MXNetError where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("256s", name.encode()[:15])
        try:
            answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
        except OSError as error:
            known = ", ".join(known for _, known in socket.if_nameindex())
            raise MXNetError(f"Expected: one of the interfaces {known}. Received: {name!r}: {error}.") from error
    return socket.inet_ntoa(answer[20:24])


def require_key_beyond_loopback(host: str, cluster_key: str | None) -> None:
    """Raise MXNetError where a port would be open to other hosts without a cluster key."""
    if cluster_key is None and not is_loopback(host):
        raise MXNetError(
            f"Expected: a cluster key for a job that other hosts can reach (address {host}). Received: none. "
            "Set MXTRAIN_CLUSTER_KEY to the same secret on every node, or use 127.0.0.1."
        )
