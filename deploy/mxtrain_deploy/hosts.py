"""The machines of a job: host files, this machine's address, free ports, copying the working directory."""

import ipaddress
import shlex
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mxtrain_deploy.job import LaunchError

LOOPBACK = "127.0.0.1"
SSH_PORT = 22
RSYNC_TIMEOUT = 600  # seconds
_DISCARD_PORT = 9


@dataclass(frozen=True)
class Host:
    """A machine that is reached by ssh."""

    name: str
    port: int = SSH_PORT

    @property
    def address(self) -> str:
        """The name without the user in front of it."""
        return self.name.rpartition("@")[2]

    def ssh_command(self, *remote: str) -> list[str]:
        """The command that runs `remote` (words of its shell) on this host without asking anything."""
        return ["ssh", "-T", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=10", "-p", str(self.port), self.name,
                *(["--", *remote] if remote else [])]  # fmt: skip


def read_hosts(path: str) -> list[Host]:
    """Read a host file: one `host` or `host:port` a line, with blank lines, `#` comments and words after it ignored.

    Raises:
        LaunchError: the file cannot be read, holds no host, or a port is not a number.
    """
    try:
        lines = Path(path).read_text().splitlines()
    except OSError as error:
        raise LaunchError(f"Host file {path!r}: {error.strerror}.") from error
    words = [line.split("#")[0].split() for line in lines]
    hosts = [_parse_host(word[0], path) for word in words if word]
    if not hosts:
        raise LaunchError(f"Host file {path!r}: expected one host a line. Received: no host at all.")
    return hosts


def _parse_host(text: str, path: str) -> Host:
    name, colon, port = text.rpartition(":")
    if not colon:
        return Host(text)
    if not name or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise LaunchError(f"Host file {path!r}: expected host or host:port (1 to 65535). Received: {text!r}.")
    return Host(name, int(port))


def is_loopback(host: str) -> bool:
    """Whether a name or address stands for this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def own_address(towards: str) -> str:
    """The address of this machine on the way to a host; nothing is sent.

    Raises:
        LaunchError: the host is unknown or there is no way to it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((towards, _DISCARD_PORT))
        except OSError as error:
            raise LaunchError(
                f"Cannot tell which address of this machine {towards!r} reaches ({error}); give it with --root-uri."
            ) from error
        return str(probe.getsockname()[0])


def free_port(address: str) -> int:
    """A TCP port that nobody uses on an address of this machine.

    Raises:
        LaunchError: the address is not one of this machine.
    """
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            raise LaunchError(f"Cannot listen on {address!r}: {error.strerror}.") from error
        return int(probe.getsockname()[1])


def copy_directory(host: Host, source: str, destination: str) -> None:
    """Bring a directory of this machine to a host by rsync over ssh.

    Raises:
        LaunchError: rsync is missing here, or failed.
    """
    if shutil.which("rsync") is None:
        raise LaunchError("--sync-dst-dir needs rsync on this machine and on each host.")
    shell = shlex.join(["ssh", "-o", "BatchMode=yes", "-p", str(host.port)])
    command = ["rsync", "-az", "--rsh", shell, f"{source.rstrip('/')}/", f"{host.name}:{destination}"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RSYNC_TIMEOUT, check=False
    )
    if done.returncode:
        raise LaunchError(f"Copying {source} to {host.name}:{destination} failed: {done.stderr.strip()}")
