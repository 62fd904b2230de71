"""Parts below the data plane: settings, addresses, shared memory, keys that follow from the cluster key."""

import os
import ssl
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zmq

from mxtrain.base import ArgumentError, MXNetError
from mxtrain_kvstore.network import (
    addresses,
    in_url,
    interface_address,
    is_loopback,
    moved_to,
    node_host,
    require_key_beyond_loopback,
)
from mxtrain_kvstore.settings import SETTINGS, ClusterSettings, read_settings
from mxtrain_kvstore.transport.curve import key_pair, secure_client
from mxtrain_kvstore.transport.shared_memory import SharedMemory
from mxtrain_kvstore.transport.tls import NODE_NAME, certificates


def test_defaults_stand_in_one_place_only() -> None:
    assert read_settings({}) == ClusterSettings()
    assert {setting.field for setting in SETTINGS} == set(ClusterSettings.__dataclass_fields__)


def test_our_own_names_go_before_those_of_mxnet() -> None:
    found = read_settings({"DMLC_NUM_WORKER": "2", "MXTRAIN_NUM_WORKERS": "3", "PS_HEARTBEAT_INTERVAL": "0.5"})
    assert (found.num_workers, found.heartbeat_interval) == (3, 0.5)
    assert read_settings({"DMLC_NUM_WORKER": "2", "MXTRAIN_NUM_WORKERS": ""}).num_workers == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DMLC_NUM_WORKER", "-1"),
        ("DMLC_NUM_SERVER", "two"),
        ("DMLC_PS_ROOT_PORT", "70000"),
        ("PS_HEARTBEAT_TIMEOUT", "0"),
        ("MXTRAIN_JOIN_TIMEOUT", "inf"),
        ("DMLC_ROLE", "manager"),
        ("MXTRAIN_KVSTORE_TRANSPORT", "pigeon"),
    ],
)
def test_bad_values_are_named(name: str, value: str) -> None:
    with pytest.raises(ArgumentError, match=rf"{name} .*{value}"):
        read_settings({name: value})


@pytest.mark.parametrize(
    ("given", "rank"),
    [
        ({"DMLC_ROLE": "worker", "DMLC_WORKER_ID": "2", "DMLC_TASK_ID": "5"}, 2),
        ({"DMLC_ROLE": "server", "DMLC_WORKER_ID": "2", "DMLC_TASK_ID": "5"}, 5),
        ({"DMLC_ROLE": "server", "DMLC_SERVER_ID": "0"}, 0),
        ({"DMLC_ROLE": "worker"}, -1),
    ],
)
def test_preferred_rank(given: dict[str, str], rank: int) -> None:
    assert read_settings(given).preferred_rank == rank


def test_a_place_in_a_job() -> None:
    full = {
        "DMLC_ROLE": "worker",
        "DMLC_PS_ROOT_URI": "::1",
        "DMLC_PS_ROOT_PORT": "80",
        "DMLC_NUM_WORKER": "1",
        "DMLC_NUM_SERVER": "1",
    }
    settings = read_settings(full)
    settings.require_place()
    assert settings.scheduler_address == "[::1]:80"
    with pytest.raises(MXNetError, match="at least one worker and one server"):
        read_settings({**full, "DMLC_NUM_SERVER": "0"}).require_place()
    for name in full:
        with pytest.raises(MXNetError, match=name):
            read_settings({**full, name: ""}).require_place()


def test_addresses() -> None:
    assert addresses("127.0.0.1") == ["127.0.0.1"]
    assert [is_loopback(host) for host in ("127.0.0.1", "127.3.4.5", "::1", "localhost")] == [True] * 4
    assert not is_loopback("192.0.2.1")
    assert not is_loopback("0.0.0.0")
    assert (in_url("::1"), in_url("10.0.0.1")) == ("[::1]", "10.0.0.1")
    with pytest.raises(MXNetError, match=r"no\.such\.host\.invalid"):
        addresses("no.such.host.invalid", timeout=0.1)
    assert interface_address("lo") == "127.0.0.1"
    with pytest.raises(MXNetError, match=r"one of the interfaces .*lo.*'nix0'"):
        interface_address("nix0")


def test_where_a_node_is_reached() -> None:
    assert node_host(ClusterSettings(node_host="10.1.2.3")) == "10.1.2.3"
    assert node_host(ClusterSettings(interface="lo", scheduler_host="192.0.2.1")) == "127.0.0.1"
    assert node_host(ClusterSettings(scheduler_host="127.0.0.1")) == "127.0.0.1"


def test_no_open_port_without_a_key() -> None:
    require_key_beyond_loopback("127.0.0.1", None)
    require_key_beyond_loopback("192.0.2.1", "key")
    with pytest.raises(MXNetError, match="MXTRAIN_CLUSTER_KEY"):
        require_key_beyond_loopback("192.0.2.1", None)


def test_shared_memory_between_processes() -> None:
    shared = SharedMemory()
    array, file = shared.create(1 << 20)
    array[5] = 7
    code = (
        "import sys, ast; from mxtrain_kvstore.transport.shared_memory import SharedMemory\n"
        "file = ast.literal_eval(sys.argv[1]); there = SharedMemory().open(file, 1 << 20)\n"
        "assert there[5] == 7; there[6] = 8"
    )
    subprocess.run([sys.executable, "-c", code, repr(file)], check=True, timeout=60)
    assert array[6] == 8
    assert SharedMemory().open(file, 1 << 20)[6] == 8
    open_files = len(os.listdir("/proc/self/fd"))
    shared.release(file)
    assert len(os.listdir("/proc/self/fd")) == open_files - 1
    assert array[6] == 8
    with pytest.raises(MXNetError, match="shared memory at /proc/"):
        SharedMemory().open(file, 1 << 20)
    shared.close()


def test_only_the_right_memory_is_opened() -> None:
    shared = SharedMemory()
    _, file = shared.create(4096)
    pid, number, _, token = file
    with open(os.devnull) as other:
        for wrong in ([pid, number, 4096, "x" * 32], [pid, other.fileno(), 4096, token], [pid, 9999, 4096, token]):
            with pytest.raises(MXNetError, match="shared memory at"):
                shared.open(wrong, 4096)
    with pytest.raises(MXNetError, match="8192 bytes"):
        shared.open(file, 8192)
    with pytest.raises(MXNetError, match="another size"):
        shared.open([pid, number, 8192, token], 8192)
    shared.close()


def test_curve_keys_follow_from_the_cluster_key() -> None:
    assert key_pair("secret", "server") == key_pair("secret", "server")
    assert len({key_pair(key, role) for key in ("a", "b") for role in ("server", "worker")}) == 4
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        secure_client(socket, "secret")
        assert socket.mechanism == zmq.CURVE


def test_certificates_of_two_nodes_trust_each_other(tmp_path) -> None:
    """A handshake in memory between two nodes that made their certificates by themselves."""
    ends = []
    for number in range(2):
        certificates.cache_clear()
        key, chain, authority = certificates("secret")
        path = tmp_path / f"{number}.pem"
        path.write_bytes(key + chain)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if number else ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(path)
        context.load_verify_locations(cadata=authority.decode())
        context.verify_mode = ssl.CERT_REQUIRED
        ends.append(context)
    assert shake_hands(*ends)
    certificates.cache_clear()
    ends[0].load_verify_locations(cadata=certificates("another")[2].decode())
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    stranger.load_verify_locations(cadata=certificates("another")[2].decode())
    with pytest.raises(ssl.SSLError):
        shake_hands(stranger, ends[1])


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> bool:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname=NODE_NAME)
    there = server.wrap_bio(to_server, to_client, server_side=True)
    done = [False, False]
    for _ in range(10):
        for number, end in enumerate((here, there)):
            try:
                end.do_handshake()
                done[number] = True
            except ssl.SSLWantReadError:
                continue
    return all(done)


def test_memory_takes_room_only_when_it_is_written() -> None:
    shared = SharedMemory()
    array, file = shared.create(1 << 30)
    assert np.count_nonzero(array[:4096]) == 0
    assert os.fstat(file[1]).st_blocks * 512 < 1 << 20
    shared.close()


def test_every_setting_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "kvstore.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    for setting in SETTINGS:
        names = ", ".join(f"`{name}`" for name in setting.variables)
        default = f"{setting.default:g}" if isinstance(setting.default, float) else str(setting.default or "")
        shown = "0" if setting.default == 0 else default
        assert f"| {names} | {shown} | {setting.meaning} |" in rows


def test_a_node_that_listens_on_its_own_address_has_not_moved() -> None:
    settings = ClusterSettings(scheduler_host="127.0.0.1")
    assert moved_to("tcp://127.0.0.1:1234", settings) is None
    assert moved_to("tcp://[::1]:1234", settings) is None
    assert moved_to("", settings) is None, "a worker listens nowhere"


def test_an_address_that_is_gone_is_noticed_where_there_is_another() -> None:
    gone = "tcp://[::ffff:192.0.2.7]:1234"
    assert moved_to(gone, ClusterSettings(scheduler_host="127.0.0.1")) == "127.0.0.1"
    assert moved_to(gone, ClusterSettings(scheduler_host="127.0.0.1", interface="lo")) == "127.0.0.1"
    assert moved_to(gone, ClusterSettings(scheduler_host="127.0.0.1", node_host="192.0.2.7")) is None, "it was set"
    assert moved_to(gone, ClusterSettings(scheduler_host="127.0.0.1", interface="no-such")) is None, "it may come back"
