"""Measure steps of a distributed KVStore with a row_sparse table of 1,000,000 x 64: 2 servers, 2 workers.

kvstore_rows.py --api mxtrain|mxnet [--optimizer sgd]

In each step every worker pushes the gradients of 10,000 rows and pulls the rows of the next step.
"""

import argparse
import importlib
import statistics
import sys
import time

import numpy as np
from kvstore_dist import add_job_options, run
from measure import report

SHAPE = (1_000_000, 64)
ROWS = 10_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", choices=["mxtrain", "mxnet"], default="mxtrain")
    add_job_options(parser)
    parser.add_argument("--optimizer", default="sgd", help="let the servers update by this optimizer (default: sgd)")
    parser.add_argument("--steps", type=int, default=60, help="steps to measure (default: 60)")
    return run(parser.parse_args(), work)


def work(options: argparse.Namespace) -> None:
    """Measure the steps; worker 0 reports."""
    mx = importlib.import_module(options.api)
    kv = mx.kv.create(options.kind)
    momentum = {"momentum": 0.9} if options.optimizer == "sgd" else {}
    kv.set_optimizer(mx.optimizer.create(options.optimizer, learning_rate=0.01, **momentum))
    kv.init("table", mx.nd.ones(SHAPE).tostype("row_sparse"))  # MXNet takes no empty table
    batches = [_batch(mx, kv.rank, number) for number in range(8)]
    out = mx.nd.zeros(SHAPE, stype="row_sparse")
    for number in range(5):
        _step(kv, batches, number, out)
    kv._barrier()
    times = []
    for number in range(options.steps):
        begin = time.perf_counter()
        _step(kv, batches, number, out)
        times.append(time.perf_counter() - begin)
    kv._barrier()
    if kv.rank == 0:
        where = "" if options.transport == "auto" else f" over {options.transport}"
        how = f"{options.optimizer} on servers" + (", replicated" if options.replicas else "")
        name = f"{options.kind}{where}, {how}: 10000 rows of 1000000 x 64"
        report(name, 1 / statistics.median(times), "steps/s")


def _batch(mx, rank: int, number: int) -> tuple:
    """A gradient, and the numbers of its rows."""
    rows = np.sort(np.random.default_rng([rank, number]).choice(SHAPE[0], ROWS, replace=False))
    gradient = mx.nd.sparse.row_sparse_array((np.ones((ROWS, SHAPE[1]), np.float32), rows), shape=SHAPE)
    return gradient, mx.nd.array(rows, dtype="int64")


def _step(kv, batches: list, number: int, out) -> None:
    kv.push("table", batches[number % len(batches)][0])
    kv.row_sparse_pull("table", out=out, row_ids=batches[(number + 1) % len(batches)][1])
    out.wait_to_read()


if __name__ == "__main__":
    sys.exit(main())
