"""Leases of a data set: every sample is done once an epoch, whoever comes, goes, dies, or does again what it did."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxtrain_server.parameters.errors import RequestError
from mxtrain_server.parameters.lease_table import BACK, LEASE, MAX_LEASES, OVER, WAIT, Form, LeaseTable
from mxtrain_server.replication.plain_bytes import from_bytes, to_bytes


def table_of(samples=20, size=4, in_turn=True, members=(0, 1), epoch=0, keeps=True) -> LeaseTable:
    return LeaseTable(Form(samples, size, in_turn, ""), epoch, members, keeps)


def drain(table: LeaseTable, rank: int, number: int = 0) -> list[tuple[int, int]]:
    """Take leases until there are none."""
    had = []
    while (granted := table.take(rank, table.epoch, number)).outcome in (LEASE, BACK):
        had.append(granted[1:])
        number += 1
    return had


def test_leases_in_turn_do_not_depend_on_who_asks_first():
    first, second = table_of(), table_of()
    assert [drain(first, 0), drain(first, 1)] == [[(0, 4), (8, 12), (16, 20)], [(4, 8), (12, 16)]]
    assert [drain(second, 1), drain(second, 0)] == [[(4, 8), (12, 16)], [(0, 4), (8, 12), (16, 20)]]


def test_the_short_turn_is_another_worker_s_in_the_next_epoch():
    table = table_of()
    for rank in (0, 1):
        number = len(drain(table, rank))
        table.run_out(rank, 0, number, False)
    assert table.epoch == 1
    assert [len(drain(table, rank)) for rank in (0, 1)] == [2, 3]


def test_first_come_first_served():
    table = table_of(in_turn=False)
    assert drain(table, 1) == [(0, 4), (4, 8), (8, 12), (12, 16), (16, 20)]
    assert table.take(0, 0, 0).outcome == WAIT


def test_an_epoch_is_over_when_all_have_run_out_and_not_before():
    table = table_of(samples=4, in_turn=False)
    assert table.take(0, 0, 0).outcome == LEASE
    table.run_out(1, 0, 0, False)
    assert not table.may_go_on(1, 0)
    assert table.take(0, 0, 1).outcome == WAIT
    table.run_out(0, 0, 1, False)
    assert table.epoch == 1
    assert table.take(1, 0, 0).outcome == table.take(0, 0, 1).outcome == OVER
    assert table.take(1, 1, 0).outcome == LEASE


def test_what_a_lost_worker_has_not_done_goes_to_who_waits():
    table = table_of(samples=8, size=8)
    assert table.take(0, 0, 0) == (LEASE, 0, 8)
    assert table.take(1, 0, 0).outcome == WAIT
    table.run_out(1, 0, 0, False)
    table.report(0, 0, 0, 3)
    assert "worker 0 (3 of 8 samples done)" in table.explain()
    table.leave(0)
    assert table.may_go_on(1, 0)
    assert table.take(1, 0, 0) == (BACK, 3, 8)
    assert table.take(1, 0, 1).outcome == WAIT
    table.run_out(1, 0, 1, False)
    assert table.epoch == 1


def test_a_worker_that_joins_shares_what_is_in_no_hand():
    table = table_of(samples=40)
    table.take(0, 0, 0), table.take(1, 0, 0)
    table.join(2)
    had = [drain(table, 0, 1), drain(table, 1, 1), drain(table, 2)]
    assert sorted(piece for part in had for piece in part) == [(low, low + 4) for low in range(8, 40, 4)]
    assert {len(part) for part in had} == {2, 3}


def test_another_process_in_place_of_a_dead_worker_gets_the_same_leases():
    table = table_of()
    first = drain(table, 0)
    table.report(0, 0, 1, 2)
    assert [table.take(0, 0, number)[1:] for number in range(3)] == first
    table.run_out(0, 0, 3, False)
    table.run_out(1, 0, len(drain(table, 1)), False)
    assert table.epoch == 1
    assert [table.take(0, 0, number)[1:] for number in range(3)] == first
    assert table.take(0, 0, 3).outcome == OVER


def test_who_quits_an_epoch_leaves_its_leases_to_others():
    table = table_of()
    table.take(0, 0, 0)
    table.report(0, 0, 0, 1)
    table.run_out(0, 0, 1, True)
    assert table.take(0, 0, 1).outcome == WAIT
    had = drain(table, 1)
    assert sum(stop - start for start, stop in had) == 19
    table.run_out(1, 0, len(had), False)
    assert table.epoch == 1


def test_where_all_quit_the_epoch_is_over():
    table = table_of()
    for rank in (0, 1):
        table.run_out(rank, 0, 0, True)
    assert table.epoch == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: t.take(7, 0, 0), "Received: worker 7"),
        (lambda t: t.take(0, 3, 0), "expected lease 0 of epoch 0. Received: lease 0 of epoch 3"),
        (lambda t: t.take(0, 0, 2), "expected lease 0 of epoch 0. Received: lease 2"),
        (lambda t: (t.take(0, 0, 0), t.run_out(0, 0, 1, False)), "which has one"),
        (lambda t: table_of(samples=0), "Received: 0 samples"),
        (lambda t: table_of(size=0), "0 a lease"),
        (lambda t: table_of(samples=MAX_LEASES + 1, size=1), "leases an epoch"),
        (lambda t: (drain(table := table_of(keeps=False), 0), table.take(0, 0, 0)), "is not kept"),
    ],
)
def test_mistakes_are_named(call, words):
    with pytest.raises(RequestError, match=words):
        call(table_of())


class Player:
    """A worker: it takes leases in batches of 3, and counts what it has trained on for good."""

    def __init__(self, rank: int, epoch: int) -> None:
        self.rank = rank
        self.epoch = epoch
        self.number = self.done = 0
        self.lease: tuple[int, int] | None = None
        self.waits = False

    def step(self, table: LeaseTable, trained: Counter, doubtful: bool) -> None:
        """Do the next thing. doubtful: the batch is trained on, but the report of it is lost."""
        if self.waits and not table.may_go_on(self.rank, self.epoch):
            return
        if self.lease is not None and self.lease[0] + self.done < self.lease[1]:
            begin = self.lease[0] + self.done
            end = min(begin + 3, self.lease[1])
            trained.update((self.epoch, position) for position in range(begin, end))
            self.done += end - begin
            if not doubtful:
                table.report(self.rank, self.epoch, self.number - 1, self.done)
            return
        granted = table.take(self.rank, self.epoch, self.number)
        self.lease = None
        if granted.outcome in (LEASE, BACK):
            assert (granted.outcome == BACK) == self.waits
            self.lease, self.done, self.waits = granted[1:], 0, False
            self.number += 1
        elif granted.outcome == WAIT:
            if not self.waits:
                table.run_out(self.rank, self.epoch, self.number, False)
            self.waits = True
        else:
            self.epoch, self.number, self.waits = self.epoch + 1, 0, False


class History:
    """A random job: what happens to a table and its workers."""

    def __init__(self, samples: int, size: int, in_turn: bool, workers: int) -> None:
        self.table = LeaseTable(Form(samples, size, in_turn, ""), 0, range(workers), True)
        self.players = {rank: Player(rank, 0) for rank in range(workers)}
        self.trained: Counter = Counter()
        self.twice: Counter = Counter()
        self.ranks = workers

    def step(self, rank: int) -> None:
        self.players[rank].step(self.table, self.trained, False)

    def join(self, rank: int) -> None:
        self.table.join(self.ranks)
        self.players[self.ranks] = Player(self.ranks, self.table.epoch)
        self.ranks += 1

    def lose(self, rank: int) -> None:
        if len(self.players) > 1:
            self.table.leave(rank)
            del self.players[rank]

    def lose_in_a_batch(self, rank: int) -> None:
        if len(self.players) > 1:
            before = self.trained.copy()
            self.players[rank].step(self.table, self.trained, True)
            self.twice += self.trained - before
            self.lose(rank)

    def replace(self, rank: int) -> None:
        """The new process passes over what is done."""
        player, again = self.players[rank], Player(rank, self.players[rank].epoch)
        for _ in range(player.number):
            again.lease = self.table.take(rank, again.epoch, again.number)[1:]
            again.number += 1
        again.done, again.waits = player.done, player.waits
        if player.lease is None:
            again.lease = None
        self.players[rank] = again

    def copy(self, rank: int) -> None:
        self.table = LeaseTable.load(from_bytes(to_bytes(self.table.dump())))

    def finish(self) -> int:
        """Go on to the end of the epoch; returns its number."""
        last = self.table.epoch
        for _ in range(10_000):
            if self.table.epoch > last and min(player.epoch for player in self.players.values()) > last:
                return last
            for player in self.players.values():
                if player.epoch <= last:
                    player.step(self.table, self.trained, False)
        raise AssertionError("the epoch has no end")


EVENTS = [History.step] * 12 + [History.join, History.lose, History.lose_in_a_batch, History.replace, History.copy]


@settings(max_examples=1000, deadline=None)
@given(data=st.data(), in_turn=st.booleans(), samples=st.integers(1, 60), size=st.integers(1, 12))
def test_every_sample_is_done_once_an_epoch(data, in_turn, samples, size):
    history = History(samples, size, in_turn, data.draw(st.integers(1, 4), label="workers"))
    for _ in range(data.draw(st.integers(0, 120), label="events")):
        rank = data.draw(st.sampled_from(sorted(history.players)))
        data.draw(st.sampled_from(EVENTS))(history, rank)
    for epoch in range(history.finish() + 1):
        for position in range(samples):
            count = history.trained[epoch, position]
            assert 1 <= count <= 1 + history.twice[epoch, position], (epoch, position, count)
