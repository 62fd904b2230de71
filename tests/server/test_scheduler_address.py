"""On which address the scheduler listens."""

import pytest

from mxtrain.base import MXNetError
from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_server.transport.scheduler_service import _bind


class Listening:
    """A gRPC server as far as its ports go."""

    def __init__(self, port: int = 9091) -> None:
        self.addresses: list[str] = []
        self._port = port

    def add_insecure_port(self, address: str) -> int:
        self.addresses.append(address)
        return self._port

    def add_secure_port(self, address: str, credentials: object) -> int:
        return self.add_insecure_port(address)


@pytest.mark.parametrize(
    ("node_host", "address"), [(None, "127.0.0.1:9091"), ("0.0.0.0", "0.0.0.0:9091"), ("::1", "[::1]:9091")]
)
def test_a_nodes_own_address_goes_before_that_by_which_others_reach_it(node_host: str | None, address: str) -> None:
    server = Listening()
    key = "ab" * 32
    _bind(
        server, ClusterSettings(scheduler_host="127.0.0.1", scheduler_port=9091, node_host=node_host, cluster_key=key)
    )
    assert server.addresses == [address]


def test_an_address_beyond_loopback_needs_a_key() -> None:
    settings = ClusterSettings(scheduler_host="127.0.0.1", scheduler_port=9091, node_host="0.0.0.0")
    with pytest.raises(MXNetError, match="MXTRAIN_CLUSTER_KEY"):
        _bind(Listening(), settings)


def test_a_port_that_cannot_be_had_is_named() -> None:
    with pytest.raises(MXNetError, match=r"cannot listen on 127\.0\.0\.1: port 9091 may be in use"):
        _bind(Listening(port=0), ClusterSettings(scheduler_host="127.0.0.1", scheduler_port=9091))
