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
from measure import processor_seconds, report

SERVERS = 2
WORKERS = 2
TIMEOUT = 300.0  # seconds for the whole job
PIDS = "KVSTORE_DIST_PIDS"  # variable that tells a worker the other processes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", choices=["mxtrain", "mxnet"], default="mxtrain")
    add_job_options(parser)
    parser.add_argument("--optimizer", help="let the servers update by this optimizer, with momentum")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to measure each payload (default: 3)")
    return run(parser.parse_args(), work)


def add_job_options(parser: argparse.ArgumentParser) -> None:
    """What kind of job it is."""
    parser.add_argument("--kind", default="dist_sync", help="dist_sync or dist_async")
    parser.add_argument("--transport", default="auto", help="auto, shm, tcp or grpc; MXNet has tcp only")
    parser.add_argument("--key", action="store_true", help="with a cluster key: everything is encrypted")
    parser.add_argument("--replicas", type=int, default=0, help="copies on other servers; MXNet has none")


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
        "MXTRAIN_CLUSTER_KEY": "the key of this benchmark" if options.key else "",
    }
    processes: list[subprocess.Popen] = []
    for role in ["scheduler", *["server"] * SERVERS, *["worker"] * WORKERS]:
        env |= {"DMLC_ROLE": role, PIDS: ",".join(str(process.pid) for process in processes[: 1 + SERVERS])}
        processes.append(subprocess.Popen([sys.executable, *sys.argv], env=env))
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
        per_second, processor = measure_rounds(mx, kv, keys, gradients, weights, options.seconds)
        if kv.rank == 0:
            how = f"{options.optimizer} on servers" if options.optimizer else "sums"
            how += ", replicated" if options.replicas else ""
            where = "" if options.transport == "auto" else f" over {options.transport}"
            where += " encrypted" if options.key else ""
            report(f"{options.kind}{where}, {how}: {name}", per_second, "rounds/s")
            case = f"{options.kind}{where}, {how}: {name}, all processes"
            report(case, processor * 1e3, "ms/round", higher_is_better=False)


def job_processor_seconds() -> float:
    """What scheduler, servers and workers have used; both workers as much as this one."""
    others = sum(processor_seconds(int(pid)) for pid in os.environ[PIDS].split(","))
    return others + WORKERS * processor_seconds(os.getpid())


def measure_rounds(mx, kv, keys, gradients, weights, seconds: float) -> tuple[float, float]:
    """(median rate, seconds of processor time per round); both workers make equally many rounds."""

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
    used = job_processor_seconds()
    times = [make_round() for _ in range(int(count.asscalar()))]
    used = job_processor_seconds() - used
    kv._barrier()
    return 1 / statistics.median(times), used / len(times)


if __name__ == "__main__":
    sys.exit(main())
