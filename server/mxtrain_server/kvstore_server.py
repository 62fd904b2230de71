"""MXNet's way into a server: a process that creates or imports a KVStore in the role of a server serves it."""

from __future__ import annotations

import os
import sys
from typing import Any

from mxtrain_server.main import serve_role


class KVStoreServer:
    """A server or scheduler of the job that the environment describes.

    kvstore: not used; MXNet scripts pass one. Source: mxnet.kvstore.KVStoreServer of MXNet 1.9.1.
    """

    def __init__(self, kvstore: Any = None) -> None:
        self.kvstore = kvstore
        self.exit_code: int | None = None

    def run(self) -> None:
        """Serve until the job ends; `exit_code` is then 0 where it ended in order."""
        self.exit_code = serve_role()


def _init_kvstore_server_module() -> None:
    """Serve until the job ends and then end the process, where DMLC_ROLE is server or scheduler; else do nothing."""
    if (os.environ.get("MXTRAIN_ROLE") or os.environ.get("DMLC_ROLE")) in ("server", "scheduler"):
        server = KVStoreServer()
        server.run()
        sys.exit(server.exit_code)
