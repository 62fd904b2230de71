"""What a user asks of the launcher."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Launcher = Literal["local", "ssh", "mpi", "slurm", "kubernetes", "ray"]
DEFAULT_RESTARTS = 3
DEFAULT_GRACE = 30.0  # seconds


@dataclass(frozen=True)
class LaunchOptions:
    """What a user asks of the launcher; see `mxtrain launch --help`."""

    command: tuple[str, ...]
    num_workers: int
    num_servers: int
    launcher: Launcher = "local"
    hostfile: str | None = None
    root_uri: str | None = None
    port: int | None = None
    replicas: int | None = None
    max_servers: int | None = None
    max_restarts: int | None = None
    grace: float = DEFAULT_GRACE
    env: Sequence[str] = ()
    env_server: Sequence[str] = ()
    env_worker: Sequence[str] = ()
    sync_dst_dir: str | None = None
    remote_python: str = field(default=sys.executable)
    launcher_args: str = ""
    image: str | None = None
    output: str | None = None
