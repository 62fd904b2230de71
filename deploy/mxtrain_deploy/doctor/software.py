"""Checks of Python and packages, encryption and the cluster key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mxtrain_deploy.doctor.facts import PACKAGES
from mxtrain_deploy.doctor.finding import Finding, Level
from mxtrain_deploy.doctor.site import Site

#: Packages that every node needs.
_NEEDED = ("mxtrain", "numpy", "pyzmq", "grpcio", "protobuf", "msgpack")
_OLDEST = (3, 10)


def python_is_new_enough(site: Site) -> Iterator[Finding]:
    """Python 3.10 or newer, and the same minor version everywhere."""
    versions = {host.name: str(host.facts["python"]) for host in site.answering}
    old = [name for name, version in versions.items() if tuple(map(int, version.split(".")[:2])) < _OLDEST]
    for name in old:
        yield Finding("FAIL", "python", f"{name} has {versions[name]}", "install Python 3.10 or newer there")
    if not old:
        minor = {name: ".".join(version.split(".")[:2]) for name, version in versions.items()}
        yield _same("python", minor, "WARN", "results may differ in the last digits between versions")


def packages_agree(site: Site) -> Iterator[Finding]:
    """What every node needs is there; one version of mxtrain, and of the others at best."""
    for package in PACKAGES:
        versions = {host.name: host.facts["packages"][package] for host in site.answering}
        missing = [name for name, version in versions.items() if version is None]
        if package in _NEEDED and missing:
            yield Finding(
                "FAIL", package, f"missing on {', '.join(missing)}", "install mxtrain there with all it needs"
            )
        elif package == "mxtrain":
            yield _same(package, versions, "FAIL", "install one version everywhere; others are refused")
        elif package in _NEEDED:
            yield _same(package, versions, "WARN", "install one version everywhere")


def _same(what: str, versions: Mapping[str, str], level: Level, advice: str) -> Finding:
    if len(set(versions.values())) <= 1:
        return Finding("OK", what, f"{next(iter(versions.values()), 'nowhere')} on all hosts")
    return Finding(level, what, ", ".join(f"{version} on {name}" for name, version in versions.items()), advice)


def encryption_is_there(site: Site) -> Iterator[Finding]:
    """CURVE of ZeroMQ and TLS (package cryptography), which a job beyond loopback needs."""
    level: Level = "FAIL" if site.leaves_machine else "WARN"
    use = "a job beyond loopback is encrypted" if site.leaves_machine else "only a job beyond loopback needs it"
    lacks = [host.name for host in site.answering if not host.facts["tls"]]
    if lacks:
        yield Finding(level, "cryptography", f"missing on {', '.join(lacks)}; {use}", "install mxtrain[cluster]")
    without = [host.name for host in site.answering if not host.facts["curve"]]
    if without:
        advice = "install the pyzmq wheel, or a libzmq that was built with libsodium"
        yield Finding(level, "zmq", f"no CURVE on {', '.join(without)}; {use}", advice)
    if not lacks and not without:
        yield Finding("OK", "encryption", "TLS and CURVE are available")


def keys_are_equal(site: Site) -> Iterator[Finding]:
    """MXTRAIN_CLUSTER_KEY is the same wherever it is set; the launcher makes one where it is not."""
    keys = {host.name: host.facts["key"] for host in site.answering}
    with_key = [name for name, key in keys.items() if key is not None]
    if len({keys[name] for name in with_key}) > 1:
        advice = "set one key everywhere, or none: the launcher brings its own to every process"
        yield Finding("FAIL", "key", f"MXTRAIN_CLUSTER_KEY differs between {', '.join(with_key)}", advice)
    elif with_key:
        yield Finding("OK", "key", f"MXTRAIN_CLUSTER_KEY is set and the same on {', '.join(with_key)}")
    elif site.leaves_machine:
        text = "MXTRAIN_CLUSTER_KEY is not set: the launcher makes one for the job"
        yield Finding("OK", "key", text, "without the launcher set it on every node")
    else:
        yield Finding("OK", "key", "none is set, and a job on loopback needs none")
