"""TLS for gRPC with certificates that follow from the cluster key: both ends prove that they know it.

Every node makes the same two keys from the cluster key: that of an authority, and that of the nodes. It signs its own
certificates by the first; nothing has to be handed around.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import socket
from typing import Any

import grpc

from mxtrain.base import MXNetError

#: The name that all nodes' certificates bear.
NODE_NAME = "node.mxtrain"
# an order a little below that of the curve P-256, so that every number up to it is a valid key
_MAX_KEY = (1 << 255) - 1
_NOT_BEFORE = datetime.datetime(2020, 1, 1)
_NOT_AFTER = datetime.datetime(2120, 1, 1)


def server_credentials(cluster_key: str) -> grpc.ServerCredentials:
    """What a scheduler shows, and that it wants to be shown the same."""
    key, chain, authority = certificates(cluster_key)
    return grpc.ssl_server_credentials([(key, chain)], authority, require_client_auth=True)


def channel_credentials(cluster_key: str) -> grpc.ChannelCredentials:
    """What a node shows the scheduler, and what it wants to be shown."""
    key, chain, authority = certificates(cluster_key)
    return grpc.ssl_channel_credentials(authority, key, chain)


@functools.cache
def certificates(cluster_key: str) -> tuple[bytes, bytes, bytes]:
    """(private key, certificate of the node, certificate of the authority), as PEM.

    Raises MXNetError where the package `cryptography` is missing, or the clock is wrong by decades.
    """
    try:
        from cryptography.hazmat.primitives import serialization
    except ImportError as error:
        raise MXNetError(
            f"A cluster key needs the package `cryptography` for TLS. Received: {error}. Install mxtrain[cluster]."
        ) from error
    authority_key, node_key = (_private_key(cluster_key, who) for who in ("authority", "node"))
    authority = _certificate("authority.mxtrain", authority_key, authority_key, is_authority=True)
    node = _certificate(NODE_NAME, node_key, authority_key, is_authority=False)
    _require_clock()
    pem = serialization.Encoding.PEM
    private = node_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, node.public_bytes(pem), authority.public_bytes(pem)


def _private_key(cluster_key: str, who: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    salt = b"mxtrain tls " + who.encode()
    digest = hashlib.scrypt(cluster_key.encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=40)
    return ec.derive_private_key(int.from_bytes(digest, "big") % _MAX_KEY + 1, ec.SECP256R1())


def _require_clock() -> None:
    """Raise MXNetError where no certificate is valid by the clock of this host."""
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    if not _NOT_BEFORE <= now <= _NOT_AFTER:
        raise MXNetError(
            f"Expected: a clock between {_NOT_BEFORE.date()} and {_NOT_AFTER.date()}, in which the cluster key's "
            f"certificates are valid. Received: {now:%Y-%m-%d %H:%M}. Set the clock of host {socket.gethostname()}."
        )


def _certificate(name: str, key: Any, authority_key: Any, is_authority: bool, not_after: Any = _NOT_AFTER) -> Any:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    def named(common_name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named("authority.mxtrain"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOT_BEFORE)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    return builder.sign(authority_key, hashes.SHA256())
