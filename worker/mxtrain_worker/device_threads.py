"""Runs the same work for several devices side by side."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from mxtrain.context import Context


class DeviceThreads:
    """One lane per distinct context: lanes run side by side, devices of one lane in order.

    Devices that share a context share its random generator, so that only a fixed order gives the same numbers on each
    run. The first lane runs in the calling thread; threads for the others start with the first call and end with this
    object.
    """

    def __init__(self, contexts: Sequence[Context]) -> None:
        lanes: dict[Context, list[int]] = {}
        for device, ctx in enumerate(contexts):
            lanes.setdefault(ctx, []).append(device)
        self._own_lane, *self._other_lanes = lanes.values()
        self._pool: ThreadPoolExecutor | None = None

    def run(self, work: Callable[[int], None]) -> None:
        """Call `work(device)` for every device and return when all have ended; raises the first error."""
        if not self._other_lanes:
            _run_lane(work, self._own_lane)
            return
        futures = self._start(work)
        try:
            _run_lane(work, self._own_lane)
        finally:
            errors = [future.exception() for future in futures]
        for error in errors:
            if error is not None:
                raise error

    def _start(self, work: Callable[[int], None]) -> list[Future[None]]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(len(self._other_lanes), thread_name_prefix="mxtrain-device")
        return [self._pool.submit(_run_lane, work, lane) for lane in self._other_lanes]


def _run_lane(work: Callable[[int], None], lane: Sequence[int]) -> None:
    for device in lane:
        work(device)
