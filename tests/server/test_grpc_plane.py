"""A server's data plane over gRPC: order, bounded memory, names of connections, both ends in one process."""

import time
from collections.abc import Iterator

import numpy as np
import pytest
from processes import wait_for

from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.transport.grpc_frames import pack, unpack
from mxtrain_kvstore.transport.grpc_stream import GrpcStream
from mxtrain_server.transport.data_plane import Arrival
from mxtrain_server.transport.grpc_plane import GrpcPlane
from mxtrain_server.transport.inbox import MOST_BYTES, Inbox
from mxtrain_server.transport.introductions import Introductions

MESSAGE = 1 << 20


@pytest.fixture
def plane() -> Iterator[GrpcPlane]:
    opened = GrpcPlane(ClusterSettings(scheduler_host="127.0.0.1"), "server", b"hello", DROPPED.append)
    DROPPED.clear()
    yield opened
    opened.close()


DROPPED: list[str] = []


def stream(plane: GrpcPlane, name: str, answers: list[bytes]) -> GrpcStream:
    return GrpcStream(plane.endpoint, None, lambda: name, answers.append, alive=20.0)


def next_arrivals(plane: GrpcPlane) -> list[Arrival]:
    def look() -> list[Arrival]:
        plane.wait(0.1)
        return list(plane.arrivals())

    return wait_for("messages", look)


def test_what_nobody_takes_waits_at_its_sender(plane: GrpcPlane) -> None:
    sender = stream(plane, "node:1", [])
    try:
        sender.open(pack([b"first"]))
        for number in range(150):
            sender.send(pack([number.to_bytes(4, "big"), bytes(MESSAGE)]))
        wait_for("a full inbox", lambda: plane._inbox._bytes >= MOST_BYTES)
        time.sleep(0.5)
        assert plane._inbox._bytes < MOST_BYTES + 2 * MESSAGE
        taken: list[bytes] = []
        while len(taken) < 151:
            taken += [bytes(arrival.frames[0]) for arrival in next_arrivals(plane)]
        assert taken == [b"first"] + [number.to_bytes(4, "big") for number in range(150)]
    finally:
        sender.close()


def test_who_does_not_take_answers_is_not_heard(plane: GrpcPlane) -> None:
    """More answers than may wait: nothing more is read from the stream until they have been taken."""
    lock, answers = [True], []

    def slowly(data: bytes) -> None:
        while lock:
            time.sleep(0.05)
        answers.append(data)

    sender = GrpcStream(plane.endpoint, None, lambda: "node:1", slowly, alive=20.0)
    try:
        sender.open(pack([b"first"]))
        assert [arrival.source for arrival in next_arrivals(plane)] == ["node:1"]
        values = np.arange(MESSAGE, dtype=np.uint8).data
        for number in range(150):
            assert plane.send("node:1", [number.to_bytes(4, "big"), values], lasting=bool(number % 2))
        for _ in range(5):
            sender.send(pack([b"more"]))
        time.sleep(1)
        plane.wait(0.1)
        assert len(list(plane.arrivals())) <= 1
        lock.clear()
        wait_for("all answers", lambda: len(answers) == 150)
        assert [bytes(unpack(data)[0]) for data in answers] == [number.to_bytes(4, "big") for number in range(150)]
    finally:
        lock.clear()
        sender.close()


def test_a_name_in_use_is_refused(plane: GrpcPlane) -> None:
    first, second = stream(plane, "node:1", []), None
    try:
        first.open(pack([b"first"]))
        next_arrivals(plane)
        second = stream(plane, "node:1", [])
        second.open(pack([b"second"]))

        def refused() -> bool:
            plane.wait(0.1)
            return "a stream whose name is in use" in DROPPED

        wait_for("a refusal", refused)
        assert not list(plane.arrivals())
        first.close()
        assert next_arrivals(plane)[0].frames[0] == b"second"  # it has tried again
    finally:
        first.close()
        if second is not None:
            second.close()
    assert wait_for("the end of streams", lambda: not plane.send("node:1", [b"x"], lasting=False))


def test_servers_talk_to_each_other() -> None:
    ends = [
        GrpcPlane(ClusterSettings(scheduler_host="127.0.0.1"), name, name.encode(), DROPPED.append) for name in "ab"
    ]
    try:
        ends[0].set_servers({"b": ends[1].endpoint})
        ends[0].send_to_server("b", [b"one", np.arange(4, dtype=np.uint8).data], lasting=True)
        ends[0].send_to_server("nobody", [b"two"], lasting=True)
        come: list[Arrival] = []
        while len(come) < 2:
            come += next_arrivals(ends[1])
        assert [[bytes(frame) for frame in arrival.frames] for arrival in come] == [[b"a"], [b"one", b"\0\1\2\3"]]
        assert ends[1].send(come[0].source, [b"answer"], lasting=False)

        def answered() -> list[Arrival]:
            ends[0].wait(0.1)
            return list(ends[0].answers())

        assert wait_for("an answer", answered) == [Arrival("b", [b"answer"])]
        ends[0].set_servers({})
        wait_for("the end of the stream", lambda: not ends[1].send(come[0].source, [b"more"], lasting=False))
    finally:
        for end in ends:
            end.close()


def test_an_inbox_tells_of_room() -> None:
    told: list[bool] = []
    inbox = Inbox(lambda: told.append(True))
    large = Arrival("x", [memoryview(bytes(MOST_BYTES))])
    assert inbox.offer(large)
    assert not inbox.offer(large)
    inbox.answer(large)
    inbox.wait(0.0)
    assert (len(inbox.arrivals(1)), told, len(inbox.answers())) == (1, [True], 1)
    assert inbox.arrivals(1) == []
    assert told == [True]


def test_the_newest_connection_of_a_node_counts() -> None:
    known = Introductions()
    assert known.add_worker("w:2", "w", 0)
    assert not known.add_worker("w:1", "w", 0)
    assert not known.add_worker("other:3", "w", 0)
    assert not known.add_worker("no number", "w", 0)
    assert (known.to_worker("w", 0), known.worker_at("w:2"), known.worker_at("w:1")) == ("w:2", ("w", 0), None)
    assert known.add_worker("w:3", "w", 0)
    assert (known.to_worker("w", 0), known.worker_at("w:2")) == ("w:3", None)
    assert known.add_server("s:1", "s")
    assert not known.add_server("s", "s")
    assert (known.to_server("s"), known.server_at("s:1")) == ("s:1", "s")
    for number in range(5000):
        known.add_worker(f"x{number}:1", f"x{number}", 0)
    known.forget_strangers({"w"}, {0})
    assert (known.worker_at("x77:1"), known.to_worker("x77", 0), known.to_worker("w", 0)) == (None, None, "w:3")
