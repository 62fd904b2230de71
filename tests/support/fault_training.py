"""Jobs whose processes are killed: a training whose gradients depend on the weights, and what its weights should be."""

import time

from job import Job, Node

#: Gradients depend on weights, rank and step: one that is lost, done twice or made from other weights shows.
TRAINING = """
import hashlib, os, signal, sys, time
kind, steps, pause, die_at, die_where = "{kind}", {steps}, {pause}, {die_at}, "{die_where}"
again = os.environ.get("MXTRAIN_TEST_LIFE", "1") != "1"

def perhaps_die(step, where):
    if not again and (step, where) == (die_at, die_where) and kv.rank == {who}:
        os.kill(os.getpid(), signal.SIGKILL)

kv = mx.kv.create(kind)
perhaps_die(0, "before init")
kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.01, momentum=0.9))
shapes = [(17,)] * 20 + [(300, 40), (1100, 1000)]
keys = list(range(len(shapes)))
kv.init(keys, [nd.ones(shape) * (key + 1) for key, shape in zip(keys, shapes)])
weights = [nd.zeros(shape) for shape in shapes]
kv.pull(keys, weights)
for step in range(1, steps + 1):
    for key in keys:
        grad = weights[key] * (0.01 * (kv.rank + 1)) + nd.ones(shapes[key]) * (0.001 * (step + key))
        perhaps_die(step, "in push" if key == 10 else "")
        kv.push(key, grad, priority=-key)
        perhaps_die(step, "in pull" if key == 10 else "")
        kv.pull(key, weights[key], priority=-key)
    nd.waitall()
    perhaps_die(step, "after pull")
    while step == {hold_at} and not os.path.exists(__file__ + ".go"):
        time.sleep(0.05)
    if step % 5 == 0:
        print("step", step, flush=True)
        kv.barrier()
        perhaps_die(step, "after barrier")
    time.sleep(pause)
perhaps_die(steps, "at the end")
kv.barrier()
digest = hashlib.sha256(b"".join(weight.asnumpy().tobytes() for weight in weights)).hexdigest()
print("weights", digest, flush=True)
"""
_DIGESTS: dict[tuple, str] = {}


def training(
    kind: str = "dist_sync",
    steps: int = 20,
    pause: float = 0.0,
    die_at: int = -1,
    die_where: str = "",
    who: int = 0,
    hold_at: int = -1,
) -> str:
    """The workers' script. hold_at: before the end of this step they wait until there is a file worker.py.go."""
    return TRAINING.format(
        kind=kind, steps=steps, pause=pause, die_at=die_at, die_where=die_where, who=who, hold_at=hold_at
    )


def digest_of(node: Node) -> str:
    """What a worker says of its final weights."""
    found = [line.split()[1] for line in node.text.splitlines() if line.startswith("weights ")]
    assert len(found) == 1, node.text
    return found[0]


def undisturbed(folder, workers: int = 2, servers: int = 2, steps: int = 20) -> str:
    """The digest of the final weights of a run in which nobody dies."""
    place = (workers, servers, steps)
    if place not in _DIGESTS:
        (folder / "undisturbed").mkdir()
        with Job(folder / "undisturbed", training(steps=steps), workers, servers) as job:
            job.succeed(120)
            digests = {digest_of(node) for node in job.of("worker")}
        assert len(digests) == 1
        _DIGESTS[place] = digests.pop()
    return _DIGESTS[place]


def seconds_until(done, timeout: float = 30.0) -> float:
    """How long it takes until something is so."""
    start = time.monotonic()
    while not done():
        assert time.monotonic() - start < timeout
        time.sleep(0.01)
    return time.monotonic() - start
