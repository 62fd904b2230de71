"""`Exporter`: answers GET /metrics over HTTP, from a thread of its own."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from mxtrain.base import MXNetError
from mxtrain_kvstore.network import in_url
from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_server.metrics.access import may_read, required_token

#: Seconds that a reader has for its request, and to take the answer.
REQUEST_TIMEOUT = 5
#: Readers at a time; one more is sent away.
_MOST_READERS = 32
_WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Handler(WSGIRequestHandler):
    timeout = REQUEST_TIMEOUT

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape every few seconds is not worth a line."""


class _Server(ThreadingMixIn, WSGIServer):
    """Gives each reader a thread, and ends its connection when its time is over, however little it says at a time."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *args: Any) -> None:
        self._deadlines: dict[socket.socket, float] = {}
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        """A reader has connected."""
        if len(self._deadlines) >= _MOST_READERS:
            self.shutdown_request(request)
            return
        self._deadlines[request] = time.monotonic() + REQUEST_TIMEOUT
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """A reader's time is over."""
        self._deadlines.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called several times a second: end connections that last too long; their threads notice it."""
        now = time.monotonic()
        for request, deadline in list(self._deadlines.items()):
            if now > deadline:
                with contextlib.suppress(OSError):  # it has just ended by itself
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that goes away, or sends no HTTP, is its own affair."""


class Exporter:
    """Listens until `close`. collector: has `collect()`, as prometheus_client wants it. `url`: where it is read.

    Raises MXNetError where prometheus_client is missing or the port cannot be had.
    """

    def __init__(self, collector: Any, host: str, port: int, token: str | None) -> None:
        registry, make_app = _registry(collector)
        self._server = _listen(host, port)
        self._server.set_app(_guarded(make_app(registry), token))
        self.url = f"http://{in_url(host)}:{self._server.server_port}/metrics"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=2)


def start_exporter(collector: Any, settings: ClusterSettings, who: str, offset: int) -> Exporter | None:
    """Listen if a port is set, and say where; several processes of a host add `offset` to a port other than 0.

    who: for people. Raises MXNetError as Exporter does, or without a key beyond loopback.
    """
    if settings.metrics_port is None:
        return None
    port = settings.metrics_port + offset if settings.metrics_port else 0
    exporter = Exporter(collector, settings.metrics_host, port, required_token(settings))
    sys.stderr.write(f"{who}: metrics at {exporter.url}\n")
    sys.stderr.flush()
    return exporter


def _registry(collector: Any) -> tuple[Any, Callable[[Any], _WsgiApp]]:
    try:
        from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app
    except ImportError as error:
        raise MXNetError(
            f"Metrics need the package prometheus_client. Received: {error}. Install mxtrain[metrics], or leave "
            "MXTRAIN_METRICS_PORT out."
        ) from error
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(collector)
    return registry, make_wsgi_app


def _listen(host: str, port: int) -> _Server:
    try:
        return _Server((host, port), _Handler)
    except OSError as error:
        raise MXNetError(
            f"Expected: to serve metrics on {host} port {port}. Received: {error}. Set MXTRAIN_METRICS_PORT to another "
            "port (0: any that is free), or MXTRAIN_METRICS_HOST to an address of this host."
        ) from error
    except OverflowError as error:
        raise MXNetError(f"Expected: a port below 65536 for metrics. Received: {port}.") from error


def _guarded(app: _WsgiApp, token: str | None) -> _WsgiApp:
    """Metrics at /metrics and nothing elsewhere; a wrong or missing token is refused."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != "/metrics":
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"Metrics are at /metrics.\n"]
        if not may_read(token, environ.get("HTTP_AUTHORIZATION", "")):
            start_response("401 Unauthorized", [("Content-Type", "text/plain"), ("WWW-Authenticate", "Bearer")])
            return [b"Expected: the bearer token that `mxtrain metrics-token` prints.\n"]
        return app(environ, start_response)

    return answer
