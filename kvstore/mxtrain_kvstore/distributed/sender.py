"""`Sender`: a worker's pushes and pulls on their way out: in batches, what has the higher priority first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mxtrain_kvstore.compression.codec import Codec
from mxtrain_kvstore.distributed.batch import runs_of
from mxtrain_kvstore.distributed.channel import Incoming
from mxtrain_kvstore.distributed.conversation import Conversation
from mxtrain_kvstore.distributed.lane import Lane
from mxtrain_kvstore.distributed.outgoing import MAPPED_SHARE, Slice
from mxtrain_kvstore.distributed.parameter import Block
from mxtrain_kvstore.wire import messages as m


class Sender(Conversation):
    """What was staged leaves as slices. Where much is on its way to a server already, they wait for their turn.

    What a server has taken it says with every answer. It is asked for that only where something waits, so that nothing
    is spent otherwise. wake_flusher: called when something is left to be sent, should nobody wait. flushed: how often
    all that was staged has been made slices of.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.lanes = [Lane(server) for server in range(self.channel.num_servers)]
        self.flushed = 0
        self.wake_flusher: Callable[[], None] = lambda: None

    # ---------------------------------------------------------------- what is staged

    def flush(self) -> None:
        """Send all that is staged or waits: what comes after it overtakes nothing."""
        with self.lock:
            self.flushed += 1
            for lane in self.lanes:
                if lane.pending or lane.outgoing:
                    self._close_batches(lane)
                    self._send_waiting(lane, everything=True)

    def _flush_by_turns(self) -> None:
        """Send what is staged, as far as its turn has come."""
        self.flushed += 1
        for lane in self.lanes:
            if lane.pending or lane.outgoing:
                self._flush(lane)

    def _flush(self, lane: Lane) -> None:
        """Send what is staged for a server, as far as its turn has come; the rest goes by and by."""
        self._close_batches(lane)
        if lane.outgoing:
            self._hear(0.0)
            self._send_waiting(lane)
            if lane.outgoing:
                self.wake_flusher()

    def _staged(self, block: Block) -> None:
        """See to it that what was staged goes out: at once where it is much, and else even if nobody waits for it."""
        if block.batch.weight >= block.batch.limit:
            self._flush(block.lane)
        elif not block.lane.pending:
            block.lane.pending = True
            self.wake_flusher()

    def _close_batches(self, lane: Lane) -> None:
        """Make slices of what is staged. They go at once where nothing else waits."""
        for batch in lane.batches:
            if batch.pushes and not lane.outgoing.is_open:
                priority = batch.priority
                lane.outgoing.add(batch.take(), priority)
            elif batch.pushes or batch.pulls:
                self._send_slice(lane, batch.take())
        lane.pending = False

    # ---------------------------------------------------------------- what waits

    def _send_waiting(self, lane: Lane, everything: bool = False) -> None:
        """Send slices whose turn it is. Where some go on waiting, the server shall say when it has taken these."""
        turn = []
        while (waiting := lane.outgoing.next(everything)) is not None:
            self._send_pushes(lane, waiting)
            turn.append(waiting)
        for mapped in (False, True):
            if blocks := [block for one in turn if one.mapped == mapped for block in one.pulls]:
                self._send_pulls(lane, runs_of(blocks), mapped and not lane.unseen)
        if lane.outgoing.should_ask():
            self._callbacks[self._request(lane.server, m.Sync, (), None)] = lambda _: lane.outgoing.answered()

    def _send_slice(self, lane: Lane, taken: Slice) -> None:
        """Send pushes and then pulls: a pull asks for what pushes before it bring about."""
        runs = self._send_pushes(lane, taken)
        if taken.pulls:
            pulled = runs if taken.pulls == taken.pushes else runs_of(taken.pulls)
            self._send_pulls(lane, pulled, taken.mapped and not lane.unseen)

    def _take(self, incoming: Incoming) -> None:
        self.lanes[incoming.server].outgoing.heard(incoming.taken)
        super()._take(incoming)

    def _while_waiting(self) -> None:
        """Let slices go whose turn has come."""
        for lane in self.lanes:
            if lane.outgoing:
                self._send_waiting(lane)

    # ---------------------------------------------------------------- messages

    def _send_pushes(self, lane: Lane, taken: Slice) -> list[m.Run]:
        if not taken.pushes:
            return []
        for block in taken.pushes:
            block.parameter.staged -= 1
        runs = runs_of(taken.pushes)
        for codec, part in lane.by_codec(runs):
            self._send_staged(lane, taken.mapped, part, codec)
        self._count_pushed(lane, taken.mapped, runs)
        return runs

    def _count_pushed(self, lane: Lane, mapped: bool, runs: list[m.Run]) -> None:
        """Note what has just been sent."""
        nbytes = lane.nbytes(runs)
        lane.outgoing.sent(self.outboxes[lane.server].last, nbytes // MAPPED_SHARE if mapped else nbytes)
        self.counters.bytes_out += nbytes
        self.counters.rounds = max(self.counters.rounds, *[run[3] for run in runs])

    def _send_staged(self, lane: Lane, mapped: bool, runs: list[m.Run], codec: Codec | None) -> None:
        if codec is None:
            self.send(lane.server, m.Push(runs, mapped), None if mapped else lane.payload(runs))
        elif mapped:
            lane.quantize(runs, codec)
            self.send(lane.server, m.Push(runs, True))
        else:
            self.send(lane.server, m.Push(runs, False, codec.form), lane.encoded(runs, codec))

    def _send_pulls(self, lane: Lane, runs: list[m.Run], mapped: bool) -> None:
        for codec, alike in lane.by_codec(runs, pull=True):
            for start in range(0, len(alike), m.MAX_ITEMS):
                part = alike[start : start + m.MAX_ITEMS]
                self.send(lane.server, m.Pull(part, mapped, m.NO_CODEC if codec is None else codec.form))
