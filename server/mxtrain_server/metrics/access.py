"""Who may read metrics: the bearer token, and where the exporter may listen."""

from __future__ import annotations

import hashlib
import hmac

from mxtrain_kvstore.network import is_loopback, require_key_beyond_loopback
from mxtrain_kvstore.settings import ClusterSettings


def required_token(settings: ClusterSettings) -> str | None:
    """The token that a reader must show: as set, or beyond loopback derived from the cluster key; None: none is needed.

    Raises MXNetError where metrics would be open to other hosts without a cluster key.
    """
    require_key_beyond_loopback(settings.metrics_host, settings.cluster_key)
    if settings.metrics_token:
        return settings.metrics_token
    if settings.cluster_key is None or is_loopback(settings.metrics_host):
        return None
    return derived_token(settings.cluster_key)


def derived_token(cluster_key: str) -> str:
    """A token that follows from the cluster key, and from which the key cannot be found (64 hexadecimal digits)."""
    return hmac.new(cluster_key.encode(), b"mxtrain metrics", hashlib.sha256).hexdigest()


def may_read(token: str | None, authorization: str) -> bool:
    """Whether a request with this Authorization header may read."""
    return token is None or hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode())
