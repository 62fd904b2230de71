"""Jobs whose scheduler runs on this machine as the same user, found by the environment of its process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mxtrain_kvstore.settings import ClusterSettings, read_settings

_PROC = Path("/proc")


def variables_of(pid: int) -> dict[str, str]:
    """The environment of a process. Raises OSError where it has ended, or is another user's."""
    raw = (_PROC / str(pid) / "environ").read_bytes()
    pairs = (entry.partition("=") for entry in raw.decode(errors="replace").split("\0"))
    return {name: value for name, _, value in pairs}


def local_schedulers() -> list[tuple[int, ClusterSettings]]:
    """(process id, settings) of the schedulers that this user runs here; what belongs to others cannot be read."""
    return [(pid, settings) for pid, settings in _settings() if settings.role == "scheduler"]


def _settings() -> Iterator[tuple[int, ClusterSettings]]:
    for folder in _PROC.glob("[0-9]*"):
        try:
            variables = variables_of(int(folder.name))
        except OSError:
            continue  # it has ended, or is another user's
        if "scheduler" not in (variables.get("MXTRAIN_ROLE"), variables.get("DMLC_ROLE")):
            continue
        settings = read_settings(variables)
        if settings.scheduler_host and settings.scheduler_port:
            yield int(folder.name), settings
