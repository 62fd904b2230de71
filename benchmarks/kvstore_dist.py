"""Measure rounds of a distributed KVStore on this machine: 2 servers, 2 workers; a round pushes and pulls every array.

kvstore_dist.py --api mxtrain|mxnet [--optimizer sgd]

The script starts scheduler, servers and workers itself, as MXNet's launchers do: all run this script, in their roles.
"""

import argparse
import importlib
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from kvstore_payloads import PAYLOADS
from measure import report

SERVERS = 2
WORKERS = 2
TIMEOUT = 300.0  # seconds for the whole job


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", choices=["mxtrain", "mxnet"], default="mxtrain")
    parser.add_argument("--kind", default="dist_sync", help="dist_sync or dist_async")
    parser.add_argument("--optimizer", help="let the servers update by this optimizer, with momentum")
    parser.add_argument("--transport", default="auto", help="auto, shm or tcp; MXNet has tcp only")
    parser.add_argument("--replicas", type=int, default=0, help="copies on other servers; MXNet has none")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to measure each payload (default: 3)")
    return run(parser.parse_args(), work)


def run(options: argparse.Namespace, work: Callable[[argparse.Namespace], None]) -> int:
    """Start the job or, in one of its processes, play the role: a worker does its work, others serve."""
    role = os.environ.get("DMLC_ROLE")
    if role is None:
        return start_job(options)
    if role == "worker":
        work(options)
    else:
        importlib.import_module(options.api).kv.create(options.kind)
    return 0


def start_job(options: argparse.Namespace) -> int:
    """Start all processes, wait for the workers, and end what is left."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {
        **os.environ,
        "DMLC_PS_ROOT_URI": "127.0.0.1",
        "DMLC_PS_ROOT_PORT": str(port),
        "DMLC_NODE_HOST": "127.0.0.1",
        "DMLC_NUM_SERVER": str(SERVERS),
        "DMLC_NUM_WORKER": str(WORKERS),
        "MXTRAIN_KVSTORE_TRANSPORT": options.transport,
        "MXTRAIN_REPLICAS": str(options.replicas),
    }
    roles = ["scheduler", *["server"] * SERVERS, *["worker"] * WORKERS]
    processes = [subprocess.Popen([sys.executable, *sys.argv], env={**env, "DMLC_ROLE": role}) for role in roles]
    try:
        end = time.monotonic() + TIMEOUT
        codes = [process.wait(max(0.1, end - time.monotonic())) for process in processes[-WORKERS:]]
        return max(codes)
    finally:
        for process in processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def work(options: argparse.Namespace) -> None:
    """Measure every payload; worker 0 reports."""
    mx = importlib.import_module(options.api)
    kv = mx.kv.create(options.kind)
    if options.optimizer:
        kv.set_optimizer(mx.optimizer.create(options.optimizer, learning_rate=0.001, momentum=0.9))
    first = 0
    for name, shapes in PAYLOADS.items():
        keys = [str(first + number) for number in range(len(shapes))]
        first += len(shapes)
        kv.init(keys, [mx.nd.zeros(shape) for shape in shapes])
        gradients, weights = [mx.nd.ones(shape) for shape in shapes], [mx.nd.zeros(shape) for shape in shapes]
        per_second = rounds_per_second(mx, kv, keys, gradients, weights, options.seconds)
        if kv.rank == 0:
            how = f"{options.optimizer} on servers" if options.optimizer else "sums"
            how += ", replicated" if options.replicas else ""
            where = "" if options.transport == "auto" else f" over {options.transport}"
            report(f"{options.kind}{where}, {how}: {name}", per_second, "rounds/s")


def rounds_per_second(mx, kv, keys, gradients, weights, seconds: float) -> float:
    """The median rate; both workers make equally many rounds."""

    def make_round() -> float:
        begin = time.perf_counter()
        for number, key in enumerate(keys):
            kv.push(key, gradients[number], priority=-number)
            kv.pull(key, weights[number], priority=-number)
        mx.nd.waitall()
        return time.perf_counter() - begin

    kv._barrier()
    guess = statistics.median([make_round() for _ in range(3)])
    # worker 0's guess counts for all: it is put into the store as a value
    kv.init("rounds" + keys[0], mx.nd.array([max(5, min(200, seconds / guess))]))
    count = mx.nd.zeros((1,))
    kv.pull("rounds" + keys[0], count)
    times = [make_round() for _ in range(int(count.asscalar()))]
    kv._barrier()
    return 1 / statistics.median(times)


if __name__ == "__main__":
    sys.exit(main())
