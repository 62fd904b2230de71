"""`mxtrain add-server`: one more server for a job that the launcher started."""

from pathlib import Path

import pytest
from fault_training import training
from job import PROLOGUE, free_port
from processes import run_python, start_python
from shard_status import wait_until_balanced

from mxtrain_deploy.added_server import newcomer_variables
from mxtrain_deploy.job import LaunchError
from mxtrain_deploy.launch import launch
from mxtrain_deploy.options import LaunchOptions


@pytest.mark.e2e
@pytest.mark.timeout(240)
def test_a_server_is_added_to_a_launched_job(mark: str, tmp_path: Path) -> None:
    script, port = tmp_path / "train.py", free_port()
    script.write_text(PROLOGUE + training(steps=30, pause=0.05, hold_at=20))
    words = ("launch", "-n", "2", "-s", "2", "--max-servers", "3", "--port", str(port), str(script))
    launcher = start_python("-m", "mxtrain_deploy", *words, mark=mark)
    wait_until_balanced(port, 2)
    added = start_python("-m", "mxtrain_deploy", "add-server", "--port", str(port))
    wait_until_balanced(port, 3)
    Path(f"{script}.go").touch()
    stdout, stderr = launcher.communicate(timeout=120)
    assert launcher.returncode == 0, stderr
    assert stdout.count(" weights ") == 2
    assert added.wait(30) == 0, added.stderr.read()


@pytest.mark.e2e
def test_where_no_job_runs(tmp_path: Path) -> None:
    done = run_python("-m", "mxtrain_deploy", "add-server", "--port", str(free_port()))
    assert done.returncode == 2
    assert "Expected: one job of this user on this machine" in done.stderr
    assert "Received: none" in done.stderr


def test_a_newcomer_takes_the_job_s_variables_and_nobody_s_place() -> None:
    job = {"DMLC_PS_ROOT_PORT": "9000", "MXTRAIN_CLUSTER_KEY": "k", "PS_VERBOSE": "1"}
    own = {"DMLC_ROLE": "scheduler", "DMLC_TASK_ID": "0", "MXTRAIN_SERVER_RANK": "1", "HOME": "/root"}
    assert newcomer_variables(job | own) == job | {"DMLC_ROLE": "server"}


@pytest.mark.parametrize("servers", [0, 3])
def test_fewer_than_at_the_start_are_refused(servers: int) -> None:
    with pytest.raises(LaunchError, match="--max-servers: expected at least the number of servers at the start"):
        launch(LaunchOptions(command=("true",), num_workers=1, num_servers=servers, max_servers=2))
