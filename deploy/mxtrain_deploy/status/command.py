"""Asks schedulers for the status of their jobs and shows it, once or again and again."""

from __future__ import annotations

import json
import os
import sys
import time

import click

from mxtrain.base import MXNetError
from mxtrain_deploy.status.form import as_table, as_values
from mxtrain_deploy.status.local_jobs import local_schedulers
from mxtrain_kvstore.network import in_url
from mxtrain_kvstore.settings import read_settings
from mxtrain_kvstore.transport.status_client import ask_status

_CLEAR = "\x1b[H\x1b[2J"


def show_status(root_uri: str | None, port: int | None, timeout: float, as_json: bool, watch: float | None) -> int:
    """Print the status of the job at an address, by default of those on this machine; returns the exit code.

    timeout: seconds for the answer. watch: seconds until it is asked again, until Ctrl-C; None: once. 1: nobody has
    answered.
    """
    try:
        while True:
            answers = _answers(root_uri, port, timeout, as_json)
            clear = _CLEAR if watch is not None and not as_json and sys.stdout.isatty() else ""
            if answers:
                click.echo(clear + ("\n" if as_json else "\n\n").join(answers))
            if watch is None or not answers:
                return 0 if answers else 1
            time.sleep(watch)
    except KeyboardInterrupt:
        return 130


def _answers(root_uri: str | None, port: int | None, timeout: float, as_json: bool) -> list[str]:
    """What the schedulers that answer say; of the others people are told why not."""
    answers = []
    try:
        for address, key in _places(root_uri, port):
            try:
                reply = ask_status(address, key, timeout)
            except MXNetError as error:
                click.echo(f"mxtrain status: {error}", err=True)
            else:
                answers.append(json.dumps(as_values(reply)) if as_json else f"{address}: {as_table(reply)}")
    except MXNetError as error:
        click.echo(f"mxtrain status: {error}", err=True)
    return answers


def _places(root_uri: str | None, port: int | None) -> list[tuple[str, str | None]]:
    """(address, cluster key) of the schedulers to ask. Raises MXNetError where none is known."""
    settings = read_settings({**os.environ, "MXTRAIN_ROLE": "", "DMLC_ROLE": ""})
    port = port or settings.scheduler_port
    if port:
        host = root_uri or settings.scheduler_host or "127.0.0.1"
        return [(f"{in_url(host)}:{port}", settings.cluster_key)]
    found = [(local.scheduler_address, local.cluster_key) for _, local in local_schedulers()]
    if not found:
        raise MXNetError(
            "Expected: a job of this user on this machine, or the address of one (--root-uri HOST --port PORT). "
            "Received: neither."
        )
    return found
