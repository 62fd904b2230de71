"""Devices side by side: contexts run at once, devices of one context in order, errors come out."""

import threading

import pytest

import mxtrain as mx
from mxtrain_worker.device_threads import DeviceThreads


def test_two_contexts_run_at_once() -> None:
    meeting = threading.Barrier(2, timeout=20)
    DeviceThreads([mx.cpu(0), mx.cpu(1)]).run(lambda device: meeting.wait() and None)


def test_one_context_runs_in_the_calling_thread_in_order() -> None:
    seen = []
    DeviceThreads([mx.cpu(0)] * 3).run(lambda device: seen.append((device, threading.current_thread())))
    assert seen == [(device, threading.current_thread()) for device in range(3)]


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_comes_out_when_all_have_ended(failing: int) -> None:
    ended = []

    def work(device: int) -> None:
        if device == failing:
            raise ValueError(f"device {device}")
        ended.append(device)

    threads = DeviceThreads([mx.cpu(0), mx.cpu(1)])
    with pytest.raises(ValueError, match=f"device {failing}"):
        threads.run(work)
    assert ended == [1 - failing]
    threads.run(lambda device: None)


def test_threads_end_with_their_owner() -> None:
    before = set(threading.enumerate())
    threads = DeviceThreads([mx.cpu(0), mx.cpu(1), mx.cpu(2)])
    threads.run(lambda device: None)
    started = set(threading.enumerate()) - before
    assert started
    del threads
    for thread in started:
        thread.join(timeout=20)
    assert not any(thread.is_alive() for thread in started)
