"""Checks of whether hosts answer at all, know each other by name, and have the addresses that they are given."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator

from mxtrain_deploy.doctor.finding import Finding
from mxtrain_deploy.doctor.site import Site

#: The program or the module that a launcher needs on this machine.
_PROGRAMS = {"ssh": "ssh", "mpi": "mpirun", "slurm": "sbatch"}
_MODULES = {"ray": "ray", "kubernetes": "yaml"}


def launcher_is_there(site: Site) -> Iterator[Finding]:
    """What the launcher runs is installed here."""
    launcher = site.wanted.launcher
    program, module = _PROGRAMS.get(launcher), _MODULES.get(launcher)
    if program and shutil.which(program) is None:
        yield Finding(
            "FAIL", "launcher", f"{program} was not found on PATH", f"install it, or leave --launcher {launcher}"
        )
    elif module and importlib.util.find_spec(module) is None:
        yield Finding("FAIL", "launcher", f"Python has no module {module}", f"install mxtrain[{launcher}]")
    elif launcher == "ssh" and not site.wanted.hostfile:
        yield Finding("FAIL", "launcher", "ssh needs a host file", "pass -H FILE, one host a line")
    else:
        yield Finding("OK", "launcher", f"{launcher} can be used from here")


def hosts_answer(site: Site) -> Iterator[Finding]:
    """Every host runs our Python within the deadline."""
    for host in site.hosts:
        if host.problem:
            advice = (
                "check that `ssh HOST` works without a question, and that --remote-python names a Python with mxtrain"
            )
            yield Finding("FAIL", "hosts", f"{host.name}: {host.problem}", advice)
    if len(site.answering) == len(site.hosts):
        yield Finding("OK", "hosts", f"{len(site.hosts)} host(s) answer: {', '.join(h.name for h in site.hosts)}")


def names_resolve(site: Site) -> Iterator[Finding]:
    """Every host finds the address of every other."""
    bad = False
    for host in site.answering:
        for name in dict.fromkeys(other.address for other in site.hosts):
            error = host.ask("resolve", name=name).get("error")
            if error:
                bad = True
                advice = "give addresses in the host file, or the name to /etc/hosts or the name server"
                yield Finding("FAIL", "names", f"{host.name} does not know {name!r}: {error}", advice)
    if not bad:
        yield Finding("OK", "names", "every host finds the others by name")


def addresses_are_own(site: Site) -> Iterator[Finding]:
    """Every host can listen on the address that others reach it at."""
    bad = False
    for host in site.answering:
        error = host.ask("owns", address=host.address).get("error")
        if error:
            bad = True
            advice = "set --root-uri to an address of this machine" if host is site.here else (
                "write an address of one of its interfaces into the host file, or set DMLC_INTERFACE there"
            )  # fmt: skip
            yield Finding("FAIL", "addresses", f"{host.name} cannot listen on {host.address}: {error}", advice)
    if not bad:
        yield Finding("OK", "addresses", f"the scheduler would listen on {site.here.address}")
