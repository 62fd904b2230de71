"""The ssh launcher: over a program that stands for ssh, and over a real ssh server on loopback where there is one."""

import getpass
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import marked, run_python, start_python, wait_for

from mxtrain_deploy.hosts import free_port

LAUNCH = ("-m", "mxtrain_deploy", "launch", "-s", "0", "--launcher", "ssh", "--root-uri", "127.0.0.1")
SSHD = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")
# Notes its arguments and runs the words after `--` by a shell in an empty environment, as a far machine would.
FAKE_SSH = """#!/bin/sh
echo "$@" >> {log}
while [ "$1" != -- ]; do shift; done
shift
exec env -i PATH=/usr/bin:/bin HOME={home} sh -c "$*"
"""
WAIT = "import time; print('up', flush=True); time.sleep(600)"


@pytest.fixture
def hosts(tmp_path: Path) -> str:
    path = tmp_path / "hosts"
    path.write_text("node1\nuser@node2:2222\n")
    return str(path)


@pytest.fixture
def ssh_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-in for ssh on PATH; return the file in which it notes its arguments."""
    log, program = tmp_path / "ssh.log", tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(FAKE_SSH.format(log=log, home=tmp_path))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return log


def test_workers_run_on_the_hosts_in_turn(mark: str, hosts: str, ssh_log: Path) -> None:
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    odd = "spaces  'quotes' \"more\" $HOME; `id` \\ \n newline é"
    words = ("-n", "3", "-H", hosts, "--env", "ODD=" + odd, sys.executable, "-c", code)
    done = run_python(*LAUNCH, *words, mark=mark, env={"MXNET_X": "passed", "SECRET": "kept"})
    assert done.returncode == 0, done.stderr
    told = {line[:10]: json.loads(line[11:]) for line in done.stdout.splitlines()}
    assert [told[f"[worker {rank}]"]["DMLC_NODE_HOST"] for rank in range(3)] == ["node1", "node2", "node1"]
    assert [told[f"[worker {rank}]"]["DMLC_WORKER_ID"] for rank in range(3)] == ["0", "1", "2"]
    env = told["[worker 1]"]
    assert (env["ODD"], env["MXNET_X"], env["DMLC_JOB_CLUSTER"], env["DMLC_ROLE"]) == (odd, "passed", "ssh", "worker")
    assert "SECRET" not in env
    calls = ssh_log.read_text()
    assert "-p 22 node1 --" in calls
    assert "-p 2222 user@node2 --" in calls
    assert env["MXTRAIN_CLUSTER_KEY"] not in calls


def test_the_working_directory_is_the_same_there(mark: str, hosts: str, ssh_log: Path, tmp_path: Path) -> None:
    code = "import os; print(os.getcwd())"
    done = run_python(*LAUNCH, "-n", "1", "-H", hosts, "python", "-c", code, mark=mark, cwd=str(tmp_path))
    assert done.stdout == f"[worker 0] {tmp_path}\n"


def test_exit_code_and_name_of_the_dead(mark: str, hosts: str, ssh_log: Path) -> None:
    code = f"import os, sys\nif os.environ['DMLC_WORKER_ID'] == '1': os.kill(os.getpid(), 9)\n{WAIT}"
    done = run_python(*LAUNCH, "-n", "2", "-H", hosts, sys.executable, "-c", code, mark=mark)
    assert done.returncode == 128 + signal.SIGKILL
    assert "worker 1 (host user@node2, ssh pid" in done.stderr
    assert "died: exit code 137" in done.stderr


def test_a_command_that_is_not_there(mark: str, hosts: str, ssh_log: Path) -> None:
    done = run_python(*LAUNCH, "-n", "1", "-H", hosts, "no-such-program", mark=mark)
    assert done.returncode == 127
    assert "[worker 0] cannot run 'no-such-program': No such file or directory" in done.stderr


@pytest.mark.fault
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_remote_processes_end_with_the_launcher(
    mark: str, hosts: str, ssh_log: Path, tmp_path: Path, signum: signal.Signals
) -> None:
    script = tmp_path / "deaf.py"
    script.write_text(f"import signal\nsignal.signal(15, signal.SIG_IGN)\nsignal.signal(2, signal.SIG_IGN)\n{WAIT}")
    launcher = start_python(*LAUNCH, "-n", "2", "-H", hosts, str(script), mark=mark)
    for _ in range(2):
        assert launcher.stdout.readline().endswith("] up\n")
    launcher.send_signal(signum)
    launcher.communicate(timeout=6)
    assert launcher.returncode == (-signum if signum == signal.SIGKILL else 128 + signum)
    wait_for("the end of the remote workers", lambda: not marked(mark), timeout=5)


def test_no_ssh_on_this_machine(mark: str, hosts: str, tmp_path: Path) -> None:
    done = run_python(*LAUNCH, "-n", "1", "-H", hosts, "true", mark=mark, env={"PATH": str(tmp_path)})
    assert done.returncode == 2
    assert "cannot run 'ssh'" in done.stderr


def test_copying_needs_rsync(mark: str, hosts: str, tmp_path: Path) -> None:
    words = ("-n", "1", "-H", hosts, "--sync-dst-dir", "there", "true")
    done = run_python(*LAUNCH, *words, mark=mark, env={"PATH": str(tmp_path)})
    assert done.returncode == 2
    assert "--sync-dst-dir needs rsync" in done.stderr


@pytest.mark.e2e
def test_servers_run_on_the_hosts_too(mark: str, ssh_log: Path, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("127.0.0.1\nlocalhost\n")
    script = tmp_path / "train.py"
    script.write_text(
        "import mxtrain as mx\n"
        "kv = mx.kv.create('dist_sync')\n"
        "out = mx.nd.zeros(2)\n"
        "kv.init('w', out)\n"
        "kv.push('w', mx.nd.ones(2) * (kv.rank + 1))\n"
        "kv.pull('w', out=out)\n"
        "print(out.asnumpy())\n"
    )
    words = ("launch", "-n", "2", "-s", "2", "--launcher", "ssh", "-H", str(tmp_path / "hosts"), str(script))
    done = run_python("-m", "mxtrain_deploy", *words, mark=mark)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == ["[worker 0] [3. 3.]", "[worker 1] [3. 3.]"]
    assert len(ssh_log.read_text().splitlines()) == 4


@pytest.fixture
def ssh_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real ssh server on a high loopback port that knows one key; gives a host file that names it."""
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    port = free_port("127.0.0.1")
    (tmp_path / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path}/host_key\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {tmp_path}/user_key.pub\nStrictModes no\nPasswordAuthentication no\n"
    )
    options = f"-i {tmp_path}/user_key -o UserKnownHostsFile={tmp_path}/known -o StrictHostKeyChecking=no -F none"
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} {options} "$@"\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    Path("/run/sshd").mkdir(exist_ok=True)
    server = subprocess.Popen([str(SSHD), "-D", "-e", "-f", tmp_path / "sshd_config"], stderr=subprocess.DEVNULL)
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{getpass.getuser()}@127.0.0.1:{port}\n")
    probe = [program, "-o", "BatchMode=yes", "-p", str(port), "127.0.0.1", "true"]
    wait_for("the ssh server", lambda: subprocess.run(probe, capture_output=True, check=False).returncode == 0)
    yield str(hosts)
    server.terminate()
    server.wait(timeout=10)


needs_sshd = pytest.mark.skipif(
    SSHD is None or os.getuid() != 0, reason="needs an ssh server (openssh-server) and root"
)


@needs_sshd
def test_over_a_real_ssh_server(mark: str, ssh_server: str, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "train.py").write_text(
        "import os; print(os.environ['DMLC_WORKER_ID'], os.getcwd(), os.environ['ODD'])"
    )
    words = ("-n", "2", "-H", ssh_server, "--env", "ODD=a 'b' $c", "train.py")
    if shutil.which("rsync"):
        words = ("--sync-dst-dir", str(tmp_path / "copy"), *words)
    done = run_python(*LAUNCH, *words, mark=mark, cwd=str(tmp_path / "work"))
    directory = tmp_path / ("copy" if shutil.which("rsync") else "work")
    assert done.returncode == 0, done.stderr
    expected = [f"[worker {rank}] {rank} {directory} a 'b' $c" for rank in range(2)]
    assert sorted(done.stdout.splitlines()) == expected


@needs_sshd
@pytest.mark.fault
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_nobody_is_left_behind_a_real_ssh_server(mark: str, ssh_server: str, signum: signal.Signals) -> None:
    launcher = start_python(*LAUNCH, "-n", "2", "-H", ssh_server, sys.executable, "-c", WAIT, mark=mark)
    for _ in range(2):
        assert launcher.stdout.readline().endswith("] up\n")
    launcher.send_signal(signum)
    launcher.communicate(timeout=6)
    wait_for("the end of the remote workers", lambda: not marked(mark), timeout=5)
