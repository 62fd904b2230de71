"""Threads that use oneDNN for the first time at the same moment."""

import threading
import time
from ctypes import c_void_p

from mxtrain.device.onednn import _made_once


def test_all_threads_get_one_object() -> None:
    def make() -> c_void_p:
        time.sleep(0.05)
        return c_void_p(1)

    get = _made_once(make)
    start, found = threading.Barrier(4, timeout=20), []

    def ask() -> None:
        start.wait()
        found.append(get())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len(found) == 4
    assert all(handle is found[0] for handle in found)
