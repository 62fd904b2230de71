"""Debian's Prometheus scrapes a job by the configuration that we ship, and answers what the dashboard asks."""

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from job import Job, free_port
from processes import wait_for
from source_tree import REPOSITORY

pytest.importorskip("prometheus_client", reason="needs the extra `metrics`")
PROMETHEUS = shutil.which("prometheus")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(240),
    pytest.mark.skipif(PROMETHEUS is None, reason="needs the program prometheus"),
]

STEPS = """
import os, time
kv = mx.kv.create("dist_sync")
kv.init(["w", "v"], [nd.zeros((100, 100))] * 2)  # one for each server
while not os.path.exists("{stop}"):
    for key in ("w", "v"):
        kv.push(key, nd.ones((100, 100)))
        pulled(kv, key, (100, 100))
    kv.count_samples(32)
    time.sleep(0.02)
kv.close()
"""


def free_ports(count: int) -> int:
    """The first of some free ports that follow each other."""
    import socket

    while True:
        first = free_port()
        probes = []
        try:
            for port in range(first, first + count):
                probes.append(socket.create_server(("127.0.0.1", port)))
        except OSError:
            continue
        else:
            return first
        finally:
            for probe in probes:
                probe.close()


def query(port: int, words: str) -> list[dict[str, Any]]:
    """What Prometheus answers; raises an error for words that it does not understand."""
    url = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(words)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        reply = json.load(answer)
    assert reply["status"] == "success", reply
    result: list[dict[str, Any]] = reply["data"]["result"]
    return result


def test_prometheus_scrapes_a_job(tmp_path: Path) -> None:
    stop, first, port = tmp_path / "stop", free_ports(3), free_port()
    text = (REPOSITORY / "deploy" / "prometheus" / "prometheus.yml").read_text()
    for number in range(3):
        text = text.replace(f"127.0.0.1:{9600 + number}", f"127.0.0.1:{first + number}")
    (tmp_path / "prometheus.yml").write_text(text.replace("scrape_interval: 5s", "scrape_interval: 1s"))
    words = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    env = {"PS_HEARTBEAT_INTERVAL": "0.3", "MXTRAIN_METRICS_PORT": str(first)}
    with Job(tmp_path, STEPS.format(stop=stop), servers=2, **env) as job:
        server = subprocess.Popen(
            [str(PROMETHEUS), *words, f"--web.listen-address=127.0.0.1:{port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:

            def rounds() -> dict[str, float]:
                try:
                    found = query(port, "mxtrain_node_rounds_total")
                except OSError:
                    return {}
                values = {f"{r['metric']['role']} {r['metric']['rank']}": float(r["value"][1]) for r in found}
                return values if len(values) == 4 and min(values.values()) > 5 else {}

            values = wait_for("rounds of all nodes", rounds, 150)
            assert set(values) == {"server 0", "server 1", "worker 0", "worker 1"}
            wait_for("all targets", lambda: [r["value"][1] for r in query(port, "up")] == ["1"] * 3, 60)
            time.sleep(2)
            dashboard = json.loads((REPOSITORY / "deploy" / "grafana" / "mxtrain.json").read_text())
            asked = {target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())}
            assert len(asked) > 5
            for words_of_panel in asked:
                query(port, re.sub(r"\$__rate_interval|\$__interval", "5s", words_of_panel))
        finally:
            server.terminate()
            server.wait(20)
        stop.touch()
        job.succeed()
