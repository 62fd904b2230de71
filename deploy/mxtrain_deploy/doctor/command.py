"""Runs all checks and prints what they find."""

from __future__ import annotations

import click

from mxtrain_deploy.doctor import hosts, network, resources, software
from mxtrain_deploy.doctor.finding import Check, Finding
from mxtrain_deploy.doctor.host_probe import ProbeError
from mxtrain_deploy.doctor.site import Wanted, open_site

#: In the order in which one would look.
CHECKS: tuple[Check, ...] = (
    hosts.launcher_is_there,
    hosts.hosts_answer,
    software.python_is_new_enough,
    software.packages_agree,
    software.encryption_is_there,
    software.keys_are_equal,
    hosts.names_resolve,
    hosts.addresses_are_own,
    network.port_is_free,
    network.hosts_reach_each_other,
    network.clocks_agree,
    resources.cores_suffice,
    resources.shared_memory_suffices,
    resources.limits_suffice,
    resources.gpus_are_usable,
)


def examine(wanted: Wanted) -> int:
    """Print a line for each finding; returns 1 where a job would not start, else 0.

    Raises LaunchError for a host file that cannot be read, or an address that cannot be found out.
    """
    failed = False
    with open_site(wanted) as site:
        for check in CHECKS:
            try:
                for finding in check(site):
                    failed |= finding.level == "FAIL"
                    click.echo(str(finding))
            except ProbeError as error:
                failed = True
                name = getattr(check, "__name__", "").replace("_", " ")
                click.echo(str(Finding("FAIL", name, str(error), "check the load and the network of the hosts")))
    return int(failed)
