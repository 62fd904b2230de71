"""Measure how soon the first layer's new weights come where gradients are pushed as backward makes them: last first.

kvstore_priorities.py [--transport tcp]

2 servers, 2 workers, dist_sync, SGD with momentum on the servers. In every round a worker pushes and pulls each array,
the last first, once with priority=-index, as MXNet's Module does, and once without priorities, in turns.
"""

import argparse
import importlib
import statistics
import time

from kvstore_dist import add_job_options, run
from kvstore_payloads import resnet50
from measure import report

FIRST = 3  # arrays of the first layer: a convolution and its normalization


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", choices=["mxtrain", "mxnet"], default="mxtrain")
    add_job_options(parser)
    parser.set_defaults(transport="tcp")
    parser.add_argument("--rounds", type=int, default=20)
    return run(parser.parse_args(), work)


def work(options: argparse.Namespace) -> None:
    """Both kinds of rounds; worker 0 reports."""
    mx = importlib.import_module(options.api)
    kv = mx.kv.create(options.kind)
    kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.01, momentum=0.9))
    shapes = resnet50()
    for key, shape in enumerate(shapes):
        kv.init(str(key), mx.nd.zeros(shape))
    gradients, weights = ([mx.nd.ones(shape) for shape in shapes] for _ in range(2))
    times: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for _ in range(options.rounds):
        for prioritized in times:
            kv._barrier()
            times[prioritized].append(_round(mx, kv, gradients, weights, prioritized))
    if kv.rank == 0:
        for prioritized, measured in times.items():
            name = f"ResNet-50's arrays, {options.transport}, {'priority=-index' if prioritized else 'no priorities'}"
            first, last = (statistics.median(column) for column in zip(*measured, strict=True))
            report(f"{name}: first layer's weights", first * 1e3, "ms", higher_is_better=False)
            report(f"{name}: all weights", last * 1e3, "ms", higher_is_better=False)
    kv._barrier()


def _round(mx, kv, gradients, weights, prioritized: bool) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    """Seconds from the first push until the first layer's weights have come, and until all have."""
    start = time.perf_counter()
    for index in reversed(range(len(weights))):
        priority = -index if prioritized else 0
        kv.push(str(index), gradients[index], priority=priority)
        kv.pull(str(index), weights[index], priority=priority)
    for weight in weights[:FIRST]:
        weight.wait_to_read()
    first = time.perf_counter() - start
    mx.nd.waitall()
    return first, time.perf_counter() - start


if __name__ == "__main__":
    raise SystemExit(main())
