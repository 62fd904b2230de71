"""`GrpcStream`: one gRPC stream to a server, opened anew when it breaks; threads send and receive."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from mxtrain_kvstore.network import address_of
from mxtrain_kvstore.transport.grpc_connection import open_channel
from mxtrain_kvstore.transport.grpc_frames import METHOD, NAME_KEY, SERVICE, stream_options

_log = logging.getLogger(__name__)

#: Streams to one server, which may hold several shards, are connections of their own.
_OWN = (("grpc.use_local_subchannel_pool", 1),)
#: Bytes that may wait to be sent before a sender has to.
_MOST_UNSENT = 1 << 28
#: Seconds between a stream's end and the next one.
_PAUSE = 0.25
#: Seconds that threads have to end.
_END = 2.0


class GrpcStream:
    """A stream to the server at `endpoint`, as "grpc://host:port".

    next_name: gives every new stream its name. took: called with each message, on a thread of the stream's own. alive:
    see stream_options. patience: seconds that `send` waits at most where much has not been sent; 0: it never waits.
    Raises MXNetError for an endpoint of another transport.
    """

    def __init__(
        self,
        endpoint: str,
        cluster_key: str | None,
        next_name: Callable[[], str],
        took: Callable[[bytes], None],
        alive: float,
        patience: float = 0.0,
    ) -> None:
        self._endpoint = endpoint
        self._next_name = next_name
        self._took = took
        self._patience = patience
        self._channel = open_channel(address_of(endpoint, "grpc"), cluster_key, (*stream_options(alive), *_OWN))
        self._exchange = self._channel.stream_stream(f"/{SERVICE}/{METHOD}", None, None)
        self._changed = threading.Condition()
        self._opening: bytes | None = None
        self._opened = self._has_sent = False
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._stream = 0
        self._closing = threading.Event()
        self._call: Any = None  # grpc's types do not say that a call is an iterator, too
        self._thread = threading.Thread(target=self._run, name=f"stream to {endpoint}", daemon=True)
        self._thread.start()

    def open(self, data: bytes) -> None:
        """Send a message now, and as the first one of every later stream."""
        with self._changed:
            self._opening = data
            if self._opened:
                self._add(data)
            self._changed.notify_all()

    def send(self, data: bytes) -> None:
        """Send a message. Where many are waiting, wait for room; not for ever, for the server may be gone."""
        with self._changed:
            if self._unsent_bytes > _MOST_UNSENT and self._patience:
                self._changed.wait_for(lambda: self._unsent_bytes <= _MOST_UNSENT, self._patience)
            self._add(data)
            self._changed.notify_all()

    def _add(self, data: bytes) -> None:
        self._unsent.append(data)
        self._unsent_bytes += len(data)

    def _requests(self, stream: int) -> Iterator[bytes]:
        """What one stream sends, until it is not the newest any more."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._has_request(stream))
                if stream != self._stream:
                    return
                if not self._opened and self._opening is not None:
                    self._opened, data = True, self._opening
                elif self._unsent:
                    self._has_sent, data = True, self._unsent.popleft()
                    self._unsent_bytes -= len(data)
                    self._changed.notify_all()
                else:
                    return
            yield data

    def _has_request(self, stream: int) -> bool:
        """Whether `_requests` has to do something: send what there is, or end."""
        return stream != self._stream or not self._opened or bool(self._unsent) or self._closing.is_set()

    def _run(self) -> None:
        while (call := self._begin()) is not None:
            try:
                for data in call:
                    self._took(data)
            except grpc.RpcError as error:
                _log.debug("the stream to %s broke: %r", self._endpoint, error)
            self._closing.wait(_PAUSE)

    def _begin(self) -> Iterator[bytes] | None:
        """A new stream, which ends the one before, once there is something to open it with; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._opening is not None or self._closing.is_set())
            if self._closing.is_set():
                return None
            self._stream += 1
            self._opened = self._has_sent = False
            self._changed.notify_all()
            metadata = ((NAME_KEY, self._next_name()),)
            self._call = self._exchange(self._requests(self._stream), metadata=metadata, wait_for_ready=True)
            return self._call

    def finish(self) -> None:
        """Open no more streams, and end this one when what was sent has gone out; returns at once."""
        with self._changed:
            self._closing.set()
            self._changed.notify_all()

    def close(self, deliver: float = 0.0) -> None:
        """End the stream. deliver: seconds that what was sent may take to go out."""
        self.finish()
        if deliver > 0 and (self._unsent or self._has_sent):
            self._thread.join(deliver)
        if self._call is not None:
            self._call.cancel()
        self._channel.close()
        self._thread.join(_END)
