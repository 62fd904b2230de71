"""The header codec: round trips, and nothing but declared messages comes through."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxtrain_kvstore.wire import messages as m
from mxtrain_kvstore.wire.codec import MAX_HEADER_BYTES, WireError, decode, encode

EXAMPLES = [
    m.Hello(1, "job", "node", 3, 0, 1),
    m.OpenStore(1, 0, "sync"),
    m.Create(2, 0, [["a", "float32", [2, 3], [6]], [7, "float16", [], [4, 4]]]),
    m.Write([[0, 0, 1, 0]]),
    m.Publish(3, 0, [["a", "float32", [2, 3], [[0, 0, 0, 1, 0, 0, 6]]]]),
    m.Lookup(4, 0, ["a", -7]),
    m.Push([[0, 0, 10, 1], [1, 3, 1, 2]], False),
    m.Push([[0, 0, 10, 1]], False, ["2bit", 0.5]),
    m.PushRows(0, 1, 2, 0, 5, True),
    m.PullRows(3, 0, 1, 2, True),
    m.PulledRows(3, 2, False),
    m.ChangeOptimizer(0, {"learning_rate": 0.5, "lr_mult": [["a", 2.0]], "wd_mult": []}),
    m.Pull([[0, 0, 10, 1]], True),
    m.SetOptimizer(5, 0, {"name": "sgd", "config": {"lr_mult": [["a", 0.5]], "wd": 0.0, "x": None}}),
    m.Command(6, 0, 1, "body"),
    m.Sync(7),
    m.LeaveStore(8, 0),
    m.Rest(8, 0, 1),
    m.Farewell(9),
    m.MapSegment(10, 0),
    m.Mirror(11, 0, [1, 2, 4096, "t"]),
    m.Explain(12, [[0, 0, 1, 1]]),
    m.GetProgress(13, 0),
    m.ReadState(14, 0, 0, 1, 0, 10),
    m.WriteState(15, 0, 0, 1, 0),
    m.SetProgress(16, 0, {"num_update": 3}),
    m.Welcome(0, 5, True),
    m.Done(1),
    m.Refused(2, "no"),
    m.Created(3, [[0, 4, 16]]),
    m.Directory(4, [[7, "float32", [], [[1, 0, 0, 1, 0, 0, 6]]]]),
    m.Pulled([[0, 0, 1, 5]], False),
    m.Mapped(5, [1, 2, 3, "t"]),
    m.Explained(6, "text"),
    m.Progress(7, {}),
    m.StateValues(8, "float32", 9, True),
    m.Behind(3),
    m.SavePosition(0, 1, 7),
    m.ReadPosition(1, 0, 1),
    m.ReadRounds(2, 0, 1, 7),
    m.PositionIs(1, 7, True),
    m.Rounds(2, [6, 7]),
    m.ReadReached(3, 0),
    m.JoinStore(4, 0, 9),
    m.Reached(3, 9),
    m.OpenLeases(1, 0, "data", 1000, 50, True, 0, "as they are"),
    m.TakeLease(2, 0, "data", 3, 7),
    m.ReportLease(0, "data", 3, 7, 20),
    m.RunOut(3, 0, "data", 3, 8, False),
    m.AwaitLease(4, 0, "data", 3),
    m.CloseLeases(5, 0, "data"),
    m.ExplainLeases(6, 0, "data"),
    m.Pause(7, 0, "data", 3, 8),
    m.Resume(8, 0, "data", 3),
    m.Return(9, 0, "data", 3, 8, 120),
    m.LeasesOpened(1, 3),
    m.Leased(2, "lease", 350, 400),
    m.PeerHello(2, "job", "node"),
    m.Entry(0, 1, 2, "node", 0, 3),
    m.Acknowledge(0, 1, 2, True),
    m.SnapshotPart(0, 1, 2, 0, 100),
    m.Behindhand(0, 1, 2),
    m.Probe(0, 1, 2),
    m.Membership([[0, "node"]], [1]),
]


def test_every_kind_has_an_example() -> None:
    assert {type(example) for example in EXAMPLES} == set(m.kind_of)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_round_trip(message: object) -> None:
    again = decode(encode(message))
    assert (type(again), again) == (type(message), message)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_every_field_is_checked(message: tuple) -> None:
    """Each field replaced by something of another form is refused, and so is a missing or additional one."""
    kind = m.kind_of[type(message)]
    for position, value in enumerate(message):
        wrong = b"\xff" if not isinstance(value, dict) else {1: b"x"}
        values = [*message[:position], wrong, *message[position + 1 :]]
        with pytest.raises(WireError):
            decode(msgpack.packb([kind, *values]))
    for values in (message[:-1], [*message, 1]):
        with pytest.raises(WireError):
            decode(msgpack.packb([kind, *values]))


@given(st.binary(max_size=200))
def test_garbage_is_refused(data: bytes) -> None:
    try:
        message = decode(data)
    except WireError:
        return
    assert type(message) in m.kind_of


leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
)
trees = st.recursive(leaves, lambda x: st.lists(x, max_size=4) | st.dictionaries(st.text(max_size=3), x, max_size=3))


@given(st.sampled_from(sorted(m.kinds)), st.lists(trees, max_size=5))
def test_wrong_fields_are_refused(kind: int, fields: list) -> None:
    try:
        message = decode(msgpack.packb([kind, *fields]))
    except WireError:
        return
    checks = m.kinds[kind][1]
    assert all(check.accepts(value) for check, value in zip(checks, message, strict=True))


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", msgpack.packb([]), msgpack.packb({}), msgpack.packb([999]), b"\x91" * 5000]
)
def test_broken_headers(data: bytes) -> None:
    with pytest.raises(WireError):
        decode(data)


@pytest.mark.parametrize(
    "runs", [[], [[0, 0, 0, 1]], [[0, 0, 1]], [[0, -1, 1, 1]], [[0, 0, True, 1]], [[0, 0, 1, 1.0]]]
)
def test_bad_runs_are_refused(runs: list) -> None:
    with pytest.raises(WireError):
        decode(msgpack.packb([m.kind_of[m.Push], runs, False]))


def test_sizes_are_bounded() -> None:
    with pytest.raises(WireError, match="at most"):
        decode(b"\x00" * (MAX_HEADER_BYTES + 1))
    with pytest.raises(WireError, match="at most"):
        encode(m.Explained(1, "x" * (MAX_HEADER_BYTES + 1)))
    with pytest.raises(WireError):
        decode(msgpack.packb([m.kind_of[m.Refused], 1, "x" * 10000]))
