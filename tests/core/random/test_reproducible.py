"""A seed gives the same numbers in every process, with every number of threads, whatever other devices do."""

import json
import os
import pathlib
import subprocess
import sys
import threading

import numpy as np
import pytest

import mxtrain as mx

SCRIPT = pathlib.Path(__file__).with_name("drawn_numbers.py")
SECONDS = 120.0  # for one process


def numbers_with(threads):
    settings = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MXNET_OMP_MAX_THREADS")}
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def expected():
    """What a process with one thread draws."""
    return numbers_with(1)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_in_every_process_with_every_number_of_threads(expected, threads):
    assert numbers_with(threads) == expected


def test_no_two_devices_or_kinds_draw_the_same(expected):
    assert len(set(expected.values())) == len(expected)


def test_devices_that_draw_at_once_do_not_disturb_each_other():
    def sequence(ctx):
        return [mx.nd.random.normal(shape=(50000,), ctx=ctx).asnumpy() for _ in range(8)]

    contexts = [mx.cpu(i) for i in range(4)]
    mx.random.seed(21)
    alone = [sequence(ctx) for ctx in contexts]
    mx.random.seed(21)
    together = [None] * len(contexts)
    begin = threading.Barrier(len(contexts), timeout=60)

    def draw(i):
        begin.wait()
        together[i] = sequence(contexts[i])

    workers = [threading.Thread(target=draw, args=(i,)) for i in range(len(contexts))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    for one, other in zip(alone, together, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_large_masks_that_are_drawn_again_for_backward(monkeypatch):
    """The numbers of several blocks come again when backward repeats an operator."""
    x = mx.sym.var("x")
    net = mx.sym.make_loss(mx.sym.sin(mx.sym.Dropout(mx.sym.exp(x), p=0.5)))

    def gradient():
        executor = net.simple_bind(mx.cpu(), x=(1 << 20,))
        mx.random.seed(2)
        executor.forward(is_train=True)
        executor.backward()
        return executor.grad_dict["x"].asnumpy(), mx.nd.random.uniform(shape=(4,)).asnumpy(), executor.debug_str()

    kept = gradient()
    monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", "1")
    repeated = gradient()
    assert kept[2] != repeated[2]
    np.testing.assert_array_equal(repeated[0], kept[0])
    np.testing.assert_array_equal(repeated[1], kept[1])
