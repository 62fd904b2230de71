"""Metrics over HTTP: of a real job, with and without a token, and the dashboard that shows them."""

import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from job import Job, Node, free_port
from processes import wait_for
from source_tree import REPOSITORY

from mxtrain.base import MXNetError
from mxtrain_kvstore.counters import NodeCounters
from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.metrics.access import derived_token, required_token
from mxtrain_server.metrics.exporter import Exporter, start_exporter
from mxtrain_server.metrics.scheduler_metrics import SchedulerMetrics
from mxtrain_server.metrics.server_metrics import ServerMetrics

parser = pytest.importorskip("prometheus_client.parser", reason="needs the extra `metrics`")

STEPS = """
import os, time
kv = mx.kv.create("dist_sync")
kv.init("w", nd.zeros((100, 100)))
while not os.path.exists("{stop}"):
    kv.push("w", nd.ones((100, 100)))
    pulled(kv, "w", (100, 100))
    kv.count_samples(32)
    time.sleep(0.02)
kv.close()
"""
Values = dict[tuple[str, str], float]


def read(url: str, token: str | None = None) -> Values:
    """Name and labels ("rank=0 role=server") of every sample, with its value."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()
    samples = [sample for family in parser.text_string_to_metric_families(text) for sample in family.samples]
    return {(s.name, " ".join(f"{k}={v}" for k, v in s.labels.items())): s.value for s in samples}


def url_of(node: Node) -> str:
    node.says("/metrics\n")
    found = re.search(r"metrics at (http\S+)", node.text)
    assert found is not None
    return found[1]


@pytest.mark.e2e
def test_a_job_is_scraped(tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    env = {"PS_HEARTBEAT_INTERVAL": "0.3", "MXTRAIN_METRICS_PORT": "0"}
    with Job(tmp_path, STEPS.format(stop=stop), servers=1, **env) as job:
        urls = [url_of(job[name]) for name in ("scheduler 0", "server 0")]

        def busy() -> Values:
            values = read(urls[0])
            names = [("mxtrain_node_rounds_total", f"rank=0 role={role}") for role in ("worker", "server")]
            return values if all(values.get(name, 0) > 5 for name in names) else {}

        values = wait_for("rounds", busy)
        assert values["mxtrain_job_phase", "name=default phase=running"] == 1
        assert values["mxtrain_nodes", "role=worker state=active"] == 2
        assert values["mxtrain_node_up", "rank=1 role=worker"] == 1
        assert values["mxtrain_worker_samples_total", "rank=0"] > 100
        assert values["mxtrain_shards_without_copy", ""] == 1
        server = wait_for("the server's counts", lambda: read(urls[1]) if rounds(urls[1]) else None)
        assert server["mxtrain_server_keys", "rank=0"] == 1
        assert server["mxtrain_server_parameter_bytes", "rank=0"] == 40000
        assert server["mxtrain_server_received_bytes_total", "rank=0"] >= 40000
        assert server["process_resident_memory_bytes", ""] > 1 << 20
        stop.touch()
        job.succeed()


def rounds(url: str) -> float:
    return read(url)["mxtrain_server_rounds_total", "rank=0"]


@pytest.mark.e2e
def test_nothing_is_served_unless_asked_for(tmp_path: Path) -> None:
    with Job(tmp_path, "kv = mx.kv.create('dist_sync')", workers=1, servers=1) as job:
        job.succeed()
        assert "metrics" not in job.report()


@pytest.mark.e2e
def test_a_port_that_is_taken_stops_the_scheduler_with_a_reason(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        env = {"MXTRAIN_METRICS_PORT": str(taken.getsockname()[1]), "MXTRAIN_CONNECT_TIMEOUT": "5"}
        with Job(tmp_path, "kv = mx.kv.create('dist_sync')", workers=1, servers=1, **env) as job:
            assert job.wait()["scheduler 0"] == 1
            assert "to serve metrics on 127.0.0.1 port" in job["scheduler 0"].text


@pytest.fixture
def export() -> Iterator[Callable[..., Exporter]]:
    """Starts exporters of a server's counters that end with the test."""
    started: list[Exporter] = []

    def start(token: str | None = None) -> Exporter:
        started.append(Exporter(ServerMetrics(NodeCounters(rounds=7), 3), "127.0.0.1", 0, token))
        return started[-1]

    yield start
    for exporter in started:
        exporter.close()


def test_a_token(export: Callable[..., Exporter]) -> None:
    url = export("secret").url
    for token in (None, "wrong", "secre", "\u00e9"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            read(url, token)
        assert refused.value.code == 401
        refused.value.close()
    assert read(url, "secret")["mxtrain_server_rounds_total", "rank=3"] == 7


def test_other_paths_and_garbage(export: Callable[..., Exporter]) -> None:
    url = export().url
    with pytest.raises(urllib.error.HTTPError) as refused:
        read(url.replace("/metrics", "/"))
    assert refused.value.code == 404
    refused.value.close()
    port = int(url.rpartition(":")[2].partition("/")[0])
    for garbage in (b"\x00\xff" * 4000, b"GET\r\n\r\n", b""):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as stranger:
            stranger.sendall(garbage)
    assert read(url)["mxtrain_server_rounds_total", "rank=3"] == 7


def settings(**fields: object) -> ClusterSettings:
    return ClusterSettings(metrics_port=0, **fields)  # type: ignore[arg-type]


def test_beyond_loopback_a_key_is_needed_and_gives_the_token() -> None:
    with pytest.raises(MXNetError, match="cluster key"):
        start_exporter(None, settings(metrics_host="0.0.0.0"), "server 0", 1)
    assert required_token(settings()) is None
    assert required_token(settings(cluster_key="key")) is None
    token = required_token(settings(metrics_host="0.0.0.0", cluster_key="key"))
    assert token == derived_token("key") != derived_token("other")
    assert len(token) == 64
    assert required_token(settings(metrics_token="own")) == "own"
    with pytest.raises(MXNetError, match="cluster key"):
        required_token(settings(metrics_host="0.0.0.0", metrics_token="own"))


def test_a_port_beyond_the_last() -> None:
    with pytest.raises(MXNetError, match="below 65536"):
        start_exporter(ServerMetrics(NodeCounters(), 0), ClusterSettings(metrics_port=65535), "server 0", 1)


def test_without_a_port_nothing_listens() -> None:
    assert start_exporter(None, ClusterSettings(), "server 0", 1) is None


def known_names() -> set[str]:
    """The names of all samples that scheduler and servers may give."""
    reply = pb.StatusReply(job="job", phase="running")
    for role in (pb.ROLE_SERVER, pb.ROLE_WORKER):
        reply.nodes.add(role=role, state=pb.NODE_STATE_ACTIVE)
        reply.reports.add()
    collectors = (SchedulerMetrics(lambda: reply), ServerMetrics(NodeCounters(), 0))
    families = [family for collector in collectors for family in collector.collect()]
    assert all(family.documentation for family in families)
    return {sample.name for family in families for sample in family.samples}


def test_names_follow_the_conventions_of_prometheus() -> None:
    for name in known_names():
        assert re.fullmatch(r"mxtrain_[a-z]+(_[a-z]+)*", name)
        assert not re.search(r"milli|_ms\b|_kb\b|percent", name)


def test_the_dashboard_shows_metrics_that_exist() -> None:
    dashboard = json.loads((REPOSITORY / "deploy" / "grafana" / "mxtrain.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    used = {name for text in expressions for name in re.findall(r"\b(?:mxtrain|process)_\w+", text)}
    assert len(expressions) > 10
    assert used - known_names() == {"process_resident_memory_bytes"}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_the_scrape_configuration_names_the_ports_of_a_job() -> None:
    text = (REPOSITORY / "deploy" / "prometheus" / "prometheus.yml").read_text()
    assert re.findall(r"127\.0\.0\.1:(\d+)", text) == ["9600", "9601", "9602"]


def test_a_free_port_is_chosen_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    wanted = ClusterSettings(metrics_port=port - 1)
    exporter = start_exporter(ServerMetrics(NodeCounters(), 0), wanted, "server 0", 1)
    assert exporter is not None
    exporter.close()
    assert capsys.readouterr().err == f"server 0: metrics at http://127.0.0.1:{port}/metrics\n"
