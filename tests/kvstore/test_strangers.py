"""Who is not of the job, or does not speak its language, is refused by both planes and over both transports."""

import datetime
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
import zmq
from job import Job

from mxtrain.base import MXNetError
from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.transport import tls
from mxtrain_kvstore.transport.channels import connect_to
from mxtrain_kvstore.transport.curve import secure_client
from mxtrain_kvstore.transport.grpc_connection import open_channel
from mxtrain_kvstore.transport.grpc_frames import METHOD, NAME_KEY, SERVICE
from mxtrain_kvstore.wire import messages as m
from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_protos import scheduler_pb2_grpc as rpc

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

KEY = "a secret of the cluster"
SCRIPT = """
import os, time
from mxtrain.base import MXNetError

@mx.optimizer.register
class OfThisScript(mx.optimizer.SGD):
    pass

kv = mx.kv.create("dist_sync")
if kv.rank == 0:
    try:
        kv.set_optimizer(OfThisScript(learning_rate=1.0))
    except MXNetError as error:
        print("refused:", error, flush=True)
    kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=1.0))
else:
    kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=1.0))
kv.init("w", nd.zeros((3,)))
print("in", flush=True)
steps = 0
while not os.path.exists(__file__ + ".go") or steps < 20:
    kv.push("w", nd.ones((3,)))
    steps += 1
    assert (pulled(kv, "w", (3,)) == -steps).all()
    time.sleep(0.02)
print("right", flush=True)
"""


@contextmanager
def running_job(folder: Path, **env: str) -> Iterator[tuple[Job, str]]:
    """A job of one worker that trains meanwhile and must end well; with the endpoint of its server."""
    with Job(folder, SCRIPT, workers=1, servers=1, PS_VERBOSE="1", **env) as job:
        job["worker 0"].says("in")
        yield job, status(job, env.get("MXTRAIN_CLUSTER_KEY") or None).nodes[0].endpoint
        (folder / "worker.py.go").touch()
        job.succeed()
        assert "right" in job["worker 0"].text


def status(job: Job, key: str | None) -> pb.StatusReply:
    with open_channel(f"127.0.0.1:{job.port}", key) as channel:
        reply = rpc.SchedulerStub(channel).Status(pb.StatusRequest(), timeout=20)
    reply.nodes.sort(key=lambda node: not node.endpoint)
    return reply


def credentials(key: str, years: tuple[int, int] | None = None, own: bool = True) -> grpc.ChannelCredentials:
    """What a node with this key shows; with a certificate of other years, or without any."""
    private, chain, authority = tls.certificates(key)
    if years is not None:
        chain = certificate_of(key, *years)
    return grpc.ssl_channel_credentials(authority, private, chain) if own else grpc.ssl_channel_credentials(authority)


def certificate_of(key: str, first: int, last: int) -> bytes:
    """A node's certificate, signed by the cluster's authority, that is valid in these years."""
    from cryptography.hazmat.primitives import serialization

    before = tls._NOT_BEFORE
    tls._NOT_BEFORE = datetime.datetime(first, 1, 1)
    try:
        keys = [tls._private_key(key, who) for who in ("node", "authority")]
        made = tls._certificate(tls.NODE_NAME, *keys, is_authority=False, not_after=datetime.datetime(last, 1, 1))
    finally:
        tls._NOT_BEFORE = before
    return made.public_bytes(serialization.Encoding.PEM)


STRANGERS: dict[str, Callable[[], grpc.ChannelCredentials | None]] = {
    "without TLS": lambda: None,
    "another key": lambda: credentials("another"),
    "without a certificate": lambda: credentials(KEY, own=False),
    "an expired certificate": lambda: credentials(KEY, (2020, 2021)),
    "a certificate of the future": lambda: credentials(KEY, (2100, 2110)),
}


def channel_of(address: str, shown: grpc.ChannelCredentials | None) -> grpc.Channel:
    options = [("grpc.ssl_target_name_override", tls.NODE_NAME)]
    if shown is None:
        return grpc.insecure_channel(address, options)
    return grpc.secure_channel(address, shown, options)


def is_refused(address: str, shown: grpc.ChannelCredentials | None) -> bool:
    """Whether neither service at an address answers."""
    with channel_of(address, shown) as channel:
        calls = [
            lambda: rpc.SchedulerStub(channel).Status(pb.StatusRequest(), timeout=10),
            lambda: next(
                channel.stream_stream(f"/{SERVICE}/{METHOD}")(iter([b"x"]), metadata=[(NAME_KEY, "x:1")], timeout=10)
            ),
        ]
        codes = []
        for call in calls:
            with pytest.raises(grpc.RpcError) as caught:
                call()
            codes.append(caught.value.code())
    return codes == [grpc.StatusCode.UNAVAILABLE] * 2


def test_strangers_to_a_job_with_a_key_over_grpc(tmp_path):
    with running_job(tmp_path, MXTRAIN_CLUSTER_KEY=KEY, MXTRAIN_KVSTORE_TRANSPORT="grpc") as (job, endpoint):
        for address in (f"127.0.0.1:{job.port}", endpoint.removeprefix("grpc://")):
            for name, make in STRANGERS.items():
                assert is_refused(address, make()), f"{name} at {address}"
        hellos_are_refused(endpoint, KEY)
    said = job["worker 0"].text
    assert "refused: Server 0 refused" in said
    assert "ofthisscript" in said.lower()


def test_strangers_to_a_job_with_a_key_over_zeromq(tmp_path):
    with running_job(tmp_path, MXTRAIN_CLUSTER_KEY=KEY, MXTRAIN_KVSTORE_TRANSPORT="tcp") as (job, endpoint):
        assert shakes_hands(endpoint, lambda stranger: secure_client(stranger, KEY), 20000)
        for make in (lambda stranger: secure_client(stranger, "another"), lambda stranger: None, half_secret):
            assert not shakes_hands(endpoint, make, 1500)
        job["server 0"].says("a connection whose handshake failed")
        hellos_are_refused(endpoint, KEY)


def half_secret(stranger: zmq.Socket) -> None:
    """Know the server's public key only."""
    secure_client(stranger, KEY)
    stranger.curve_publickey, stranger.curve_secretkey = zmq.curve_keypair()


def shakes_hands(endpoint: str, make: Callable[[zmq.Socket], None], milliseconds: int) -> bool:
    """Whether a socket is let in."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.linger = 0
        make(stranger)
        with stranger.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED) as monitor:
            stranger.connect(endpoint)
            found = bool(monitor.poll(milliseconds))
            stranger.disable_monitor()
        return found


def hellos_are_refused(endpoint: str, key: str | None) -> None:
    """Nodes that have the key, but are of another job, version or view."""
    for hello, reason in (
        (m.Hello(m.PROTOCOL, "another", "stranger", 0, 0, 0), "one of job 'another'"),
        (m.Hello(m.PROTOCOL + 1, "default", "stranger", 0, 0, 0), f"Received: {m.PROTOCOL + 1}. Install one version"),
        (m.Hello(m.PROTOCOL, "default", "stranger", 0, 0, 0), "Expected: a worker of the scheduler's view"),
    ):
        channel = connect_to([endpoint], "stranger", ClusterSettings(cluster_key=key))
        try:
            channel.send(0, hello)
            end = time.monotonic() + 20
            answers = []
            while not answers and time.monotonic() < end:
                answers = channel.receive(0.2)
            assert isinstance(answers[0].message, m.Refused)
            assert reason in answers[0].message.reason
        finally:
            channel.close(deliver=False)


def test_nodes_of_another_version_are_refused_by_the_scheduler(tmp_path):
    with running_job(tmp_path) as (job, _):
        text = job.script.read_text()
        job.script.write_text("import mxtrain_kvstore.transport.scheduler_client as s; s.PROTOCOL += 1\n" + text)
        stranger = job.start("worker", 1)
        said = job.end(stranger)
        assert "The scheduler at" in said
        assert "protocol" in said
        job.script.write_text(text)


def test_a_status_holds_no_secret(tmp_path):
    with running_job(tmp_path, MXTRAIN_METRICS_TOKEN="a-token-for-readers", MXTRAIN_METRICS_PORT="0") as (job, _):
        shown = status(job, None).SerializeToString()
        assert b"a-token-for-readers" not in shown
        assert os.getcwd().encode() not in shown


def test_a_clock_that_no_certificate_fits_is_named(monkeypatch):
    tls.certificates.cache_clear()
    monkeypatch.setattr(tls, "_NOT_BEFORE", datetime.datetime(2100, 1, 1))
    with pytest.raises(MXNetError, match=r"a clock between 2100-01-01 and 2120-01-01.*Set the clock of host"):
        tls.certificates(KEY)
    tls.certificates.cache_clear()
