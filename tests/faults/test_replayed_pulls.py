"""A process in the place of a dead worker gets the weights that the dead one had, while the others' rounds go on."""

import numpy as np
import pytest
from in_memory_cluster import OneProcessMemory

from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters.memory import PrivateMemory
from mxtrain_server.parameters.server_state import ServerState


def raw(number: float) -> np.ndarray:
    return np.full(4, number, np.float32).view(np.uint8)


def server(shared: bool) -> ServerState:
    """Worker 0 has pushed two rounds and died, worker 1 has pushed one."""
    state = ServerState(0, "job", OneProcessMemory() if shared else PrivateMemory(), keeps_previous=True)
    state.set_workers({0: "a", 1: "b"})
    for rank in (0, 1):
        state.receive(rank, m.OpenStore(1, 0, "sync"), None)
    state.receive(0, m.Create(2, 0, [["x", "float32", [4], [4]]]), None)
    for rank, number in ((0, 1), (1, 1), (0, 2)):
        state.receive(rank, m.Push([[0, 0, 1, number]], False), raw(number))
    state.change_members(m.Membership([[0, "c"], [1, "b"]], []))
    return state


@pytest.mark.parametrize("mapped", [False, True], ids=["sent", "mapped"])
def test_values_that_the_next_round_would_change_are_copied(mapped: bool) -> None:
    state = server(mapped)
    (early,) = state.receive(0, m.Pull([[0, 0, 1, 1]], mapped), None)
    assert (early.message.mapped, early.lasting) == (False, False)
    assert early.payload.tolist() == [2.0] * 4
    state.receive(1, m.Push([[0, 0, 1, 2]], False), raw(2.0))  # round 2 is complete: the dead worker's push was there
    (late,) = state.receive(0, m.Pull([[0, 0, 1, 1]], mapped), None)
    assert (late.message.mapped, late.lasting) == (False, False)
    assert late.payload.tolist() == [2.0] * 4


@pytest.mark.parametrize("mapped", [False, True], ids=["sent", "mapped"])
def test_values_that_stay_are_not_copied(mapped: bool) -> None:
    state = server(mapped)
    (answer,) = state.receive(1, m.Pull([[0, 0, 1, 1]], mapped), None)
    assert answer.message.mapped == mapped
    assert answer.lasting
