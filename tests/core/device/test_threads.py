"""The threads that share work on large arrays."""

import multiprocessing
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from mxtrain.base import MXNetError
from mxtrain.device import threads


@pytest.fixture(autouse=True)
def _four_threads():
    previous = threads.set_num_threads(4)
    yield
    threads.set_num_threads(previous)


def helpers():
    return [thread for thread in threading.enumerate() if thread.name == "mxtrain-compute"]


def test_every_call_is_made_once_and_several_threads_make_them():
    calls, who = [], set()
    together = threading.Barrier(4, timeout=30)

    def work(number):
        if number < 4:
            together.wait()  # passes only if four threads are in here
        calls.append(number)
        who.add(threading.get_ident())

    threads.for_each(100, work)
    assert sorted(calls) == list(range(100))
    assert len(who) == 4


def test_one_thread_or_one_call_starts_none():
    known = helpers()
    threads.set_num_threads(1)
    calls = []
    threads.for_each(5, calls.append)
    threads.set_num_threads(4)
    threads.for_each(1, calls.append)
    threads.for_each(0, calls.append)
    assert calls == [0, 1, 2, 3, 4, 0]
    assert set(helpers()) <= set(known)


def test_the_first_error_is_raised_after_the_others_have_ended():
    running = []

    def work(number):
        running.append(number)
        try:
            if number == 1:
                raise ValueError("number one")
            time.sleep(0.01)
        finally:
            running.remove(number)

    with pytest.raises(ValueError, match="number one"):
        threads.for_each(50, work)
    assert running == []
    threads.for_each(4, lambda number: None)  # the threads live on


def test_work_within_work_and_from_several_threads():
    def total(result, at):
        parts = [0] * 20
        threads.for_each(20, lambda n: parts.__setitem__(n, n))
        result[at] = sum(parts)

    sums = [0] * 6
    threads.for_each(6, lambda n: total(sums, n))
    others = [0] * 6
    callers = [threading.Thread(target=total, args=(others, n)) for n in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)
    assert sums == others == [190] * 6


def test_infinities_are_no_warnings_in_any_thread():
    zeros, found = np.zeros(10), []
    with np.errstate(all="ignore"):
        threads.for_each(40, lambda n: found.append(1 / zeros))
    assert len(found) == 40


def test_idle_threads_end():
    threads.for_each(8, lambda n: time.sleep(0.001))
    end = time.monotonic() + 30
    while helpers():
        assert time.monotonic() < end, "expected idle threads to end. Received: they live on."
        time.sleep(0.05)
    threads.for_each(8, lambda n: None)


def _child(queue):
    calls = []
    threads.for_each(8, calls.append)
    queue.put((sorted(calls), threads.num_threads()))


def test_a_forked_child_has_threads_of_its_own():
    threads.for_each(8, lambda n: time.sleep(0.001))
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_child, args=(queue,))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert queue.get() == (list(range(8)), 4)


@pytest.mark.parametrize(
    ("settings", "number"),
    [
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "3,1", "MXNET_OMP_MAX_THREADS": ""}, 3),
        ({"OMP_NUM_THREADS": "3", "MXNET_OMP_MAX_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "many"}, None),
        ({"OMP_NUM_THREADS": "0"}, None),
    ],
)
def test_settings(settings, number):
    env = {name: value for name, value in os.environ.items() if not name.endswith(("_NUM_THREADS", "_MAX_THREADS"))}
    code = "import mxtrain.device.threads as t, threading; print(t.num_threads(), threading.active_count())"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**env, **settings}, capture_output=True, text=True, timeout=60, check=True
    )
    expected = number if number is not None else len(os.sched_getaffinity(0))
    assert done.stdout.split() == [str(expected), "1"]  # importing starts no thread


def test_no_thread_at_all_is_refused():
    with pytest.raises(MXNetError, match="Received: 0"):
        threads.set_num_threads(0)
