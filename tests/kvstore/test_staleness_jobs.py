"""Bounded staleness among real processes."""

import time
from pathlib import Path

import pytest
from job import Job

SCRIPT = """
import time
from pathlib import Path

kv = mx.kv.create("dist_async")
kv.init("a", nd.zeros((2,)))
kv.init("b", nd.zeros((2,)))
kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=1.0))
mark = Path(FOLDER) / f"round-{kv.rank}"
mark.write_text("0")
kv.barrier()
if kv.rank == 1:
    for number in range(1, 4):
        time.sleep(0.2)
        for key in ("a", "b"):
            kv.push(key, nd.ones((2,)))
            pulled(kv, key, (2,))
        mark.write_text(str(number))
    print("slow", flush=True)
    if END == "die":
        time.sleep(600)
else:
    for number in range(1, 21):
        for key in ("a", "b"):
            kv.push(key, nd.ones((2,)))
            if PULLS:
                pulled(kv, key, (2,))
        mark.write_text(str(number))
    assert pulled(kv, "a", (2,))[0] == -23
    print("good", flush=True)
"""


def script(folder: Path, end: str, pulls: bool) -> str:
    return f"FOLDER, END, PULLS = {str(folder)!r}, {end!r}, {pulls}\n" + SCRIPT


@pytest.mark.parametrize("pulls", [True, False])
def test_a_worker_that_leaves_lets_the_others_go_on(tmp_path: Path, pulls: bool) -> None:
    with Job(tmp_path, script(tmp_path, "leave", pulls), MXTRAIN_STALENESS="2") as job:
        job.succeed(90)
        assert "good" in job["worker 0"].text


@pytest.mark.parametrize("pulls", [True, False])
def test_a_worker_that_hangs_holds_the_others_until_it_dies(tmp_path: Path, pulls: bool) -> None:
    with Job(tmp_path, script(tmp_path, "die", pulls), MXTRAIN_STALENESS="2") as job:
        job["worker 1"].says("slow")
        time.sleep(1)
        # the slow one has pushed 3: a pull of round 6 waits, and so does a push of round 7
        assert (tmp_path / "round-0").read_text() == ("5" if pulls else "6")
        job.kill("worker 1")
        job["worker 0"].says("good", 60)


def test_the_wait_has_a_deadline_and_names_whom_it_waits_for(tmp_path: Path) -> None:
    env = {"MXTRAIN_STALENESS": "0", "MXTRAIN_KVSTORE_TIMEOUT": "3"}
    with Job(tmp_path, script(tmp_path, "die", True), **env) as job:
        assert job["worker 0"].process.wait(60) == 1
        job["worker 0"].reader.join(5)
        assert "by worker(s) 1" in job["worker 0"].text, job.report()
