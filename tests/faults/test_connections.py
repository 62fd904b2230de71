"""Connections of the data plane are cut, or all that was said on them is said again: final weights have equal bits."""

import pytest
from fault_training import digest_of, training, undisturbed
from job import Job
from processes import wait_for
from tcp_proxy import PROXIED

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]


def run(tmp_path, what: str, **env: str) -> str:
    """A training during which something is done to each worker's connections; returns what the servers said."""
    expected = undisturbed(tmp_path)
    script = PROXIED + training(hold_at=8)
    with Job(tmp_path, script, PS_VERBOSE="1", **env) as job:
        for node in job.of("worker"):
            node.says("step 5")
        (tmp_path / f"worker.py.{what}").touch()
        wait_for(f"the {what}", (tmp_path / f"worker.py.{what}.done").exists, 60)
        (tmp_path / "worker.py.go").touch()
        job.succeed(90)
        assert {digest_of(node) for node in job.of("worker")} == {expected}, job.report()
        return "\n".join(node.text for node in job.of("server"))


@pytest.mark.parametrize("transport", ["tcp", "grpc"])
def test_connections_break_and_are_made_again(tmp_path, transport):
    run(tmp_path, "cut", MXTRAIN_KVSTORE_TRANSPORT=transport, MXTRAIN_REPLICAS="1")


@pytest.mark.parametrize("key", ["", "a secret"], ids=["open", "key"])
@pytest.mark.parametrize("transport", ["tcp", "grpc"])
def test_what_was_said_is_said_again_by_others(tmp_path, transport, key):
    said = run(tmp_path, "replay", MXTRAIN_KVSTORE_TRANSPORT=transport, MXTRAIN_CLUSTER_KEY=key)
    if transport == "grpc" and not key:
        assert "a stream whose name is in use" in said
    if transport == "tcp" and key:
        assert "a connection whose handshake failed" in said
