"""Servers join, shards move, servers die, between any two messages; values stay those of a run without, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory_cluster import Cluster, settle
from replicated_training import OPTIMIZERS, WORKERS, deliver_some, one_round, references, start

SERVERS, SHARDS, ROUNDS = 2, 4, 6
REFERENCES = references(ROUNDS, SHARDS)


def begin(shared: bool, optimizer: str, replicas: int) -> tuple[Cluster, list]:
    cluster = Cluster(WORKERS, SERVERS, shared, replicas=replicas, num_shards=SHARDS)
    return cluster, start(cluster, optimizer)


def leads(cluster: Cluster) -> list[int]:
    return sorted(sum(s.primary == node for s in cluster.shards.all) for node in cluster.nodes)


def pass_time(cluster: Cluster) -> None:
    """All that is on its way arrives, and everybody looks at what may have been lost."""
    cluster.deliver_all()
    for name, node in list(cluster.nodes.items()):
        cluster.carry_out(name, node.tick())
    for client in cluster.clients:
        client.flush_unless_busy()
        client._remind()
        for incoming in client.channel.receive(0.0):
            client._take(incoming)


def end_moves(cluster: Cluster) -> None:
    """Let all moves come to their end."""
    for _ in range(60):
        pass_time(cluster)
        if not cluster.waiting() and not cluster.begin_move() and not any(s.is_moving for s in cluster.shards.all):
            return
    raise AssertionError(cluster.shards.all)


@pytest.mark.parametrize("replicas", [0, 1])
@pytest.mark.parametrize("shared", [False, True], ids=["sent", "shared"])
def test_two_servers_join(shared: bool, replicas: int) -> None:
    cluster, directories = begin(shared, "slab", replicas)
    for number in range(1, ROUNDS + 1):
        outs = one_round(directories, number)
        if number in (2, 4):
            cluster.add_server(f"late{number}")
            cluster.change_view()
            end_moves(cluster)
        assert settle(directories, outs) == REFERENCES["slab"][number - 1], number
    assert leads(cluster) == [1, 1, 1, 1]
    held = [len(node.replicas) for node in cluster.nodes.values()]
    assert held == [1 + replicas] * 4, "who has left a shard drops it"
    assert cluster.dropped == []


def kill_one(cluster: Cluster, rng: np.random.Generator) -> None:
    """Kill a server that others can stand in for; hear of it some messages later."""
    safe = [name for name in cluster.nodes if not cluster.shards.knows_alone(name)]
    if not safe or len(cluster.nodes) < 3:
        return
    cluster.kill(safe[rng.integers(len(safe))])
    deliver_some(cluster, rng, int(rng.integers(20)))
    cluster.shards.teach(list(cluster.nodes))
    cluster.change_view()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("shared", [False, True], ids=["sent", "shared"])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), kills=st.booleans(), replicas=st.sampled_from([0, 1]))
def test_servers_join_and_die_at_any_moment(
    shared: bool, optimizer: str, seed: int, kills: bool, replicas: int
) -> None:
    rng = np.random.default_rng(seed)
    cluster, directories = begin(shared, optimizer, replicas)
    cluster.auto = False
    cluster.late_views = True
    deaths = set(rng.choice(np.arange(2, ROUNDS + 1), size=2, replace=False).tolist()) if kills else set()
    for number in range(1, ROUNDS + 1):
        outs = one_round(directories, number)
        deliver_some(cluster, rng, int(rng.integers(40)))
        if number < 4:
            cluster.add_server(f"late{number}")
            cluster.change_view()
        for _ in range(3):
            cluster.begin_move()
            deliver_some(cluster, rng, int(rng.integers(40)))
            for name, node in list(cluster.nodes.items()):
                cluster.carry_out(name, node.tick())
        if number in deaths:
            kill_one(cluster, rng)
        deliver_some(cluster, rng, int(rng.integers(60)))
        for _ in range(4):
            pass_time(cluster)
        assert settle(directories, outs) == REFERENCES[optimizer][number - 1], (seed, number)
    end_moves(cluster)
    assert max(leads(cluster)) - min(leads(cluster)) <= 1


def stand_still(replicas: int) -> tuple[Cluster, list, list]:
    """The primary of shard 0 is about to hand over, and a round's pushes have come to it in vain."""
    cluster, directories = begin(False, "sums", replicas)
    cluster.add_server("late")
    cluster.change_view()
    cluster.auto, cluster.late_views = False, True
    assert cluster.begin_move()
    while not cluster.shards.all[0].successor:
        for way in cluster.waiting():
            cluster.deliver(*way)
    while not cluster.nodes["server0"].replicas[0].stands_still:
        assert cluster.deliver("scheduler", "server0")
    outs = one_round(directories, 1)
    for rank in range(WORKERS):
        while cluster.deliver(rank, "server0", 0):
            pass
    assert cluster.nodes["server0"].replicas[0].stands_still
    return cluster, directories, outs


@pytest.mark.parametrize("replicas", [0, 1])
def test_a_primary_goes_on_when_its_successor_dies(replicas: int) -> None:
    cluster, directories, outs = stand_still(replicas)
    cluster.kill("late")
    cluster.change_view()
    pass_time(cluster)
    assert settle(directories, outs) == REFERENCES["sums"][0], "what came meanwhile was sent again"
    assert [s.primary for s in cluster.shards.all] == ["server0", "server1"] * 2


def test_a_successor_leads_when_the_primary_dies_first() -> None:
    cluster, directories, outs = stand_still(1)
    cluster.kill("server0")
    assert cluster.shards.all[0].primary == "late"
    cluster.shards.teach(list(cluster.nodes))
    cluster.change_view()
    pass_time(cluster)
    assert settle(directories, outs) == REFERENCES["sums"][0]


def test_workers_hear_of_the_new_primary_first() -> None:
    cluster, directories, outs = stand_still(1)
    held = {("scheduler", name) for name in ("server0", "server1")}
    cluster.held = held
    cluster.deliver_all()
    assert cluster.shards.all[0].primary == "late", "who has heard nothing yet is no primary either way"
    for directory in directories:
        directory.client.flush_unless_busy()
    cluster.deliver_all()
    cluster.held = set()
    assert settle(directories, outs) == REFERENCES["sums"][0]
    assert not any("not its primary" in reason for reason in cluster.dropped), "early messages wait for the view"
