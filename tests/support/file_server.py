"""A server of files on loopback, for tests of downloads."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextlib.contextmanager
def serve(files: dict[str, bytes], *, as_proxy: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Serve contents by path; gives (address, the paths that were asked for). None of the others exist.

    as_proxy: requests name whole URLs, as a proxy's do; contents are found by the URL's path.
    """
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("://", 1)[-1]
            path = path[path.index("/") :] if as_proxy else self.path
            asked.append(self.path)
            content = files.get(path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
