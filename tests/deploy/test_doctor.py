"""`mxtrain doctor`: on this machine, over a program that stands for ssh, and with each thing that may be wrong."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import run_python

from mxtrain_deploy.doctor import hosts, network, resources, software
from mxtrain_deploy.doctor.finding import Check, Finding
from mxtrain_deploy.doctor.host_probe import HostProbe, ProbeError
from mxtrain_deploy.doctor.probe import clock, connect, listen, owns, resolve
from mxtrain_deploy.doctor.site import Site, Wanted

FAKE_SSH = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift
exec sh -c "$*"
"""
FACTS: dict[str, Any] = {
    "python": "3.11.2",
    "packages": dict.fromkeys(
        ("mxtrain", "numpy", "pyzmq", "grpcio", "protobuf", "msgpack", "cryptography", "prometheus_client"), "1.0"
    ),
    "curve": True,
    "tls": True,
    "key": None,
    "cores": 8,
    "shared_memory": {"total": 1 << 30, "free": 1 << 30},
    "memfd": True,
    "limits": {"open files": 4096, "processes": -1},
    "gpu": {"driver": False, "cupy": False, "usable": 0, "problem": ""},
}


def doctor(*words: str, **env: str) -> tuple[int, str, str]:
    done = run_python("-m", "mxtrain_deploy", "doctor", *words, env=env, timeout=100)
    return done.returncode, done.stdout, done.stderr


class Recited:
    """A host that gives prepared answers."""

    def __init__(
        self, name: str, address: str = "127.0.0.1", answers: dict[str, Any] | None = None, **facts: Any
    ) -> None:
        self.name = name
        self.address = address
        self.problem = ""
        self.facts = {**FACTS, **facts}
        self.answers = {"owns": {}, "resolve": {}, "listen": {"port": 7}, "connect": {}, **(answers or {})}

    def ask(self, request: str, timeout: float = 0, **fields: Any) -> dict[str, Any]:
        if request == "clock" and "clock" not in self.answers:
            return {"time": time.time()}
        return self.answers[request]


def found(check: Check, *there: Recited, **wanted: Any) -> list[str]:
    """The findings of a check for a site of these hosts; the first is this machine."""
    site = Site(Wanted(**wanted), there[0], there)  # type: ignore[arg-type]
    findings = list(check(site))
    assert all(finding.advice for finding in findings if finding.level != "OK"), findings
    return [f"{finding.level} {finding.text}" for finding in findings]


def test_this_machine() -> None:
    code, out, err = doctor("-n", "2", "-s", "2")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert {line[:4] for line in lines} <= {"OK  ", "WARN"}
    for check in (
        "launcher",
        "hosts",
        "python",
        "mxtrain",
        "encryption",
        "key",
        "names",
        "addresses",
        "port",
        "network",
    ):
        assert sum(line.startswith(f"OK    {check}: ") for line in lines) == 1, (check, out)


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, out, _ = doctor("--port", str(taken.getsockname()[1]))
    assert code == 1
    assert [line for line in out.splitlines() if line.startswith("FAIL")] != []
    assert "in use" in out
    assert "pass another --port" in out


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a program in front of ssh."""
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")

    def install(text: str) -> None:
        program.write_text(text)
        program.chmod(0o700)

    return install


def test_hosts_over_ssh(ssh: Callable[[str], None], tmp_path: Path) -> None:
    ssh(FAKE_SSH)
    (tmp_path / "hosts").write_text("127.0.0.1\nlocalhost:2222\n")
    code, out, _ = doctor("--launcher", "ssh", "-H", str(tmp_path / "hosts"), "-n", "2", "-s", "1")
    assert code == 0, out
    assert "3 host(s) answer: here, 127.0.0.1, localhost" in out
    assert "9 way(s) between hosts tried, all are open" in out


def test_a_host_that_is_silent_and_one_without_mxtrain(ssh: Callable[[str], None], tmp_path: Path) -> None:
    ssh("#!/bin/sh\ncase $* in *10.0.0.1*) sleep 60;; *) echo 'No module named mxtrain_deploy' >&2; exit 1;; esac\n")
    (tmp_path / "hosts").write_text("10.0.0.1\nlocalhost\n")
    start = time.monotonic()
    words = ("--launcher", "ssh", "-H", str(tmp_path / "hosts"), "--root-uri", "127.0.0.1", "--timeout", "10")
    code, out, _ = doctor(*words)
    assert code == 1
    assert "FAIL  hosts: 10.0.0.1: no answer to 'facts' within 10 s" in out
    assert "FAIL  hosts: localhost: the probe ended: No module named mxtrain_deploy" in out
    assert time.monotonic() - start < 60


def test_a_host_file_that_is_not_there() -> None:
    code, out, err = doctor("--launcher", "ssh", "-H", "/nowhere/hosts")
    assert (code, out) == (2, "")
    assert "Host file '/nowhere/hosts'" in err


def test_no_program_that_stands_for_the_launcher(tmp_path: Path) -> None:
    code, out, _ = doctor("--launcher", "slurm", PATH=str(tmp_path))
    assert code == 1
    assert "FAIL  launcher: sbatch was not found on PATH" in out


HERE = Recited("here", "10.0.0.1")


@pytest.mark.parametrize(
    ("check", "there", "says"),
    [
        (software.python_is_new_enough, Recited("b", python="3.9.1"), ["FAIL b has 3.9.1"]),
        (software.python_is_new_enough, Recited("b", python="3.12.0"), ["WARN 3.11 on here, 3.12 on b"]),
        (software.encryption_is_there, Recited("b", tls=False, curve=False),
         [f"FAIL {lacks} on b; a job beyond loopback is encrypted" for lacks in ("missing", "no CURVE")]),
        (software.keys_are_equal, Recited("b"),
         ["OK MXTRAIN_CLUSTER_KEY is not set: the launcher makes one for the job"]),
        (hosts.names_resolve, Recited("b", answers={"resolve": {"error": "unknown"}}),
         ["FAIL b does not know '10.0.0.1': unknown", "FAIL b does not know '127.0.0.1': unknown"]),
        (hosts.addresses_are_own, Recited("b", answers={"owns": {"error": "not here"}}),
         ["FAIL b cannot listen on 127.0.0.1: not here"]),
        (network.hosts_reach_each_other, Recited("b", answers={"connect": {"error": "timed out", "refused": False}}),
         [f"FAIL b cannot reach {name} at {address} port 7: timed out (a firewall drops it)"
          for name, address in (("here", "10.0.0.1"), ("b", "127.0.0.1"))]),
        (network.clocks_agree, Recited("b", answers={"clock": {"time": 0.0}}), None),
        (resources.limits_suffice, Recited("b", limits={"open files": 100}),
         ["FAIL b: 100 open files, 136 are needed"]),
        (resources.limits_suffice, Recited("b", limits={"open files": -1}),
         ["OK each process may open the 136 files that it needs"]),
        (resources.shared_memory_suffices, Recited("b", shared_memory={"total": 1 << 26, "free": 1 << 26}),
         ["WARN b: 64 MiB free in /dev/shm; data loaders may need more"]),
        (resources.shared_memory_suffices, Recited("b", shared_memory=None, memfd=False),
         ["WARN b cannot share anonymous memory", "WARN b: no /dev/shm; data loaders may need more"]),
        (resources.cores_suffice, Recited("b", cores=1), ["WARN 1 core(s) for 1 worker(s) and 1 server(s)"]),
        (resources.gpus_are_usable, Recited("b", gpu={"driver": True, "cupy": False, "usable": 0, "problem": ""}),
         ["WARN b has an NVIDIA driver, but CuPy is not installed"]),
    ],
)  # fmt: skip
def test_each_thing_that_may_be_wrong(check: Check, there: Recited, says: list[str] | None) -> None:
    lines = found(check, HERE, there)
    if says is None:
        assert len(lines) == 1
        assert lines[0].startswith("WARN b is ")
        assert lines[0].endswith(" s off")
    else:
        assert lines == says


def test_versions_of_mxtrain_must_be_one() -> None:
    other = Recited("b", packages={**FACTS["packages"], "mxtrain": "2.0", "numpy": "2.0", "msgpack": None})
    lines = found(software.packages_agree, HERE, other)
    assert "FAIL 1.0 on here, 2.0 on b" in lines
    assert "WARN 1.0 on here, 2.0 on b" in lines
    assert "FAIL missing on b" in lines


def test_keys_that_differ() -> None:
    lines = found(software.keys_are_equal, Recited("here", key="x"), Recited("b", key="y"))
    assert lines == ["FAIL MXTRAIN_CLUSTER_KEY differs between here, b"]
    lines = found(software.keys_are_equal, Recited("here", key="x"), Recited("b", key="x"))
    assert lines == ["OK MXTRAIN_CLUSTER_KEY is set and the same on here, b"]


def test_a_job_on_loopback_needs_no_encryption() -> None:
    local = Recited("here", tls=False)
    assert found(software.encryption_is_there, local) == ["WARN missing on here; only a job beyond loopback needs it"]
    assert found(software.keys_are_equal, local) == ["OK none is set, and a job on loopback needs none"]


def test_many_hosts_are_tried_from_here_only() -> None:
    many = [Recited(f"h{number}") for number in range(20)]
    assert found(network.hosts_reach_each_other, HERE, *many) == ["OK 41 way(s) between hosts tried, all are open"]


def test_what_a_probe_answers() -> None:
    port = listen("127.0.0.1")["port"]
    assert connect("127.0.0.1", port, 5) == {}
    assert "error" in listen("127.0.0.1", port)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        answer = connect("127.0.0.1", closed.getsockname()[1], 5)
    assert answer["refused"]
    assert resolve("127.0.0.1") == {"addresses": ["127.0.0.1"]}
    assert "error" in resolve("no-such-host.invalid")
    assert owns("127.0.0.1") == {}
    assert "error" in owns("192.0.2.1")
    assert abs(clock()["time"] - time.time()) < 60


@pytest.fixture(autouse=True)
def _give_ports_back() -> Iterator[None]:
    yield
    from mxtrain_deploy.doctor import probe

    while probe._listening:
        probe._listening.pop().close()


def test_a_probe_that_says_what_nobody_understands() -> None:
    host = HostProbe("h", "127.0.0.1", ["sh", "-c", "echo hello; cat >/dev/null"])
    try:
        with pytest.raises(ProbeError, match="the probe ended: hello"):
            host.ask("clock", 10)
    finally:
        host.close()
    missing = HostProbe("h", "127.0.0.1", ["/nowhere/program"])
    assert "cannot run '/nowhere/program'" in missing.problem
    missing.close()


def test_a_finding_is_one_line() -> None:
    assert str(Finding("WARN", "clocks", "late", "set them")) == "WARN  clocks: late -> set them"
    assert str(Finding("OK", "clocks", "agree")) == "OK    clocks: agree"
