"""`ParameterClient`: a worker's pushes, pulls and requests to all servers, batched and asynchronous."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from mxtrain.base import MXNetError
from mxtrain.ndarray import NDArray
from mxtrain_kvstore.compression.codec import Codec
from mxtrain_kvstore.compression.feedback import compress
from mxtrain_kvstore.compression.parameters import Compression, codec_of
from mxtrain_kvstore.distributed.batch import BLOCK_WEIGHT, runs_of
from mxtrain_kvstore.distributed.channel import Channel, Incoming, SharedFiles
from mxtrain_kvstore.distributed.lane import Lane, LaneSegment
from mxtrain_kvstore.distributed.parameter import DIRECT_BYTES, Block, Parameter
from mxtrain_kvstore.distributed.routes import Routes
from mxtrain_kvstore.distributed.sender import Sender
from mxtrain_kvstore.sums import sum_into
from mxtrain_kvstore.wire import messages as m

_log = logging.getLogger(__name__)


class ParameterClient(Sender):
    """Everything between this worker and the servers; all methods may be called from any thread.

    abandoned: stores that nobody uses any more and that should be left. wake_flusher: called when something is staged.
    shared: how memory is shared with servers of this host; None: not at all.
    """

    def __init__(
        self,
        channel: Channel,
        rank: int,
        wait_timeout: float,
        broken: Callable[[], str | None],
        routes: Callable[[], Routes | None] = lambda: None,
    ) -> None:
        super().__init__(channel, rank, wait_timeout, broken, routes)
        self.abandoned: list[int] = []
        self.shared: SharedFiles | None = None
        self._handlers[m.Pulled] = self._take_pulled
        self._acquire, self._release = self.lock.acquire, self.lock.release  # `with` takes twice as long

    # ---------------------------------------------------------------- values

    def push(self, parameter: Parameter, sources: Sequence[np.ndarray], priority: float = 0) -> None:
        """Push the sum of arrays of the parameter's shape and dtype; they may be changed as soon as this returns.

        priority: what has a higher one goes first, where there is much that has not gone yet. Waits only where a pull
        of the same parameter is under way, or the worker is too many rounds ahead.
        """
        with self.lock:
            if parameter.awaiting or parameter.staged or self._failure:
                self._make_way(parameter)
            parameter.idle = False
            parameter.priority = priority
            parameter.pushed += 1
            consumed = parameter.seen >= parameter.pushed - 1
            if not consumed and parameter.pushed - parameter.seen > parameter.rounds_ahead:
                self._catch_up(parameter)
            for block in parameter.blocks:
                # the servers may still be reading the last push from memory that they share
                if consumed if block.segment.shared else len(sources) > 1 or not self._goes_at_once(block):
                    self._stage_push(block, sources)
                else:
                    self._send_push(block, sources)

    def push_again(self, parameter: Parameter, source: np.ndarray, priority: float = 0) -> bool:
        """As `push` of one array, where that is a copy and a note; False where it is more, and nothing has happened.

        This is what a training loop does with small arrays round after round, so it is written for speed.
        """
        self._acquire()
        try:
            if not parameter.idle or self._failure:
                return False
            parameter.idle = False
            block = parameter.block
            block.staging[...] = source
            parameter.pushed += 1
            parameter.staged = 1
            parameter.priority = priority
            batch = block.batch
            if priority > batch.priority:
                batch.rise(priority)
            batch.pushes.append(block)
            batch.weight += block.weight
            if batch.weight >= batch.limit or not block.lane.pending:
                self._staged(block)
            return True
        finally:
            self._release()

    def _make_way(self, parameter: Parameter) -> None:
        """Before the next push of a parameter its staged push must be out and its pull must be in."""
        self.check()
        if parameter.staged:
            self.flush()
        if parameter.awaiting:
            self.settle(parameter)

    def _catch_up(self, parameter: Parameter) -> None:
        """Wait until the servers have completed all earlier rounds of a parameter."""
        parameter.pushed -= 1
        self.pull(parameter, [], priority=parameter.priority)
        self.settle(parameter)
        parameter.pushed += 1

    def _stage_push(self, block: Block, sources: Sequence[np.ndarray]) -> None:
        if block.whole and len(sources) == 1:
            block.staging[...] = sources[0]
        else:
            sum_into(block.staging, _parts(block, sources))
        block.parameter.staged += 1
        batch = block.batch
        if block.parameter.priority > batch.priority:
            batch.rise(block.parameter.priority)
        batch.pushes.append(block)
        batch.weight += block.weight
        if batch.weight >= batch.limit or not block.lane.pending:
            self._staged(block)

    @staticmethod
    def _goes_at_once(block: Block) -> bool:
        """Whether the values of a large block are sent from where they are: nothing waits that it would overtake."""
        return block.nbytes >= DIRECT_BYTES and block.lane.outgoing.is_open

    def _send_push(self, block: Block, sources: Sequence[np.ndarray]) -> None:
        values = _summed(block, sources).reshape(-1)
        run = [block.number, block.index, 1, block.parameter.pushed]
        codec = block.segment.codec
        if codec is None:
            self.send(block.lane.server, m.Push([run], False), values.view(np.uint8))
        else:
            residual = block.segment.residual(block.position, block.position + block.length)
            self.send(block.lane.server, m.Push([run], False, codec.form), compress(codec, values, residual))
        self._count_pushed(block.lane, False, [run])

    def pull(
        self,
        parameter: Parameter,
        outs: Sequence[np.ndarray],
        finish: Callable[[], None] | None = None,
        priority: float = 0,
    ) -> None:
        """Ask for the parameter's values; `settle` returns when they are in `outs`, arrays of its shape.

        finish: called when they are. priority: see `push`.
        """
        with self.lock:
            blocks = parameter.blocks
            if parameter.awaiting and parameter.awaiting != len(blocks):
                self.settle(parameter)
            parameter.outs += outs
            if finish is not None:
                parameter.finish.append(finish)
            if parameter.awaiting:
                return  # nothing of the pull under way has come yet: it serves these arrays too
            parameter.idle = False
            parameter.priority = priority
            parameter.awaiting = len(blocks)
            for block in blocks:
                block.wanted = True
                self._stage_pull(block, priority)

    def _stage_pull(self, block: Block, priority: float) -> None:
        """Ask with the next batch, or, where the push of the block waits for its turn, with that."""
        if block.waiting is not None:
            block.waiting.pulls.append(block)
            return
        batch = block.batch
        if priority > batch.priority:
            batch.rise(priority)
        batch.pulls.append(block)
        batch.weight += BLOCK_WEIGHT
        if batch.weight >= batch.limit or not block.lane.pending:
            self._staged(block)

    def pull_again(self, parameter: Parameter, out: NDArray, priority: float = 0) -> bool:
        """As `pull` to one array that fits, and mark it as on its way; False, and nothing happens, unless that is easy.

        As `push_again`, of which it is the counterpart.
        """
        self._acquire()
        try:
            if parameter.awaiting or out._pending is not None or out._family is not None:
                return False
            parameter.arrival.expect(out)
            parameter.idle = False
            parameter.priority = priority
            parameter.awaiting = 1
            block = parameter.block
            block.wanted = True
            batch = block.batch
            if priority > batch.priority or block.waiting is not None:
                self._stage_pull(block, priority)
                return True
            batch.pulls.append(block)
            batch.weight += BLOCK_WEIGHT
            if batch.weight >= batch.limit or not block.lane.pending:
                self._staged(block)
            return True
        finally:
            self._release()

    def settle(self, parameter: Parameter) -> None:
        """Return when the pull of a parameter has come. Raises MXNetError where it does not, and says why."""
        if not parameter.awaiting:
            return
        with self.lock:
            self._flush_by_turns()
            self._wait(lambda: not parameter.awaiting, lambda: self._what_delays(parameter))

    def settle_all(self, store: int) -> None:
        """Return when all pulls from a store that are under way have come."""
        for parameter in self._under_way(store):
            self.settle(parameter)

    def flush_unless_busy(self) -> bool:
        """Send what is staged, if no other thread is at work here; whether nothing is left to do.

        Where another process has become a server, go on with it, even if nobody waits for an answer.
        """
        if not self.lock.acquire(blocking=False):
            return False
        try:
            self.follow_routes()
            if self._moving or any(lane.outgoing for lane in self.lanes):
                self._hear(0.0)
            self._flush_by_turns()
            if self.abandoned:
                self._leave_abandoned()
            return not self._moving and not any(lane.outgoing for lane in self.lanes)
        finally:
            self.lock.release()

    def flush(self) -> None:
        """Send all that is staged or waits, and leave what is abandoned."""
        with self.lock:
            super().flush()
            if self.abandoned:
                self._leave_abandoned()

    def compress(self, store: int, compression: Compression) -> None:
        """Encode what is pushed to a store, and pulled from it, from now on."""
        with self.lock:
            self.flush()
            for lane in self.lanes:
                for segment in lane.segments.values():
                    if segment.store == store:
                        segment.compress_by(compression)
                        lane.compressing = True

    # ---------------------------------------------------------------- stores

    def leave(self, store: int) -> None:
        """Take part in no more rounds of a store, and forget its parameters."""
        with self.lock:
            self.settle_all(store)
            self.ask_all(m.LeaveStore, store)
            self._forget(store)

    def _leave_abandoned(self) -> None:
        """Leave stores without waiting; one whose pulls are under way is left the next time."""
        super().flush()
        for store in list(self.abandoned):
            if self._under_way(store):
                continue
            self.abandoned.remove(store)
            for server in range(self.channel.num_servers):
                self._callbacks[self._request(server, m.LeaveStore, (store,), None)] = lambda _: None
            self._forget(store)

    def _under_way(self, store: int) -> list[Parameter]:
        """The parameters of a store whose pulls have not come."""
        segments = [segment for lane in self.lanes for segment in lane.segments.values() if segment.store == store]
        return [block.parameter for segment in segments for block in segment.known() if block.parameter.awaiting]

    def _forget(self, store: int) -> None:
        for lane in self.lanes:
            lane.segments = {n: segment for n, segment in lane.segments.items() if segment.store != store}

    # ---------------------------------------------------------------- answers

    def _take_pulled(self, incoming: Incoming) -> None:
        lane = self.lanes[incoming.server]
        self.counters.bytes_in += lane.nbytes(incoming.message.runs)
        if incoming.message.mapped:
            for number, first, count, reached in incoming.message.runs:
                segment = lane.segments[number]
                blocks = segment.run(first, count)
                if segment.values is not None:
                    self._arrive(blocks, _as_decoded([block.values for block in blocks], segment.pull_codec), reached)
            return
        codec = codec_of(*incoming.message.codec)
        position = 0
        payload = np.empty(0, np.uint8) if incoming.payload is None else incoming.payload
        for number, first, count, reached in incoming.message.runs:
            segment = lane.segments[number]
            blocks = segment.run(first, count)
            length = blocks[-1].position + blocks[-1].length - blocks[0].position
            end = position + (length * segment.dtype.itemsize if codec is None else codec.encoded_size(length))
            code = payload[position:end]
            values = code.view(segment.dtype) if codec is None else codec.decode(code, length)
            origin = blocks[0].position
            self._arrive(blocks, [block.formed(values[block.position - origin :]) for block in blocks], reached)
            position = end

    def _arrive(self, blocks: list[Block], values: list[np.ndarray], reached: int) -> None:
        """Put the values of blocks where the pulls of their parameters want them."""
        for block, value in zip(blocks, values, strict=True):
            parameter = block.parameter
            if not block.wanted or reached < parameter.pushed:
                continue  # it came before, from a server that was asked twice
            block.wanted = False
            arrival = parameter.arrival
            if arrival.buffer is not None:  # a pull like the last one, of a parameter that is one block
                arrival.buffer[...] = value
                if reached == parameter.pushed and not (parameter.outs or parameter.finish):
                    arrival.arrived()
                    parameter.awaiting, parameter.seen, parameter.idle = 0, reached, block.repeats
                    continue
            for out in parameter.outs:
                target = out if block.whole else out.reshape(-1)[block.offset : block.stop]
                target[...] = value
            if reached < parameter.reached:
                parameter.reached = reached
            parameter.awaiting -= 1
            if not parameter.awaiting:
                parameter.catch_up()
                parameter.idle = block.repeats
                arrival.arrived()
                if parameter.outs or parameter.finish or parameter.passed:
                    self._all_arrived(parameter)

    def _all_arrived(self, parameter: Parameter) -> None:
        """A pull is complete: what nobody does for a pull that repeats the last one."""
        self.counters.passed_over = max(self.counters.passed_over, parameter.passed)
        parameter.outs = []
        finish, parameter.finish = parameter.finish, []
        for call in finish:
            call()

    # ---------------------------------------------------------------- other processes as servers

    def _resume(self, server: int, welcome: m.Welcome) -> None:
        """Memory that was shared with the process before is of no use: map the new one's, or send values."""
        lane = self.lanes[server]
        self._close_batches(lane)
        self._send_waiting(lane, everything=True)  # what is sent again afterwards comes in this order
        for segment in lane.segments.values():
            if segment.shared and not welcome.mapped:
                lane.unshare(segment)
            elif segment.shared:
                self.look_again(lane, segment)
        if not welcome.mapped:
            for sent in self.outboxes[server].replace_mapped(lane.payload):
                _log.debug("worker %d sends values of push %d to server %d", self.rank, sent, server)

    def look_again(self, lane: Lane, segment: LaneSegment) -> None:
        """Another process is the server: map its memory; until that is done values are sent."""
        with self.lock:
            segment.lose_sight()
            lane.unseen.add(segment.number)
            place = self._request(lane.server, m.MapSegment, (segment.number,), None)
            self._callbacks[place] = partial(self._see, lane, segment)

    def _see(self, lane: Lane, segment: LaneSegment, incoming: Incoming) -> None:
        """Read a segment's values directly again, if its memory can be mapped."""
        if isinstance(incoming.message, m.Mapped) and self.shared is not None:
            try:
                segment.see(self.shared.open(incoming.message.file, incoming.message.file[2]))
            except MXNetError as error:
                _log.info("worker %d cannot map memory of server %d: %s", self.rank, lane.server, error)
                return
            lane.unseen.discard(segment.number)

    def _pull_again(self, server: int) -> None:
        """Ask again for the blocks that have not come; values are sent, for the memory may be another's."""
        lane = self.lanes[server]
        staged = {id(block) for batch in lane.batches for block in batch.pulls}
        staged.update(map(id, lane.outgoing.pulls()))
        wanted = [
            block
            for segment in lane.segments.values()
            for block in segment.known()
            if block.wanted and id(block) not in staged
        ]
        if wanted:
            self._send_pulls(lane, runs_of(wanted), False)

    def _what_delays(self, parameter: Parameter) -> str:
        """What a pull is waiting for, asked of the servers where they answer."""
        text = f"the pull of {parameter.describe()}, round {parameter.pushed}"
        places = []
        for block in parameter.blocks:
            run = [block.segment.number, block.index, 1, parameter.pushed]
            places.append(self._request(block.lane.server, m.Explain, ([run],), None))
        end = time.monotonic() + 2
        while time.monotonic() < end and not all(place in self._replies for place in places):
            for incoming in self.channel.receive(0.1):
                self._take(incoming)
        answers = [self._replies.pop(place) for place in places if place in self._replies]
        reasons = dict.fromkeys(answer.message.text for answer in answers if answer.message.text)
        if len(answers) < len(places):
            silent = sorted({server for server, _ in places} - {answer.server for answer in answers})
            reasons[f"no answer from server(s) {silent}"] = None
        return ": ".join([text, "; ".join(reasons)]) if reasons else text


def _as_decoded(values: list[Any], codec: Codec | None) -> list[np.ndarray]:
    """Arrays as they would come by a message."""
    if codec is None:
        return values
    return [codec.decode(codec.encode(array.reshape(-1)), array.size).reshape(array.shape) for array in values]


def _parts(block: Block, sources: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """A block's elements of each array, in the form of its staging."""
    if block.whole:
        return sources
    return [source.reshape(-1)[block.offset : block.stop] for source in sources]


def _summed(block: Block, sources: Sequence[np.ndarray]) -> np.ndarray:
    parts = _parts(block, sources)
    if len(parts) == 1:
        return parts[0]
    total = np.empty_like(parts[0])
    sum_into(total, parts)
    return total
