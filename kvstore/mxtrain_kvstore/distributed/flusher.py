"""`Flusher`: a thread that sends what was staged and that nobody has waited for."""

from __future__ import annotations

import threading
import time

from mxtrain_kvstore.distributed.client import ParameterClient

#: Seconds that something stays staged at most, while the worker computes.
DELAY = 0.005


class Flusher:
    """Sleeps until something is staged, gives the worker a little time to stage more, and sends it."""

    def __init__(self, client: ParameterClient) -> None:
        self._client = client
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="kvstore flusher", daemon=True)
        client.wake_flusher = self._wake.set
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait()
            flushed = self._client.flushed
            time.sleep(DELAY)
            if self._client.flushed != flushed and not self._client.abandoned:
                continue  # what is staged now has come since, and more may follow
            self._wake.clear()
            if not self._client.flush_unless_busy():
                self._wake.set()

    def stop(self) -> None:
        """End the thread."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout=2)
