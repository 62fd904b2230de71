"""SIGKILL or SIGSTOP of real processes at stated moments of a tiny training, as a table; or many random kills.

    python tests/faults/fault_table.py                       # every combination
    python tests/faults/fault_table.py --only "server 0"     # those whose name holds these words
    python tests/faults/fault_table.py --stop 20             # SIGSTOP, and SIGCONT after 20 seconds; dead after 4
    python tests/faults/fault_table.py --stop 20 --defaults  # the same, dead after 20 seconds as by default
    python tests/faults/fault_table.py --soak 200            # random kills, one after the other, until there were 200
    python tests/faults/fault_table.py --soak 200 --overlap  # whether all has recovered from the last one or not

A job has 2 workers, 2 servers and a scheduler. A killed process is started again at once, as the launcher does; a
server without replicas is not. Columns: outcome; seconds until another process says that it noticed; seconds until
every worker has finished a step that it began after the kill; whether the final weights have the bits of a run without
a fault. Logs of jobs with a bad outcome stay in the folder that is printed.

Nodes go on without a scheduler for 10 s here, not for 60 s as by default: a new scheduler waits half that time for
nodes that were killed together with the old one.
"""

import argparse
import hashlib
import itertools
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

from forked_job import ForkedJob, ForkedNode  # noqa: E402  the path comes first

import mxtrain as mx  # noqa: E402

WHO = ("worker 0", "worker 1", "server 0", "server 1", "scheduler 0")
TWO = (("worker 0", "server 1"), ("worker 0", "worker 1"), ("scheduler 0", "server 0"), ("server 0", "server 1"))
WHEN = ("before init", "in push", "in pull", "in barrier", "in update", "at the end")
SHAPES = [(17,)] * 4 + [(300,), (50, 7)]
#: The step in which somebody dies, and the number of steps.
STEP, STEPS = 6, 12
#: Steps after which worker 0 changes the learning rate.
CHANGE = 25


@dataclass(frozen=True)
class Case:
    """One cell of the table."""

    victims: tuple[str, ...]
    when: str
    kind: str = "dist_sync"
    replicas: int = 1
    stop: float = 0.0
    short: bool = True

    @property
    def name(self) -> str:
        return f"{' and '.join(self.victims)}, {self.when}, {self.kind}, replicas {self.replicas}"

    @property
    def trigger(self) -> str:
        """Who sends the signal: a victim at that point of its program, where there is one that comes by."""
        if self.when == "in barrier":
            return "worker 1"  # worker 0 stands in the barrier already
        role, default = ("server", "server 0") if self.when == "in update" else ("worker", "worker 0")
        return next((victim for victim in self.victims if victim.startswith(role)), default)

    @property
    def must_stop(self) -> bool:
        """Whether nobody can know the parameters any more."""
        servers = sum(victim.startswith("server") for victim in self.victims)
        return servers > 1 or (servers == 1 and self.replicas == 0)


class Moments:
    """In a process of the job: the points of its program at which it may have to send signals, once in the job."""

    def __init__(self, folder: Path, case: Case | None, me: str) -> None:
        self.folder = folder
        self.case = case
        self.me = me

    def reached(self, when: str) -> None:
        case = self.case
        if case is None or case.when != when or case.trigger != self.me:
            return
        try:
            os.close(os.open(self.folder / "killed", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        if when == "in barrier":
            time.sleep(0.3)
        pids = json.loads((self.folder / "pids").read_text())
        (self.folder / "kill").write_text(json.dumps([time.time(), pids]))
        for victim in sorted(case.victims, key=lambda name: name == self.me):
            os.kill(pids[victim], signal.SIGSTOP if case.stop else signal.SIGKILL)

    def watch_updates(self) -> None:
        """Let the servers' updates be moments."""
        from mxtrain_server.parameters.slab_updates import SlabUpdates

        update = SlabUpdates._update

        def watched(updates: SlabUpdates, *words: object) -> None:
            update(updates, *words)
            if updates.optimizer.num_update >= STEP:
                self.reached("in update")

        SlabUpdates._update = watched


def train(folder: Path, case: Case | None, rank: int, kind: str, steps: int, pause: float) -> None:
    """A worker: each gradient depends on all weights, rank and step, so a mistake shows in the final weights."""
    moments = Moments(folder, case, f"worker {rank}")
    progress = folder / f"progress{rank}"
    kv = mx.kv.create(kind)
    moments.reached("before init")
    optimizer = mx.optimizer.create("sgd", learning_rate=0.01, momentum=0.9)
    kv.set_optimizer(optimizer)
    keys = list(range(len(SHAPES)))
    kv.init(keys, [mx.nd.ones(shape) * (key + 1) for key, shape in zip(keys, SHAPES, strict=True)])
    weights = [mx.nd.zeros(shape) for shape in SHAPES]
    kv.pull(keys, weights)
    for step in range(1, steps + 1):
        if step % CHANGE == 0:
            optimizer.set_learning_rate(0.01 / (1 + step // CHANGE % 3))
        mean = sum(float(weight.asnumpy().mean()) for weight in weights) / len(weights)
        for key in keys:
            weight = weights[key]
            term = 0.001 * (step % 50 + key) + 0.01 * mean
            grad = weight * (0.01 * (kv.rank + 1)) + mx.nd.ones(weight.shape) * term
            if (step, key) == (STEP, 3):
                moments.reached("in push")
            kv.push(key, grad, priority=-key)
            if (step, key) == (STEP, 3):
                moments.reached("in pull")
            kv.pull(key, weight, priority=-key)
        mx.nd.waitall()
        check = zlib.crc32(b"".join(weight.asnumpy().tobytes() for weight in weights))
        print(f"{time.time():.3f} step {step} {check:08x}", flush=True)
        if step % STEP == 0:
            if step == STEP:
                moments.reached("in barrier")
            kv.barrier()
        if pause and (not progress.exists() or step > int(progress.read_text() or 0)):
            progress.write_text(str(step))
            time.sleep(pause)
    moments.reached("at the end")
    kv.barrier()
    digest = hashlib.sha256(b"".join(weight.asnumpy().tobytes() for weight in weights)).hexdigest()
    print(f"{time.time():.3f} weights {digest}", flush=True)


def make_job(
    folder: Path, case: Case | None, kind: str, replicas: int, steps: int = STEPS, pause: float = 0.0, **env: str
) -> ForkedJob:
    """A job that is ready to start."""

    def prepare(name: str) -> None:
        if name.startswith("server"):
            Moments(folder, case, name).watch_updates()

    return ForkedJob(
        folder,
        lambda rank: train(folder, case, rank, kind, steps, pause),
        prepare=prepare,
        **{
            "MXTRAIN_REPLICAS": str(replicas),
            "MXTRAIN_REPLACE_TIMEOUT": "60",
            "MXTRAIN_SCHEDULER_TIMEOUT": "10",
            "MXNET_KVSTORE_BIGARRAY_BOUND": "200",
            **env,
        },
    )


def digests(job: ForkedJob) -> set[str]:
    """What the workers say of their final weights."""
    workers = [node for node in job.nodes if node.role == "worker" and node.code == 0]
    return {text.split()[1] for node in workers for _, text in node.lines if text.startswith("weights ")}


def undisturbed(steps: int = STEPS, checks: Path | None = None) -> str:
    """The final weights of a run without a fault. checks: file for what worker 0 said of each step."""
    folder = Path(tempfile.mkdtemp(prefix="mxtrain-faults-"))
    with make_job(folder, None, "dist_sync", 0, steps) as job:
        if not job.run(300, lambda node: False) or len(digests(job)) != 1:
            raise RuntimeError(f"the run without a fault has failed; see {folder}")
        found = digests(job).pop()
        if checks is not None:
            shutil.copy(job.newest("worker 0").log, checks)
    shutil.rmtree(folder)
    return found


@dataclass
class Row:
    """What came of a case. Seconds; None: it did not come to that."""

    case: Case
    outcome: str
    detect: float | None
    on: float | None
    bits: str
    folder: Path

    @property
    def good(self) -> bool:
        expected = "stops, named" if self.case.must_stop else "goes on"
        late = self.case.must_stop and self.case.when in ("at the end", "in update", "before init")
        return (self.outcome == expected or (late and self.outcome == "goes on")) and self.bits in ("equal", "")


def run_case(case: Case, expected: str, limit: float = 90.0) -> Row:
    """One job in which that happens."""
    folder = Path(tempfile.mkdtemp(prefix="mxtrain-faults-"))
    env = {"MXTRAIN_HEARTBEAT_INTERVAL": "0.5", "MXTRAIN_HEARTBEAT_TIMEOUT": "4"} if case.stop and case.short else {}
    with make_job(folder, case, case.kind, case.replicas, pause=0.02, **env) as job:

        def wake() -> None:
            if case.stop and (folder / "kill").exists() and not (folder / "woken").exists():
                moment, pids = json.loads((folder / "kill").read_text())
                if time.time() - moment > case.stop:
                    (folder / "woken").touch()
                    for victim in case.victims:
                        os.kill(pids[victim], signal.SIGCONT)

        ended = job.run(limit, lambda node: node.role != "server" or case.replicas > 0, wake)
        row = judge(case, job, ended, expected)
    if row.good:
        shutil.rmtree(folder)
    return row


def judge(case: Case, job: ForkedJob, ended: bool, expected: str) -> Row:
    """Look at what the processes have said."""
    if not (job.folder / "kill").exists():
        return Row(case, "nobody was killed", None, None, "", job.folder)
    moment, pids = json.loads((job.folder / "kill").read_text())
    dead = [node for node in job.nodes if any(pids[victim] == node.pid for victim in case.victims)]
    others = [node for node in job.nodes if node not in dead]
    names = [f"pid {node.pid}" for node in dead]
    signs = [*names, "the scheduler cannot be reached"] if "scheduler 0" in case.victims else names
    seen = [t for node in others for t, text in node.lines if t >= moment and any(sign in text for sign in signs)]
    detect = min(seen) - moment if seen else None
    if not ended:
        return Row(case, "HANGS", detect, None, "", job.folder)
    last = [job.newest(name) for name in job.names]
    if any(node.code != 0 for node in last if node.role == "worker"):
        knew = [node for node in others if node.role == "worker" and node.life == 1]
        named = all(any(name in node.log.read_text() for name in names) for node in knew)
        return Row(case, "stops, named" if named else "stops", detect, None, "", job.folder)
    bits = "" if case.kind == "dist_async" else "equal" if digests(job) == {expected} else "DIFFERENT"
    return Row(case, "goes on", detect, _goes_on(case, last, moment), bits, job.folder)


def _goes_on(case: Case, nodes: list[ForkedNode], moment: float) -> float | None:
    """Seconds from the kill until every worker had finished the step after it, or the job where there is none."""
    step = {"before init": 0, "at the end": STEPS}.get(case.when, STEP) + 1
    done = "weights " if step > STEPS else f"step {step} "
    times = []
    for node in nodes:
        if node.role == "worker":
            times += [t for t, text in node.lines if text.startswith(done)][:1]
    return max(times) - moment if len(times) == 2 else None


def table(only: str, stop: float, short: bool) -> int:
    """Run the cases and print the table as Markdown; returns the number of bad outcomes."""
    victims = [(name,) for name in WHO] + list(TWO)
    kinds, copies, moments = ("dist_sync", "dist_async"), (0, 1), WHEN
    if stop:
        kinds, copies, moments = ("dist_sync",), (1,), ("in push",)
        victims = [
            *victims[: len(WHO)],
            ("worker 0", "worker 1"),
            ("worker 0", "server 1"),
            ("scheduler 0", "server 1"),
        ]
    cases = [Case(*words, stop, short) for words in itertools.product(victims, moments, kinds, copies)]
    expected = undisturbed()
    print(
        "| who | when | mode | replicas | outcome | detected after (s) | goes on after (s) | bits |\n"
        + "|---" * 8
        + "|"
    )
    bad = []
    for case in cases:
        if only not in case.name:
            continue
        row = run_case(case, expected, 90.0 + stop)
        cells = [" and ".join(case.victims), case.when, case.kind, case.replicas, row.outcome]
        cells += ["" if t is None else f"{t:.2f}" for t in (row.detect, row.on)]
        print("| " + " | ".join(map(str, [*cells, row.bits])) + " |", flush=True)
        if not row.good:
            bad.append(row)
    for row in bad:
        print(f"\nnot as it should be: {row.case.name}: {row.outcome} {row.bits}; logs in {row.folder}")
    return len(bad)


class Watcher:
    """A process of its own that asks the scheduler for the state of the job (whoever uses gRPC cannot fork)."""

    def __init__(self, job: ForkedJob, folder: Path) -> None:
        self.file = folder / "recovered"
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._watch(f"127.0.0.1:{job.env['DMLC_PS_ROOT_PORT']}", len(job.names) - 1)
            finally:
                os._exit(0)

    def _watch(self, address: str, nodes: int) -> None:
        import grpc

        from mxtrain_protos import scheduler_pb2 as pb
        from mxtrain_protos import scheduler_pb2_grpc as rpc

        parent = os.getppid()
        while os.getppid() == parent:
            with grpc.insecure_channel(address) as channel:
                try:
                    reply = rpc.SchedulerStub(channel).Status(pb.StatusRequest(), timeout=2)
                    active = [node.pid for node in reply.nodes if node.state == pb.NODE_STATE_ACTIVE]
                    whole = reply.phase == "running" and all(s.primary and s.backup for s in reply.shards)
                    pids = sorted(active) if whole and len(active) == nodes else []
                except grpc.RpcError:
                    pids = []
            new = self.file.with_suffix(".new")
            new.write_text(json.dumps([time.time(), pids]))
            new.replace(self.file)
            time.sleep(0.1)

    def recovered(self, job: ForkedJob, since: float) -> bool:
        """Whether all processes that run now are in the job, and all parameters have a copy."""
        if not self.file.exists():
            return False
        moment, pids = json.loads(self.file.read_text())
        running = sorted(node.pid for node in job.nodes if node.code is None and node.role != "scheduler")
        return moment > since and pids == running

    def end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def soak(kills: int, seed: int, seconds: float, overlap: bool, steps: int = 400) -> int:
    """Random kills of any process at random moments; returns hangs and differences.

    overlap: workers and the scheduler die whether others have recovered or not; else everybody when all has recovered.
    """
    checks = Path(tempfile.mkdtemp(prefix="mxtrain-faults-")) / "undisturbed.log"
    chance, expected, bad = random.Random(seed), undisturbed(steps, checks), 0
    count: Counter[str] = Counter()
    jobs, start = 0, time.monotonic()
    while count.total() < kills and time.monotonic() - start < seconds:
        folder = Path(tempfile.mkdtemp(prefix="mxtrain-faults-"))
        jobs += 1
        with make_job(folder, None, "dist_sync", 1, steps, 0.05, MXTRAIN_SCHEDULER_TIMEOUT="60") as job:
            watcher = Watcher(job, folder)
            killed: set[int] = set()
            due, names = [time.time() + chance.uniform(0.5, 3.0)], [chance.choice(job.names)]

            def perhaps_kill(job=job, killed=killed, due=due, names=names, watcher=watcher, folder=folder) -> None:
                over = count.total() >= kills or time.monotonic() - start >= seconds
                if over or time.time() < due[0]:
                    return
                victim = job.newest(names[0])
                is_spare = overlap and victim.role != "server"  # what a server knows others must know, too
                is_dying = any(node.code is None and node.pid in killed for node in job.nodes)  # on a busy machine
                if not is_spare and (is_dying or not watcher.recovered(job, due[0])):
                    return
                names[0] = chance.choice(job.names)
                ended = any(node.code is not None for node in job.nodes if node.role == "worker" and node.code == 0)
                if victim.code is None and not ended:
                    os.kill(victim.pid, signal.SIGKILL)
                    killed.add(victim.pid)
                    count[victim.name] += 1
                    with (folder / "kills").open("a") as log:
                        log.write(f"{time.time():.3f} {victim.name} pid {victim.pid}\n")
                    due[0] = time.time() + chance.uniform(0.05, 1.5)

            ended = job.run(900, lambda node: True, perhaps_kill)
            watcher.end()
            found = digests(job)
        outcome = "HANGS" if not ended else "equal" if found == {expected} else "DIFFERENT or stopped"
        print(f"job {jobs}: {count.total()} kills so far, {outcome}", flush=True)
        if outcome == "equal":
            shutil.rmtree(folder)
        else:
            bad += 1
            print(f"  logs in {folder}; without a fault: {checks}", flush=True)
    took = time.monotonic() - start
    print(f"seed {seed}: {count.total()} kills in {jobs} jobs and {took:.0f} s: {dict(count)}; {bad} bad outcomes")
    return bad


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="cases whose name holds these words")
    parser.add_argument("--stop", type=float, default=0.0, help="SIGSTOP for so many seconds instead of SIGKILL")
    parser.add_argument("--defaults", action="store_true", help="with --stop: heartbeats as by default")
    parser.add_argument("--soak", type=int, default=0, help="number of random kills")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3600.0, help="when the soak ends at the latest")
    parser.add_argument("--overlap", action="store_true", help="do not wait until all has recovered, where others can")
    given = parser.parse_args()
    if given.soak:
        sys.exit(bool(soak(given.soak, given.seed, given.seconds, given.overlap)))
    sys.exit(bool(table(given.only, given.stop, not given.defaults)))
