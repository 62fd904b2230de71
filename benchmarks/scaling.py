"""What a round costs each process, measured on small clusters of this machine, and a model fitted to it.

    python benchmarks/scaling.py                 # a few minutes; prints the tables of docs/scaling.md

Processor time is measured, not time by the clock, so that other work on the machine disturbs little. Dense pushes and
pulls in `dist_sync` with SGD and momentum on servers. The model of docs/scaling.md is fitted to the clusters of up to
FITTED workers by least squares and then held against the larger ones.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

import numpy as np
from forked_job import ForkedJob
from measure import processor_seconds

import mxtrain as mx
from mxtrain_kvstore.transport.scheduler_client import PROTOCOL
from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.actions import SchedulerRules, Send
from mxtrain_server.scheduler.scheduler_state import SchedulerState

#: (workers, servers) of the clusters.
CLUSTERS = ((1, 1), (2, 1), (4, 1), (2, 2), (4, 2), (8, 1), (8, 2))
#: (arrays, elements of each), float32.
LOADS = ((1, 2_000_000), (300, 256), (1, 256))
FITTED = 4


def train(folder: Path, arrays: int, elements: int, seconds: float) -> None:
    """A worker; worker 0 writes what a round has cost a server, a worker and the scheduler."""
    kv = mx.kv.create("dist_sync")
    kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.01, momentum=0.9))
    keys = list(range(arrays))
    kv.init(keys, [mx.nd.ones((elements,)) for _ in keys])
    values = [mx.nd.ones((elements,)) for _ in keys]

    def rounds(count: int) -> None:
        for _ in range(count):
            kv.push(keys, values)
            kv.pull(keys, values)
            mx.nd.waitall()
        kv.barrier()

    rounds(3)
    start = time.monotonic()
    rounds(3)
    went = (time.monotonic() - start) / 3
    if kv.rank == 0:
        (folder / "count.new").write_text(str(max(10, min(20000, int(seconds / went)))))
        (folder / "count.new").replace(folder / "count")
    kv.barrier()
    count = int((folder / "count").read_text())
    pids = json.loads((folder / "pids").read_text())
    before, start = {name: processor_seconds(pid) for name, pid in pids.items()}, time.monotonic()
    rounds(count)
    if kv.rank == 0:
        used = {name: (processor_seconds(pid) - before[name]) / count for name, pid in pids.items()}
        (folder / "result").write_text(json.dumps([used, (time.monotonic() - start) / count]))
    kv.barrier()


def measured(
    workers: int, servers: int, arrays: int, elements: int, seconds: float, **env: str
) -> tuple[float, float, float]:
    """Seconds of processor time of a server and of a worker for one round, and seconds by the clock."""
    folder = Path(tempfile.mkdtemp(prefix="mxtrain-scaling-"))  # no TemporaryDirectory: forked nodes would remove it
    with ForkedJob(folder, lambda rank: train(folder, arrays, elements, seconds), workers, servers, **env) as job:
        if not job.run(120, lambda node: False):
            raise RuntimeError("the job hangs")
        if not (folder / "result").exists():
            raise RuntimeError(job.newest("worker 0").log.read_text())
    used, clock = json.loads((folder / "result").read_text())
    shutil.rmtree(folder)
    mean = {role: float(np.mean([v for k, v in used.items() if k.startswith(role)])) for role in ("server", "worker")}
    return mean["server"], mean["worker"], clock


def features(role: str, workers: int, servers: int, arrays: int, elements: int) -> list[float]:
    """What a round makes a server, or a worker, do: a constant, messages, keys, keys of all workers, MB."""
    megabytes, keys = arrays * elements * 4 / 1e6 / servers, arrays if arrays > 1 else 1
    here = max(1.0, keys / servers) if arrays > 1 else 1.0
    if role == "server":
        return [workers, here, workers * here, megabytes, workers * megabytes]
    return [1.0, servers, keys, megabytes * servers]


def fit(role: str, rows: list[tuple[tuple[int, int, int, int], float]]) -> np.ndarray:
    """Costs of the features, none negative, by relative error."""
    inputs = np.array([features(role, *place) for place, _ in rows])
    wanted = np.array([cost for _, cost in rows])
    scaled = inputs / wanted[:, None]
    active = list(range(inputs.shape[1]))
    while True:
        found = np.linalg.lstsq(scaled[:, active], np.ones(len(rows)), rcond=None)[0]
        if (found >= 0).all():
            costs = np.zeros(inputs.shape[1])
            costs[active] = found
            return costs
        active.pop(int(found.argmin()))


def data_plane(transport: str, replicas: int, seconds: float) -> None:
    """The table of one transport."""
    env = {"MXTRAIN_KVSTORE_TRANSPORT": transport, "MXTRAIN_REPLICAS": str(replicas)}
    rows: dict[str, list] = {"server": [], "worker": []}
    clocks = {}
    for arrays, elements in LOADS:
        for workers, servers in CLUSTERS:
            if replicas and servers < 2:
                continue
            place = (workers, servers, arrays, elements)
            server, worker, clocks[place] = measured(*place, seconds, **env)
            rows["server"].append((place, server))
            rows["worker"].append((place, worker))
    print(f"\n{transport}, replicas {replicas}\n")
    print("| workers | servers | arrays | server ms | model | worker ms | model | round ms |\n" + "|---" * 8 + "|")
    costs = {role: fit(role, [row for row in table if row[0][0] <= FITTED]) for role, table in rows.items()}
    for (place, server), (_, worker) in zip(rows["server"], rows["worker"], strict=True):
        models = [float(np.dot(features(role, *place), costs[role])) for role in ("server", "worker")]
        load = f"{place[2]} x {place[3] * 4 / 1000:g} kB"
        cells = [f"{1e3 * x:.3f}" for x in (server, models[0], worker, models[1], clocks[place])]
        print(f"| {place[0]} | {place[1]} | {load} | " + " | ".join(cells) + " |", flush=True)
    for role, found in costs.items():
        print(f"{role}: us per feature {np.round(found * 1e6, 2).tolist()}")


def control_plane(workers: int, servers: int) -> None:
    """What the scheduler's state machine costs in a job of that size, and how large its messages are."""
    state = SchedulerState(SchedulerRules("job", workers, servers, replicas=1, replace_timeout=60.0), 0.0)
    nodes = [(pb.ROLE_SERVER, rank) for rank in range(servers)] + [(pb.ROLE_WORKER, rank) for rank in range(workers)]

    def timed(call: object, *words: object) -> tuple[float, list]:
        start = time.process_time()
        actions = call(*words)  # type: ignore[operator]
        for action in actions:
            if isinstance(action, Send):
                action.message.SerializeToString()
        return time.process_time() - start, actions

    total, actions = 0.0, []
    for role, rank in nodes:
        request = pb.Register(
            protocol=PROTOCOL, job="job", role=role, node=f"{role}-{rank:012}", preferred_rank=rank,
            host="host-000-000", pid=10000, endpoint="tcp://10.0.0.1:40000" if role == pb.ROLE_SERVER else "",
        )  # fmt: skip
        spent, actions = timed(state.register, request, 1.0)
        total += spent
    view = max(a.message.ByteSize() for a in actions if isinstance(a, Send))
    beats = [timed(state.heartbeat, f"{role}-{rank:012}", 2.0)[0] for role, rank in nodes]
    lost, _ = timed(state.disconnected, f"{pb.ROLE_SERVER}-{0:012}", 3.0)
    barrier = sum(timed(state.enter_barrier, f"{pb.ROLE_WORKER}-{rank:012}", 0, 4.0)[0] for rank in range(workers))
    print(
        f"| {workers} | {servers} | {view / 1e3:.1f} | {view * len(nodes) / 1e6:.2f} | {total:.3f} | {lost:.3f} | "
        f"{np.mean(beats) * 1e6:.1f} | {barrier:.3f} |"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each measurement")
    parser.add_argument("--only", choices=["tcp", "shm", "scheduler"])
    given = parser.parse_args()
    if given.only in (None, "scheduler"):
        print("| workers | servers | view kB | all views MB | forming s | a server dies s | heartbeat us | barrier s |")
        print("|---" * 8 + "|")
        for size in ((10, 2), (100, 10), (300, 20), (1000, 50)):
            control_plane(*size)
    for kind in ("tcp", "shm"):
        if given.only in (None, kind):
            data_plane(kind, 0, given.seconds)
    if given.only in (None, "tcp"):
        data_plane("tcp", 1, given.seconds)
