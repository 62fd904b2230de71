"""Checks of cores, shared memory, limits and GPUs."""

from __future__ import annotations

from collections.abc import Iterator

from mxtrain_deploy.doctor.finding import Finding
from mxtrain_deploy.doctor.site import Site

#: Bytes of /dev/shm below which data loaders may fail; what containers have by default is 64 MiB.
_LITTLE_SHM = 1 << 27
#: Open files that a process needs besides those for each other process of the job.
_OWN_FILES = 128
_FILES_EACH = 4
_UNLIMITED = -1


def cores_suffice(site: Site) -> Iterator[Finding]:
    """Hosts have a core for each process."""
    wanted = site.wanted.num_workers + site.wanted.num_servers
    hosts = [host for host in site.answering if len(site.hosts) == 1 or host is not site.here]
    cores = sum(host.facts["cores"] for host in hosts)
    text = f"{cores} core(s) for {site.wanted.num_workers} worker(s) and {site.wanted.num_servers} server(s)"
    if cores < wanted:
        yield Finding("WARN", "cores", text, "processes will share cores; fewer workers may be as fast")
    else:
        yield Finding("OK", "cores", text)


def shared_memory_suffices(site: Site) -> Iterator[Finding]:
    """Processes of a host can share memory, and data loaders have room."""
    bad = False
    for host in site.answering:
        shm = host.facts["shared_memory"]
        if not host.facts["memfd"]:
            bad = True
            advice = "set MXTRAIN_KVSTORE_TRANSPORT=tcp, or use a newer kernel"
            yield Finding("WARN", "shared memory", f"{host.name} cannot share anonymous memory", advice)
        if shm is None or shm["free"] < _LITTLE_SHM:
            bad = True
            free = "no /dev/shm" if shm is None else f"{shm['free'] >> 20} MiB free in /dev/shm"
            advice = "docker run --shm-size=1g, or shm_size in the compose file"
            yield Finding("WARN", "shared memory", f"{host.name}: {free}; data loaders may need more", advice)
    if not bad:
        yield Finding("OK", "shared memory", "enough on all hosts")


def limits_suffice(site: Site) -> Iterator[Finding]:
    """Each process may open a connection to each other."""
    needed = _OWN_FILES + _FILES_EACH * (site.wanted.num_workers + site.wanted.num_servers)
    bad = False
    for host in site.answering:
        limit = host.facts["limits"]["open files"]
        if limit not in (_UNLIMITED,) and limit < needed:
            bad = True
            text = f"{host.name}: {limit} open files, {needed} are needed"
            yield Finding("FAIL", "limits", text, f"ulimit -n {2 * needed}, or LimitNOFILE of the service")
    if not bad:
        yield Finding("OK", "limits", f"each process may open the {needed} files that it needs")


def gpus_are_usable(site: Site) -> Iterator[Finding]:
    """Where the kernel knows a GPU, mx.gpu() can use it."""
    bad = False
    for host in site.answering:
        gpu = host.facts["gpu"]
        if gpu["driver"] and not gpu["usable"]:
            bad = True
            why = gpu["problem"] or ("CuPy finds no device" if gpu["cupy"] else "CuPy is not installed")
            yield Finding("WARN", "gpu", f"{host.name} has an NVIDIA driver, but {why}", "install mxtrain[gpu]")
    if not bad:
        counts = ", ".join(f"{host.name}: {host.facts['gpu']['usable']}" for host in site.answering)
        yield Finding("OK", "gpu", f"usable by mx.gpu(): {counts}")
