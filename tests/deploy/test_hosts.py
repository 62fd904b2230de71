"""Host files and addresses."""

import socket
from pathlib import Path

import pytest

from mxtrain_deploy.hosts import Host, free_port, is_loopback, own_address, read_hosts
from mxtrain_deploy.job import LaunchError


def test_a_host_file(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("# two machines\nnode1\n\nuser@node2:2222  slots=4\nnode3 # the slow one\n")
    assert read_hosts(str(path)) == [Host("node1"), Host("user@node2", 2222), Host("node3")]


@pytest.mark.parametrize("text", ["node:http", ":22", "node:70000", "node:0"])
def test_a_bad_host_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "hosts"
    path.write_text(text)
    with pytest.raises(LaunchError, match=f"expected host or host:port.*Received: '{text}'"):
        read_hosts(str(path))


def test_an_empty_host_file(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("# nothing\n")
    with pytest.raises(LaunchError, match="no host at all"):
        read_hosts(str(path))


def test_a_missing_host_file() -> None:
    with pytest.raises(LaunchError, match=r"nowhere/hosts.*No such file"):
        read_hosts("nowhere/hosts")


def test_loopback_names() -> None:
    assert all(map(is_loopback, ["localhost", "127.0.0.1", "127.1.2.3", "::1"]))
    assert not any(map(is_loopback, ["10.0.0.1", "node1", "0.0.0.0"]))


def test_own_address_towards_loopback() -> None:
    assert own_address("127.0.0.1") == "127.0.0.1"


def test_own_address_towards_nowhere() -> None:
    with pytest.raises(LaunchError, match="--root-uri"):
        own_address("no-such-host.invalid")


def test_a_free_port_can_be_bound() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port("127.0.0.1")))


def test_an_address_of_another_machine() -> None:
    with pytest.raises(LaunchError, match=r"192\.0\.2\.1"):
        free_port("192.0.2.1")
