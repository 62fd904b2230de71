"""Faults of containers: one of 3 workers, 2 servers and a scheduler under docker compose is killed, paused or cut off.

    python tests/faults/compose_faults.py                      # every case; needs a Docker engine with compose
    python tests/faults/compose_faults.py --only "pause|cut"   # those whose name has this pattern in it

Each case is a job of its own, of the project's compose file: a private network, encryption, one replica. Heartbeats
every second; dead after 8 s without one. Columns: outcome; seconds until another container says that it noticed; the
longest time in seconds between two steps of a worker after the fault; whether the final weights have the bits of a
run without a fault. Logs of jobs with a bad outcome stay in the folder that is printed.

- kill: SIGKILL of the container's first process. The engine starts the container again by its restart policy.
- docker kill: the engine takes this for the user's wish and does not start it again; `docker start` does, 3 s later.
- pause: `docker pause`, and `docker unpause` 20 s later.
- cut: `docker network disconnect`, and `docker network connect` 10 s later: packets vanish, connections stay half open.
- moved: the same, but it comes back with another address.

    python tests/faults/compose_faults.py --scale

2 workers become 4 in mid-training and 2 again, by `docker compose up --scale worker=...`; it tells how long each takes,
and what the workers' steps did meanwhile.
"""

import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NAME = "mxtrain-faults"
NETWORK = f"{NAME}_default"
VICTIMS = ("worker-2", "server-1", "scheduler-1")
PAUSE, CUT, DOWN = 20.0, 10.0, 3.0
LIMIT = 400.0
STEP_OF_FAULT = 150
KEEP = bool(os.environ.get("KEEP"))


def docker(*words: str, check: bool = True) -> str:
    """What a command of the engine prints."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=300)
    if check and done.returncode:
        raise RuntimeError(f"docker {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Project:
    """One job of containers; as a block it leaves nothing behind. env: variables of the compose file."""

    def __init__(self, workers: int, **env: str) -> None:
        self.env = {
            "NUM_WORKERS": str(workers),
            "NUM_SERVERS": "2",
            "PS_HEARTBEAT_INTERVAL": "1",
            "PS_HEARTBEAT_TIMEOUT": "8",
            "FAULT_FOLDER": str(HERE),
            **env,
        }

    def compose(self, *words: str) -> str:
        files = ["-f", str(ROOT / "deploy/compose/compose.yaml"), "-f", str(HERE / "compose.faults.yaml")]
        command = ["docker", "compose", "-p", NAME, *files, *words]
        done = subprocess.run(
            command, env={**os.environ, **self.env}, capture_output=True, text=True, check=False, timeout=300
        )
        if done.returncode:
            raise RuntimeError(f"docker compose {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def __enter__(self) -> "Project":
        self.compose("down", "-v", "-t", "1")
        self.compose("up", "-d", "--no-build")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.compose("down", "-v", "-t", "1")

    # ---------------------------------------------------------------- what has come of it

    def containers(self, service: str = "") -> list[str]:
        """Their names without the project's, as "worker-1"."""
        names = docker("ps", "-a", "--filter", f"label=com.docker.compose.project={NAME}", "--format", "{{.Names}}")
        found = sorted(name.removeprefix(f"{NAME}-") for name in names.split())
        return [name for name in found if not name.startswith("key") and name.startswith(service)]

    def lines(self, container: str) -> Iterator[tuple[float, str]]:
        """(time, text) of what a container has said, in all its lives."""
        words = ["docker", "logs", "-t", f"{NAME}-{container}"]
        done = subprocess.run(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60
        )
        for line in done.stdout.splitlines():
            stamp, _, text = line.partition(" ")
            whole, _, fraction = stamp.rstrip("Z").partition(".")
            try:
                moment = datetime.fromisoformat(whole + "+00:00").timestamp() + float(f"0.{fraction}")
            except ValueError:
                continue
            yield moment, text

    def steps(self, container: str) -> list[tuple[float, int]]:
        """(time, number) of a worker's steps."""
        return [(t, int(text.split()[1])) for t, text in self.lines(container) if re.fullmatch(r"step \d+", text)]

    def step(self) -> int:
        """The step that all workers have done."""
        return min((max((n for _, n in self.steps(name)), default=0) for name in self.containers("worker")), default=0)

    def weights(self) -> list[str]:
        """What the workers say of their final weights."""
        said = [text for name in self.containers("worker") for _, text in self.lines(name)]
        return [text.split()[1] for text in said if text.startswith("weights ")]

    def running(self) -> list[str]:
        words = ("ps", "--filter", f"label=com.docker.compose.project={NAME}", "--format", "{{.Names}}")
        return docker(*words).split()

    def wait_for_step(self, number: int) -> None:
        end = time.monotonic() + LIMIT
        while self.step() < number:
            if time.monotonic() > end or not self.running():
                raise RuntimeError(f"the job has not come to step {number}:\n{self.report()}")
            time.sleep(0.3)

    def ends(self, limit: float) -> bool:
        """Whether all containers have ended in time."""
        end = time.monotonic() + limit
        while self.running():
            if time.monotonic() > end:
                return False
            time.sleep(0.5)
        return True

    def codes(self) -> dict[str, int]:
        """How each container has ended."""
        states = docker("inspect", "-f", "{{.Name}} {{.State.ExitCode}}", *[f"{NAME}-{c}" for c in self.containers()])
        pairs = [line.split() for line in states.splitlines()]
        return {name.removeprefix(f"/{NAME}-"): int(code) for name, code in pairs}

    def workers(self) -> list[str]:
        """The states of all workers, as `mxtrain status` says in the scheduler's container; [] where it does not."""
        words = ("mxtrain-entrypoint", "mxtrain", "status", "--json", "--timeout", "30")
        said = docker("exec", f"{NAME}-scheduler-1", *words, check=False)
        nodes = json.loads(said)["nodes"] if said.strip() else []
        return [node["state"] for node in nodes if node["role"] == "worker"]

    def report(self) -> str:
        said = []
        for name in self.containers():
            lines = [f"{t:.3f} {text}" for t, text in self.lines(name) if not text.startswith("step ")]
            said.append(f"--- {name}\n" + "\n".join(lines[-60:]))
        return "\n".join(said)

    def save(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="mxtrain-compose-"))
        for name in self.containers():
            (folder / name).write_text("\n".join(f"{t:.3f} {text}" for t, text in self.lines(name)))
        return folder


# ---------------------------------------------------------------- faults


def kill(victim: str) -> None:
    """SIGKILL of the container's first process, as by a kernel that is short of memory."""
    subprocess.run(["kill", "-9", docker("inspect", "-f", "{{.State.Pid}}", f"{NAME}-{victim}").strip()], check=True)


def docker_kill(victim: str) -> None:
    docker("kill", f"{NAME}-{victim}")
    time.sleep(DOWN)
    docker("start", f"{NAME}-{victim}")


def pause(victim: str) -> None:
    docker("pause", f"{NAME}-{victim}")
    time.sleep(PAUSE)
    docker("unpause", f"{NAME}-{victim}")


def cut(victim: str) -> None:
    docker("network", "disconnect", NETWORK, f"{NAME}-{victim}")
    time.sleep(CUT)
    # the service's name is an alias, which the engine forgets
    docker("network", "connect", "--alias", victim.rpartition("-")[0], NETWORK, f"{NAME}-{victim}")


def move(victim: str) -> None:
    """Another container has taken its address meanwhile."""
    docker("network", "disconnect", NETWORK, f"{NAME}-{victim}")
    squatter = docker("run", "-d", "--rm", "--network", NETWORK, "--entrypoint", "sleep", "mxtrain", "600").strip()
    time.sleep(CUT)
    docker("network", "connect", "--alias", victim.rpartition("-")[0], NETWORK, f"{NAME}-{victim}")
    docker("kill", squatter)


FAULTS = {"kill": kill, "docker kill": docker_kill, "pause": pause, "cut": cut, "moved": move}


def signs(victim: str, fault: str, project: Project, since: float) -> list[float]:
    """When the others said that they noticed."""
    words = "is gone|is dead|cannot be reached|did not come back|in place of"
    return sorted(
        t
        for name in project.containers()
        for t, text in project.lines(name)
        if name != victim and t >= since and re.search(words, text)
    )


def standstill(project: Project, since: float) -> float:
    """The longest time between two steps of a worker, of which the second was after the fault."""
    times = [[t for t, _ in project.steps(name)] for name in project.containers("worker")]
    gaps = [after - before for moments in times for before, after in itertools.pairwise(moments) if after > since]
    return max(gaps, default=0.0)


def run_case(fault: str, victim: str, expected: str, **env: str) -> tuple[str, bool]:
    """One job in which that happens; its line of the table, and whether it is as it should be."""
    with Project(3, **env) as project:
        project.wait_for_step(STEP_OF_FAULT)
        since = time.time()
        FAULTS[fault](victim)
        ended = project.ends(LIMIT)
        codes = project.codes()
        digests = project.weights()
        good = ended and not any(codes.values())
        outcome = "goes on" if good else "HANGS" if not ended else "stops"
        seen = signs(victim, fault, project, since)
        still = f"{standstill(project, since):.1f}"
        bits = "equal" if digests == [expected] * 3 else "" if not good else "DIFFERENT"
        folder = "" if bits == "equal" and not KEEP else f" {project.save()}"
    detected = f"{seen[0] - since:.1f}" if seen else ""
    cells = [victim.rpartition("-")[0], fault, outcome + folder, detected, still, bits]
    return "| " + " | ".join(cells) + " |", bits == "equal"


def undisturbed(**env: str) -> str:
    """The final weights of a run without a fault."""
    with Project(3, **env) as project:
        if not project.ends(LIMIT) or len(set(project.weights())) != 1:
            raise RuntimeError(f"the run without a fault has failed:\n{project.report()}")
        return project.weights()[0]


def scale() -> int:
    """2 workers, then 4, then 2; returns the number of things that are not as they should be."""
    with Project(2, FAULT_STEPS="700") as project:
        project.wait_for_step(STEP_OF_FAULT)
        rows = [_scale_to(project, 4, 0), _scale_to(project, 2, 2)]
        ended = project.ends(LIMIT)
        codes, digests = project.codes(), project.weights()
        good = ended and not any(codes.values()) and len(digests) == 2 and len(set(digests)) == 1
        if not good:
            print(f"not as it should be: {codes} {digests}; logs in {project.save()}")
    print("| workers | after (s) | longest wait between two steps of the first two (s) | state of all workers |")
    print("|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(f"the end: exit codes {codes}, final weights of the first two {'equal' if good else 'DIFFERENT'}")
    return int(not good)


def _scale_to(project: Project, count: int, left: int) -> list[str]:
    """Scale, wait until as many workers take part and make steps, and 5 s more; a line of the table."""
    since = time.time()
    project.compose("up", "-d", "--no-build", "--no-recreate", "--scale", f"worker={count}")
    end = time.monotonic() + LIMIT
    while True:
        states = project.workers()
        if states.count("active") == count and states.count("finished") == left:
            break
        if time.monotonic() > end:
            raise RuntimeError(f"{count} workers after {LIMIT:.0f} s: {states}; logs in {project.save()}")
    took = time.time() - since
    if count > 2:
        for name in ("worker-3", "worker-4"):
            while not project.steps(name) and time.monotonic() < end:
                time.sleep(0.5)
    time.sleep(5)
    first = [[t for t, _ in project.steps(name)] for name in ("worker-1", "worker-2")]
    gaps = [after - before for moments in first for before, after in itertools.pairwise(moments) if after > since]
    return [str(count), f"{took:.1f}", f"{max(gaps):.1f}", ", ".join(states)]


def main(only: str) -> int:
    expected = undisturbed()
    print("| who | what | outcome | detected after (s) | longest wait (s) | bits |\n" + "|---" * 6 + "|", flush=True)
    bad = 0
    for fault in FAULTS:
        for victim in VICTIMS:
            if re.search(only, f"{victim} {fault}"):
                line, good = run_case(fault, victim, expected)
                print(line, flush=True)
                bad += not good
    return bad


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="a pattern of cases")
    parser.add_argument("--scale", action="store_true", help="more workers in mid-training, and fewer")
    options = parser.parse_args()
    sys.exit(bool(scale() if options.scale else main(options.only)))
