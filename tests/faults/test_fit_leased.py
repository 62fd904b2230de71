"""`Module.fit` on leased data: uneven epochs, a worker that is killed and replaced to the bit, one that joins."""

import pytest
from fit_scripts import BEGINNING
from job import Job

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]

FIT = (
    BEGINNING
    + """data, label = rng.randn(44, 8).astype("float32"), rng.randint(0, 3, 44).astype("float32")
train = mx.io.LeasedIter(kv, data, label, batch_size=4, shuffle=True, seed=2, lease_batches=1)

def die(*where):
    if not again and list(where) == die_at and kv.rank == who:
        os.kill(os.getpid(), signal.SIGKILL)

def batch_end(param):
    print("batch", param.epoch, param.nbatch, flush=True)
    die(param.epoch, param.nbatch)

wait, resume = train.leases._wait, train.leases._resume

def dying_wait():
    die(train.epoch, "waiting")
    wait()

def dying_resume():
    die(train.epoch, "resuming")
    resume()

train.leases._wait, train.leases._resume = dying_wait, dying_resume
module = mx.mod.Module(x)
module.fit(train, num_epoch={epochs}, kvstore=kv, optimizer="adam", optimizer_params=dict(learning_rate=0.05),
           batch_end_callback=batch_end, epoch_end_callback=lambda epoch, *rest: die(epoch, "end"),
           initializer=mx.init.Xavier())
args, aux = module.get_params()
for name, values in (("weights", args), ("aux", aux)):
    digest = hashlib.sha256(b"".join(values[key].asnumpy().tobytes() for key in sorted(values))).hexdigest()
    print(name, digest, flush=True)
"""
)


def digests(job: Job, dead=None) -> dict[str, list[str]]:
    return {
        node.name: [line for line in node.text.splitlines() if line.startswith(("weights", "aux"))]
        for node in job.of("worker")
        if node is not dead
    }


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> dict[str, list[str]]:
    with Job(tmp_path_factory.mktemp("undisturbed"), FIT.format(die_at=None, who=0, epochs=3), workers=3) as job:
        job.succeed(120)
        batches = [sum(line.startswith("batch") for line in node.text.splitlines()) for node in job.of("worker")]
        assert sum(batches) == 3 * 11
        return digests(job)


def test_all_workers_end_with_the_same_weights(expected):
    assert len({lines[0] for lines in expected.values()}) == 1
    assert all(len(lines) == 2 for lines in expected.values())


@pytest.mark.parametrize(
    ("die_at", "who"),
    [
        ([0, 0], 1),
        ([1, 3], 1),
        ([0, "waiting"], 2),
        ([1, "waiting"], 0),
        ([1, "resuming"], 1),
        ([1, "end"], 0),
        ([2, "waiting"], 1),
    ],
    ids=str,
)
def test_fit_goes_on_in_a_new_process(tmp_path, expected, who, die_at):
    text = FIT.format(die_at=die_at, who=who, epochs=3)
    with Job(tmp_path, text, workers=3, MXTRAIN_REPLICAS="1", MXTRAIN_REPLACE_TIMEOUT="60") as job:
        dead = job[f"worker {who}"]
        assert dead.process.wait(60) == -9, job.report()
        job.replace(dead.name, MXTRAIN_TEST_LIFE="2")
        job.wait(120)
        assert {node.process.returncode for node in job.nodes if node is not dead} == {0}, job.report()
        assert digests(job, dead) == expected, job.report()


def test_fewer_leases_than_workers(tmp_path):
    text = FIT.format(die_at=None, who=0, epochs=2).replace("44", "4")
    with Job(tmp_path, text, workers=3) as job:
        job.succeed(120)
        assert len({lines[0] for lines in digests(job).values()}) == 1


def test_a_joining_worker_begins_with_the_epoch_of_the_job(tmp_path):
    text = FIT.format(die_at=None, who=0, epochs=12).replace(
        "flush=True)\n    die", "flush=True); time.sleep(0.1)\n    die"
    )
    text = text.replace("import hashlib, os, signal", "import hashlib, os, signal, time")
    with Job(tmp_path, text, MXTRAIN_MAX_WORKERS="3", MXTRAIN_REPLICAS="1") as job:
        job["worker 0"].says("batch 1 ")
        joined = job.start("worker", 2)
        job.succeed(120)
        assert len({lines[0] for lines in digests(job).values()}) == 1, job.report()
        assert any(line.startswith("batch") for line in joined.text.splitlines()), job.report()
        assert "batch 0 " not in joined.text
