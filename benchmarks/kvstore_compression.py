"""Rounds per second and bytes of compressed pushes over TCP against uncompressed ones.

    python -m mxtrain launch -n 2 -s 2 python benchmarks/kvstore_compression.py [SECONDS]

Prints, from worker 0: payload, type of compression, bytes that a worker pushes and pulls per round, rounds per second
and their ratio to those without compression. Set MXTRAIN_KVSTORE_TRANSPORT=tcp; over loopback the network costs
little, so the ratio of rates is the price of the codes, and the ratio of bytes what a slow network gains.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from kvstore_payloads import PAYLOADS

import mxtrain as mx
from mxtrain_kvstore.compression.parameters import read_params

KINDS: list[dict[str, Any] | None] = [
    None,
    {"type": "2bit", "threshold": 0.5},
    {"type": "1bit"},
    {"type": "fp16"},
    {"type": "bf16", "pull": "bf16"},
    {"type": "topk", "ratio": 0.01},
]


def bytes_of(shapes: list[tuple[int, ...]], params: dict[str, Any] | None) -> tuple[int, int]:
    """Bytes of the values that one worker pushes, and pulls, in a round."""
    sizes = [mx.nd.empty(shape).size for shape in shapes]
    if params is None:
        return 4 * sum(sizes), 4 * sum(sizes)
    push, pull = read_params(params)
    return sum(map(push.encoded_size, sizes)), sum(map(pull.encoded_size, sizes)) if pull else 4 * sum(sizes)


def measure(shapes: list[tuple[int, ...]], params: dict[str, Any] | None, seconds: float) -> float:
    """Rounds per second; every worker does as many rounds."""
    kv = mx.kv.create("dist_sync")
    if params is not None:
        kv.set_gradient_compression(params)
    keys = list(range(len(shapes)))
    kv.init(keys, [mx.nd.zeros(shape) for shape in shapes])
    kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.1, momentum=0.9))
    gradients = [mx.nd.random.normal(0, 0.3, shape=shape) for shape in shapes]
    outs = [mx.nd.empty(shape) for shape in shapes]

    def rounds(count: int) -> float:
        mx.nd.waitall()
        start = time.perf_counter()
        for _ in range(count):
            kv.push(keys, gradients)
            kv.pull(keys, outs)
            mx.nd.waitall()
        return (time.perf_counter() - start) / count

    rounds(1)
    first = mx.nd.array([rounds(2)])
    kv.init(len(keys), first)
    kv.pull(len(keys), first)  # worker 0's, so that all do as many
    rate = 1 / rounds(max(2, int(seconds / first.asscalar())))
    kv.close()
    return rate


def main() -> None:
    """Measure every payload with every kind of compression."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    kv = mx.kv.create("dist_sync")
    for name, shapes in PAYLOADS.items():
        base = 0.0
        for params in KINDS:
            rate = measure(shapes, params, seconds)
            base = base or rate
            push, pull = bytes_of(shapes, params)
            kind = "none" if params is None else ", ".join(map(str, params.values()))
            if kv.rank == 0:
                moved = f"{push / 1e6:8.2f} MB pushed {pull / 1e6:8.2f} MB pulled"
                print(f"{name:24} {kind:12} {moved} {rate:8.2f} rounds/s  x {rate / base:.2f}", flush=True)


if __name__ == "__main__":
    main()
