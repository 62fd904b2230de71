"""`Site`: the hosts that a job would run on, and the job that is wanted."""

from __future__ import annotations

import contextlib
import secrets
import shlex
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from mxtrain_deploy.doctor.host_probe import START_TIMEOUT, HostProbe
from mxtrain_deploy.hosts import LOOPBACK, Host, is_loopback, own_address, read_hosts

_PROBE = ("-m", "mxtrain_deploy.doctor.probe")


@dataclass(frozen=True)
class Wanted:
    """What the job shall be; as the options of `mxtrain launch`. timeout: seconds for a host's first answer."""

    launcher: str = "local"
    num_workers: int = 1
    num_servers: int = 1
    hostfile: str | None = None
    root_uri: str | None = None
    port: int | None = None
    remote_python: str = field(default=sys.executable)
    timeout: float = START_TIMEOUT


@dataclass(frozen=True)
class Site:
    """here: this machine, where the scheduler would run. hosts: all, `here` first; those that do not answer, too."""

    wanted: Wanted
    here: HostProbe
    hosts: tuple[HostProbe, ...]

    @property
    def answering(self) -> list[HostProbe]:
        """The hosts whose facts are known."""
        return [host for host in self.hosts if not host.problem]

    @property
    def leaves_machine(self) -> bool:
        """Whether the job would be reachable by other machines."""
        return any(not is_loopback(host.address) for host in self.hosts)


@contextlib.contextmanager
def open_site(wanted: Wanted) -> Iterator[Site]:
    """Start a probe on every host. Raises LaunchError for a host file that cannot be read."""
    names = list(dict.fromkeys(read_hosts(wanted.hostfile))) if wanted.hostfile else []
    here = HostProbe("here", wanted.root_uri or _own_address(names), (sys.executable, *_PROBE))
    there = [HostProbe(host.name, host.address, _command(host, wanted)) for host in names]
    hosts = (here, *there)
    nonce = secrets.token_hex(16)
    try:
        with ThreadPoolExecutor(max_workers=16) as pool:
            list(pool.map(lambda host: host.start(nonce, wanted.timeout), hosts))
        yield Site(wanted, here, hosts)
    finally:
        with ThreadPoolExecutor(max_workers=16) as pool:
            list(pool.map(HostProbe.close, hosts))


def _command(host: Host, wanted: Wanted) -> list[str]:
    return host.ssh_command(shlex.quote(wanted.remote_python), *_PROBE)


def _own_address(hosts: list[Host]) -> str:
    others = [host.address for host in hosts if not is_loopback(host.address)]
    return own_address(others[0]) if others else LOOPBACK
