"""Where shards lie: every sequence of a few deaths, newcomers, copies and moves, for a few servers."""

import itertools

import pytest

from mxtrain_server.scheduler.shards import Shards


def check(shards: Shards, alive: list[str]) -> None:
    for shard in shards.all:
        holders = [node for node in shard.holders if node]
        assert shard.primary in alive
        assert len(set(holders)) == len(holders), "one server holds a shard once"
        assert set(holders) <= set(alive)
        assert shard.successor in ("", shard.backup, shard.learner)
        assert not shard.successor or shard.successor != shard.primary


def end_moves(shards: Shards, alive: list[str], epoch: int = 1) -> int:
    """Let everything that is under way come to its end, and all moves that follow; returns how many there were."""
    for moves in range(200):
        for shard in shards.all:
            if shard.learner and not shard.successor:
                assert shards.synced(shard.number, shard.learner, shard.primary, alive, epoch)
            if shard.successor:
                successor = shard.successor
                assert shards.handed_over(shard.number, shard.primary, successor, epoch, alive)
                assert shard.primary == successor
            check(shards, alive)
        shards.teach(alive)
        if not any(s.is_moving for s in shards.all) and shards.begin_move(alive, epoch) is None:
            return moves
    raise AssertionError("there is no end of moves")


def spread(holders: list[str], alive: list[str]) -> int:
    counts = [holders.count(node) for node in alive]
    return max(counts) - min(counts)


def is_balanced(shards: Shards, alive: list[str]) -> bool:
    backups = [s.backup for s in shards.all if s.backup]
    return spread([s.primary for s in shards.all], alive) <= 1 and spread(backups, alive) <= 1


class Story:
    """Servers and shards to which things happen. stopped: nobody knows some shard any more."""

    def __init__(self, servers: int, shards: int) -> None:
        self.alive = [f"s{number}" for number in range(servers)]
        self.shards = Shards(1)
        self.shards.form(self.alive, shards)
        self.stopped = False
        self.moved = self.came = 0

    def die(self, place: int) -> None:
        if place < len(self.alive):
            node = self.alive.pop(place)
            only = [s.number for s in self.shards.all if s.primary == node and not (s.backup or s.successor)]
            assert self.shards.lose(node) == only
            self.stopped = bool(only)

    def come(self) -> None:
        self.came += 1
        self.alive.append(f"new{self.came}")

    def synced(self) -> None:
        for shard in self.shards.all:
            learner, before = shard.learner, shard.successor
            changed = self.shards.synced(shard.number, learner, shard.primary, self.alive, 1)
            assert changed == bool(learner and not before)

    def teach(self) -> None:
        self.shards.teach(self.alive)
        assert all(s.backup or s.learner for s in self.shards.all) or len(self.alive) == 1

    def move(self) -> None:
        self.shards.begin_move(self.alive, 1)

    def over(self) -> None:
        for shard in self.shards.all:
            if shard.successor:
                self.moved += 1
                assert self.shards.handed_over(shard.number, shard.primary, shard.successor, 1, self.alive)

    def end(self) -> None:
        self.teach()
        end_moves(self.shards, self.alive)
        assert is_balanced(self.shards, self.alive)
        assert all(s.backup for s in self.shards.all) or len(self.alive) == 1


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("more", [0, 2])
def test_every_sequence_of_events(count: int, more: int) -> None:
    """A server dies, one comes, who learns knows all, a move begins or ends: five of these in any order."""
    deaths = [lambda story, place=place: story.die(place) for place in (0, count - 1)]
    events = [*deaths, Story.come, Story.synced, Story.teach, Story.move, Story.over]
    stopped = moved = 0
    for sequence in itertools.product(events, repeat=5):
        story = Story(count, count + more)
        for event in sequence:
            event(story)
            if story.stopped:
                break
            check(story.shards, story.alive)
        else:
            story.end()
        stopped, moved = stopped + story.stopped, moved + story.moved
    assert stopped
    assert moved or not more, "five events are too few for a move after a death"


@pytest.mark.parametrize("replicas", [0, 1])
@pytest.mark.parametrize("servers", range(2, 7))
def test_from_every_beginning_work_is_divided_evenly(replicas: int, servers: int) -> None:
    """All places of up to four shards; with one replica those of pairs."""
    alive = [f"s{number}" for number in range(servers)]
    pairs = list(itertools.permutations(alive, 2)) if replicas else [(node, "") for node in alive]
    for count in range(1, 4 if replicas and servers > 3 else 5):
        for places in itertools.combinations_with_replacement(pairs, count):
            shards = Shards(replicas)
            shards.form(alive[:1], count)
            for shard, (primary, backup) in zip(shards.all, places, strict=True):
                shard.primary, shard.backup = primary, backup
            moves = end_moves(shards, alive)
            assert is_balanced(shards, alive), places
            assert moves <= 2 * count + 1, "a shard moves once or twice"


def test_two_servers_more() -> None:
    shards = Shards(1)
    shards.form(["a", "b"], 4)
    assert [(s.primary, s.backup) for s in shards.all] == [("a", "b"), ("b", "a"), ("a", "b"), ("b", "a")]
    moves = end_moves(shards, ["a", "b", "c", "d"])
    assert sorted(s.primary for s in shards.all) == ["a", "b", "c", "d"]
    assert sorted(s.backup for s in shards.all) == ["a", "b", "c", "d"]
    assert moves <= 6


def test_work_is_divided() -> None:
    shards = Shards(1)
    shards.form(["a", "b", "c", "d"])
    assert [(s.primary, s.backup) for s in shards.all] == [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")]
    assert shards.begin_move(["a", "b", "c", "d"], 1) is None
    shards.lose("b")
    shards.teach(["a", "c", "d", "e"])
    assert {s.learner for s in shards.all if s.learner} == {"e"}, "a new server takes what the others would have to"
    for shard in (0, 1):
        assert shards.synced(shard, "e", shards.all[shard].primary, ["a", "c", "d", "e"], 5)
    assert shards.begin_move(["a", "c", "d", "e"], 6) is shards.all[1], "who has taken over two gives one back"
    assert (shards.all[1].primary, shards.all[1].successor, shards.all[1].since) == ("c", "e", 6)
    assert not shards.handed_over(1, "c", "e", 5, ["a", "c", "d", "e"]), "by a view before"
    assert not shards.handed_over(1, "a", "e", 6, ["a", "c", "d", "e"]), "by another server"
    assert shards.handed_over(1, "c", "e", 6, ["a", "c", "d", "e"])
    assert (shards.all[1].primary, shards.all[1].backup, shards.all[1].successor) == ("e", "c", "")
    assert not shards.handed_over(1, "c", "e", 6, ["a", "c", "d", "e"]), "twice"


def test_without_replicas() -> None:
    shards = Shards(0)
    shards.form(["a", "b"])
    assert not shards.teach(["a", "b"])
    assert shards.lose("b") == [1]


def test_without_replicas_the_newcomer_has_all_before_it_leads() -> None:
    shards = Shards(0)
    shards.form(["a", "b"], 3)
    shard = shards.begin_move(["a", "b", "c"], 2)
    assert shard is not None
    assert (shard.number, shard.primary, shard.learner, shard.successor) == (0, "a", "c", "")
    assert shards.synced(0, "c", "a", ["a", "b", "c"], 3)
    assert (shard.primary, shard.learner, shard.successor) == ("a", "c", "c")
    assert shards.lose("a") == [2], "of shard 0 the successor knows all that any worker has been told"
    assert (shard.primary, shard.learner, shard.successor) == ("c", "", "")


def test_only_who_learns_becomes_the_backup() -> None:
    shards = Shards(1)
    shards.form(["a", "b"])
    assert not shards.synced(0, "b", "a", ["a", "b"], 1)
    assert not shards.synced(0, "", "a", ["a", "b"], 1)
    assert not shards.synced(7, "b", "a", ["a", "b"], 1)
    shards.lose("b")
    shards.teach(["a", "c"])
    assert not shards.synced(0, "c", "b", ["a", "c"], 1), "only the primary can say so"


def test_a_copy_that_may_know_more_than_the_new_primary_learns_anew() -> None:
    shards = Shards(1)
    shards.form(["a", "b"], 3)
    shard = shards.begin_move(["a", "b", "c"], 1)
    assert shard is not None
    assert shards.synced(shard.number, "c", shard.primary, ["a", "b", "c"], 2)
    assert shard.successor == "c"
    backup = shard.backup
    assert shards.lose(shard.primary) == []
    assert (shard.primary, shard.backup, shard.learner, shard.successor) == ("c", "", backup, "")
