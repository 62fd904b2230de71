"""Checks of ports, ways between hosts, and clocks."""

from __future__ import annotations

import time
from collections.abc import Iterator

from mxtrain_deploy.doctor.finding import Finding
from mxtrain_deploy.doctor.host_probe import HostProbe
from mxtrain_deploy.doctor.site import Site

#: Seconds for one connection.
CONNECT_TIMEOUT = 3.0
#: With more hosts than this only ways from and to this machine are tried.
ALL_PAIRS = 8
#: Seconds by which clocks may differ before people are told.
MAX_SKEW = 1.0


def port_is_free(site: Site) -> Iterator[Finding]:
    """The scheduler's port can be had."""
    port = site.wanted.port
    if site.here.problem:
        return
    answer = site.here.ask("listen", address=site.here.address, port=port or 0)
    where = f"port {port} on {site.here.address}" if port else f"a port on {site.here.address}"
    if "error" in answer:
        advice = "end what listens there (`ss -ltnp` shows it), or pass another --port"
        yield Finding("FAIL", "port", f"{where}: {answer['error']}", advice)
    else:
        yield Finding("OK", "port", f"{where} is free" if port else f"{where} can be had (now {answer['port']})")


def hosts_reach_each_other(site: Site) -> Iterator[Finding]:
    """A port that one host opens can be connected to from the others: servers and scheduler take any free port."""
    hosts = site.answering
    bad, tried = False, 0
    for target in hosts:
        opened = target.ask("listen", address=target.address)
        if "error" in opened:
            continue  # the check of addresses has said so
        for source in hosts if len(hosts) <= ALL_PAIRS or target is site.here else [site.here]:
            tried += 1
            finding = _refusal(source, target, opened["port"])
            if finding is not None:
                bad = True
                yield finding
    if not bad:
        yield Finding("OK", "network", f"{tried} way(s) between hosts tried, all are open")


def _refusal(source: HostProbe, target: HostProbe, port: int) -> Finding | None:
    answer = source.ask("connect", address=target.address, port=port, seconds=CONNECT_TIMEOUT)
    if "error" not in answer:
        return None
    way = f"{source.name} cannot reach {target.name} at {target.address} port {port}: {answer['error']}"
    why = "the address is another machine's, or a firewall refuses" if answer["refused"] else "a firewall drops it"
    advice = "let the job's hosts reach each other on all ports above 1023, or name another interface"
    return Finding("FAIL", "network", f"{way} ({why})", advice)


def clocks_agree(site: Site) -> Iterator[Finding]:
    """Clocks differ by less than a second; a job does not depend on it, but logs and traces do."""
    worst = 0.0
    bad = False
    for host in site.answering:
        before = time.time()
        there = host.ask("clock")["time"]
        after = time.time()
        skew = max(before - there, there - after, 0.0)
        worst = max(worst, skew)
        if skew > MAX_SKEW:
            bad = True
            yield Finding("WARN", "clocks", f"{host.name} is {skew:.1f} s off", "let chrony or ntpd set its clock")
    if not bad:
        yield Finding("OK", "clocks", f"they differ by less than {max(worst, 0.1):.1f} s")
