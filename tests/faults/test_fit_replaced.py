"""A worker is killed in `Module.fit`: its replacement goes on at the same batch, and no bit differs."""

import pytest
from fit_scripts import BEGINNING
from job import Job

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]

FIT = (
    BEGINNING
    + """data, label = rng.randn(40, 8).astype("float32"), rng.randint(0, 3, 40).astype("float32")
train = mx.io.NDArrayIter(data[kv.rank::2], label[kv.rank::2], batch_size=4, shuffle=True)
steps = 0

def batch_end(param):
    global steps
    print("batch", param.epoch, param.nbatch, flush=True)
    if not again and [param.epoch, param.nbatch] == die_at and kv.rank == who:
        os.kill(os.getpid(), signal.SIGKILL)

def epoch_end(epoch, *rest):
    if not again and [epoch, "end"] == die_at and kv.rank == who:
        os.kill(os.getpid(), signal.SIGKILL)

module = mx.mod.Module(x)
module.fit(train, num_epoch=3, kvstore=kv, optimizer="adam", optimizer_params=dict(learning_rate=0.05),
           batch_end_callback=batch_end, epoch_end_callback=epoch_end, initializer=mx.init.Xavier())
args, aux = module.get_params()
both = {{**args, **aux}}
print("weights", hashlib.sha256(b"".join(both[name].asnumpy().tobytes() for name in sorted(both))).hexdigest())
"""
)


def digests(job: Job, dead=None) -> dict[str, str]:
    lines = {
        n.name: [line for line in n.text.splitlines() if line.startswith("weights")]
        for n in job.of("worker")
        if n is not dead
    }
    return {name: found[0] for name, found in lines.items()}


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> dict[str, str]:
    with Job(tmp_path_factory.mktemp("undisturbed"), FIT.format(die_at=None, who=0)) as job:
        job.succeed(120)
        return digests(job)


@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize("die_at", [[0, 0], [1, 2], [1, 4], [1, "end"], [2, 4]], ids=str)
def test_fit_goes_on_in_a_new_process(tmp_path, expected, who, die_at):
    script = FIT.format(die_at=die_at, who=who)
    with Job(tmp_path, script, MXTRAIN_REPLICAS="1", MXTRAIN_REPLACE_TIMEOUT="60") as job:
        dead = job[f"worker {who}"]
        assert dead.process.wait(60) == -9, job.report()
        new = job.replace(dead.name, MXTRAIN_TEST_LIFE="2")
        job.wait(90)
        assert {node.process.returncode for node in job.nodes if node is not dead} == {0}, job.report()
        assert digests(job, dead) == expected, job.report()
        first = next(line for line in new.text.splitlines() if line.startswith("batch"))
        assert first != "batch 0 0" or die_at == [0, 0], "it did not begin anew"
