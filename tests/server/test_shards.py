"""Where shards lie: every sequence of a few deaths, newcomers and completed copies, for a few servers."""

import itertools

import pytest

from mxtrain_server.scheduler.shards import Shards


def check(shards: Shards, alive: list[str]) -> None:
    for shard in shards.all:
        holders = [node for node in shard.holders if node]
        assert shard.primary in alive
        assert len(set(holders)) == len(holders), "one server holds a shard once"
        assert set(holders) <= set(alive)
        assert not (shard.backup and shard.learner)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_every_sequence_of_events(count: int) -> None:
    """Events: the server at a place in the list dies; a new one comes; one that learns knows everything."""
    events = [*(("die", place) for place in range(count)), ("come", 0), ("synced", 0), ("teach", 0)]
    stopped = 0
    for sequence in itertools.product(events, repeat=5):
        alive = [f"s{number}" for number in range(count)]
        shards = Shards(1)
        shards.form(alive)
        for number, (event, place) in enumerate(sequence):
            if event == "die" and place < len(alive):
                node = alive.pop(place)
                only = [s.number for s in shards.all if s.primary == node and not s.backup]
                assert shards.lose(node) == only
                if only:
                    stopped += 1
                    break
            elif event == "come":
                alive.append(f"new{number}")
            elif event == "synced":
                for shard in shards.all:
                    learner = shard.learner
                    assert shards.synced(shard.number, learner) == bool(learner)
            elif event == "teach":
                shards.teach(alive)
                assert all(s.backup or s.learner for s in shards.all) or len(alive) == 1
            check(shards, alive)
    assert stopped


def test_work_is_divided() -> None:
    shards = Shards(1)
    shards.form(["a", "b", "c", "d"])
    assert [(s.primary, s.backup) for s in shards.all] == [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")]
    shards.lose("b")
    shards.teach(["a", "c", "d", "e"])
    assert {s.learner for s in shards.all if s.learner} == {"e"}, "a new server takes what the others would have to"


def test_without_replicas() -> None:
    shards = Shards(0)
    shards.form(["a", "b"])
    assert not shards.teach(["a", "b"])
    assert shards.lose("b") == [1]


def test_only_who_learns_becomes_the_backup() -> None:
    shards = Shards(1)
    shards.form(["a", "b"])
    assert not shards.synced(0, "b")
    assert not shards.synced(0, "")
    assert not shards.synced(7, "b")
