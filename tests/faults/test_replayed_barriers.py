"""A process that does its rank's past again: what it tells a new scheduler of barriers, and which it asks for."""

from mxtrain_kvstore.settings import read_settings
from mxtrain_kvstore.transport.scheduler_client import SchedulerClient
from mxtrain_protos import scheduler_pb2 as pb


def client() -> SchedulerClient:
    """In the place of a worker that had left five barriers."""
    node = SchedulerClient(read_settings({"MXTRAIN_ROLE": "worker", "MXTRAIN_BARRIER_TIMEOUT": "0.1"}), "node")
    node._take(pb.SchedulerMessage(welcome=pb.Welcome(rank=0, replaces=True, released=5)))
    return node


def sent(node: SchedulerClient) -> list[str]:
    kinds = []
    while not node._outgoing.empty():
        message = node._outgoing.get()
        kinds.append(str(message.WhichOneof("body")))
    return kinds


def test_a_new_scheduler_is_told_of_the_barriers_of_the_rank() -> None:
    """Told of fewer, it would take the next process of the rank for the first, which sets the optimizer anew."""
    node = client()
    assert node.replays
    node.barrier()
    node.barrier()
    told = node._registration()
    assert (told.barriers, told.released) == (5, 5)


def test_barriers_that_the_rank_has_left_are_not_asked_for() -> None:
    """The scheduler that was asked may die, and nobody would ask the next one."""
    node = client()
    for _ in range(5):
        node.barrier()
    assert not node.replays
    assert sent(node) == []
    node._take(pb.SchedulerMessage(barrier_released=pb.BarrierReleased(number=5)))
    node.barrier()
    assert sent(node) == ["enter_barrier"]
