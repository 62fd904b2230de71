"""Launchers that hand the job to a resource manager: what they tell it, and what its processes make of that."""

import os
import shutil
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from processes import run_python

from mxtrain_deploy.job import Job, LaunchError
from mxtrain_deploy.launchers import kubernetes, mpi, slurm
from mxtrain_deploy.member import find_task, rank_of
from mxtrain_deploy.options import LaunchOptions
from mxtrain_deploy.ray_member import run_task

LAUNCH = ("-m", "mxtrain_deploy", "launch")
KEY = "ab" * 32
OPTIONS = LaunchOptions(command=("train.py", "--lr", "0.1 0.2"), num_workers=2, num_servers=3)
JOB = Job(("train",), 2, 3, "node0", 9091, "mpi", KEY)
MPIRUN = shutil.which("mpirun")
# Starts each process of the job as mpirun would, but one after the other and with nothing to do.
FAKE_MPIRUN = """#!/bin/sh
echo "$@"
env | grep '^MXTRAIN_CLUSTER_KEY=' | cut -c 1-20
"""
ROLE = "import os; print(os.environ['DMLC_ROLE'], os.environ['DMLC_WORKER_ID'], os.environ['DMLC_NODE_HOST'])"


@pytest.mark.parametrize(
    ("environment", "rank"),
    [
        ({"OMPI_COMM_WORLD_RANK": "3"}, 3),
        ({"PMIX_RANK": "0", "SLURM_PROCID": "0"}, 0),
        ({"SLURM_PROCID": "12"}, 12),
        ({"JOB_COMPLETION_INDEX": "1", "SLURM_PROCID": "x"}, 1),
    ],
)
def test_a_process_finds_its_number(environment: dict[str, str], rank: int) -> None:
    assert rank_of(environment) == rank


def test_a_process_without_a_number_says_where_it_looked() -> None:
    with pytest.raises(LaunchError, match="SLURM_PROCID"):
        rank_of({"HOME": "/"})


def test_numbers_are_places_in_the_job() -> None:
    labels = [find_task(JOB, rank).label for rank in range(6)]
    assert labels == ["scheduler", "server 0", "server 1", "server 2", "worker 0", "worker 1"]
    assert [find_task(JOB, rank, "worker").label for rank in range(2)] == ["worker 0", "worker 1"]
    with pytest.raises(LaunchError, match=r"Expected 2 processes of worker\. Received: number 2"):
        find_task(JOB, 2, "worker")


def test_more_workers_than_the_job_starts_with_join_it_where_there_is_room() -> None:
    task = find_task(JOB, 3, "worker", max_workers=4)
    assert (task.label, task.env["DMLC_WORKER_ID"], task.env["DMLC_NUM_WORKER"]) == ("worker 3", "3", "2")
    with pytest.raises(LaunchError, match="Received: number 4"):
        find_task(JOB, 4, "worker", max_workers=4)
    with pytest.raises(LaunchError, match="Received: number 3"):
        find_task(JOB, 3, "server", max_workers=4)


def test_mpirun_starts_all_processes_and_no_value_of_a_variable_stands_on_its_command_line() -> None:
    words = mpi.mpirun_command(OPTIONS, "node0", 9091, ["MXTRAIN_CLUSTER_KEY", "MXNET_X"])
    assert words[:7] == ["mpirun", "-x", "MXTRAIN_CLUSTER_KEY", "-x", "MXNET_X", "-n", "6"]
    assert words[-3:] == ["train.py", "--lr", "0.1 0.2"]
    assert words[words.index("--root-uri") + 1] == "node0"


def test_a_job_that_leaves_this_machine_gets_a_key_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "mpirun"
    program.write_text(FAKE_MPIRUN)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("MXTRAIN_CLUSTER_KEY", raising=False)
    (tmp_path / "hosts").write_text("node0 slots=2\nnode1 slots=4\n")
    done = run_python(*LAUNCH, "-n", "1", "--launcher", "mpi", "-H", str(tmp_path / "hosts"), "true")
    assert done.returncode == 0, done.stderr
    command, key = done.stdout.splitlines()
    assert "--root-uri node0" in command
    assert key == "MXTRAIN_CLUSTER_KEY="[:20]


@pytest.mark.skipif(MPIRUN is None, reason="needs mpirun")
def test_a_job_under_mpirun(mark: str) -> None:
    words = ("--launcher", "mpi", "--launcher-args", "--oversubscribe --allow-run-as-root")
    done = run_python(*LAUNCH, "-n", "2", "-s", "0", *words, sys.executable, "-c", ROLE, mark=mark)
    assert sorted(done.stdout.splitlines()) == ["[worker 0] worker 0 127.0.0.1", "[worker 1] worker 1 127.0.0.1"]


def test_without_mpirun_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LaunchError, match="openmpi-bin"):
        mpi.run(OPTIONS)


def test_the_batch_script_quotes_the_command_and_holds_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXTRAIN_CLUSTER_KEY", KEY)
    options = LaunchOptions(
        command=("train.py", "it's"), num_workers=2, num_servers=3, env=("A=b c",), launcher_args="--partition=big"
    )
    script = slurm.batch_script(options)
    assert KEY not in script
    assert "#SBATCH --job-name=mxtrain --ntasks=6 --distribution=block" in script
    assert "#SBATCH --partition=big" in script
    assert "export A='b c'" in script
    assert script.splitlines()[-1].endswith("""train.py 'it'"'"'s'""")


def test_the_batch_script_runs_every_process(tmp_path: Path, mark: str) -> None:
    """Under stand-ins for Slurm's two commands, which run the processes of a job side by side on this machine."""
    for name, body in {
        "scontrol": "echo 127.0.0.1",
        "srun": 'shift; [ "$1" = --kill-on-bad-exit=1 ] && shift; SLURM_PROCID=0 "$@" & SLURM_PROCID=1 "$@" & wait',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    script = tmp_path / "job.sbatch"
    words = ("-n", "2", "-s", "0", "--launcher", "slurm", "-o", str(script), sys.executable, "-c", ROLE)
    assert run_python(*LAUNCH, *words, mark=mark).returncode == 0
    environment = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "SLURM_JOB_ID": "7",
        "SLURM_JOB_NODELIST": "n0",
    }
    code = f"import os; os.execvpe('sh', ['sh', {str(script)!r}], dict(os.environ))"
    done = run_python("-c", code, mark=mark, env=environment)
    assert sorted(done.stdout.splitlines()) == ["[worker 0] worker 0 127.0.0.1", "[worker 1] worker 1 127.0.0.1"]


def test_manifests_have_a_job_per_role_and_the_key_only_in_the_secret() -> None:
    objects = kubernetes.manifests(OPTIONS)
    kinds = [(item["kind"], item["metadata"]["name"]) for item in objects]
    assert kinds == [
        ("Secret", "mxtrain-key"),
        ("Service", "mxtrain-scheduler"),
        ("PodDisruptionBudget", "mxtrain-server"),
        ("Job", "mxtrain-scheduler"),
        ("Job", "mxtrain-server"),
        ("Job", "mxtrain-worker"),
    ]
    key = objects[0]["stringData"]["key"]
    assert len(bytes.fromhex(key)) == 32
    assert key not in yaml.safe_dump_all(objects[1:])
    assert [job["spec"]["completions"] for job in objects[3:]] == [1, 3, 2]
    worker = objects[-1]["spec"]["template"]["spec"]["containers"][0]
    assert worker["command"][-5:] == ["--role", "worker", "train.py", "--lr", "0.1 0.2"]


def test_a_drain_leaves_so_many_servers_that_every_parameter_is_known() -> None:
    def stay(servers: int, replicas: int) -> int:
        options = LaunchOptions(command=("train.py",), num_workers=2, num_servers=servers, replicas=replicas)
        budget = next(o for o in kubernetes.manifests(options) if o["kind"] == "PodDisruptionBudget")
        return budget["spec"]["minAvailable"]

    assert (stay(3, 1), stay(3, 0)) == (2, 3)


def test_workers_alone_need_neither_service_nor_budget() -> None:
    objects = kubernetes.manifests(LaunchOptions(command=("train.py",), num_workers=2, num_servers=0))
    assert [item["kind"] for item in objects] == ["Secret", "Job"]


def test_pods_are_bounded_and_unprivileged_and_workers_get_what_is_asked_for() -> None:
    options = replace(OPTIONS, launcher_args="cpu=4 nvidia.com/gpu=1")
    pods = [job["spec"]["template"]["spec"] for job in kubernetes.manifests(options)[3:]]
    assert all(pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"] for pod in pods)
    scheduler, server, worker = (pod["containers"][0] for pod in pods)
    assert worker["resources"] == {
        "requests": {"cpu": "4", "memory": "1Gi", "nvidia.com/gpu": "1"},
        "limits": {"memory": "1Gi", "nvidia.com/gpu": "1"},
    }
    assert server["resources"]["limits"] == {"memory": "1Gi"}
    assert scheduler["readinessProbe"]["tcpSocket"] == {"port": 9091}


def test_a_resource_without_a_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("cpus", raising=False)
    with pytest.raises(LaunchError, match="--launcher-args cpus"):
        kubernetes.manifests(replace(OPTIONS, launcher_args="cpus"))


def test_manifests_are_written_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    done = run_python(*LAUNCH, "-n", "1", "--launcher", "kubernetes", "-o", str(path), "train.py")
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(list(yaml.safe_load_all(path.read_text()))) == 6


def test_a_member_beyond_loopback_needs_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("-n", "1", "-s", "0", "--root-uri", "node0", "--port", "9091", "--cluster", "slurm", "true")
    done = run_python("-m", "mxtrain_deploy.member", *words, env={"SLURM_PROCID": "0", "MXTRAIN_CLUSTER_KEY": ""})
    assert done.returncode == 2
    assert "Expected a cluster key in MXTRAIN_CLUSTER_KEY" in done.stderr


def test_an_actors_task_shows_its_lines_with_its_name(capfd: pytest.CaptureFixture[str]) -> None:
    code = "import os, sys; print(os.environ['A']); sys.exit(3)"
    assert run_task([sys.executable, "-c", code], {"A": "here"}, "worker 1") == 3
    assert capfd.readouterr().out == "[worker 1] here\n"
