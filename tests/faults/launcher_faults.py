"""SIGKILL of a worker and of a server in mid-training under a launcher, on this machine, as a table.

    python tests/faults/launcher_faults.py local
    python tests/faults/launcher_faults.py mpi --launcher-args "--oversubscribe --allow-run-as-root"
    python tests/faults/launcher_faults.py ssh -H hosts

The words after the launcher's name go to `mxtrain launch`; the cluster, the ssh server or the mpirun must be there.
2 workers, 2 servers, one replica. Columns: exit code of the launcher; the longest time in seconds between two steps of
a worker after the fault; whether the final weights have the bits of a run without a fault. What the launcher printed is
in the folder that is named where something is not as it should be.
"""

import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

SCRIPT = Path(__file__).with_name("slow_training.py")
STEPS, SECONDS, STEP_OF_FAULT, LIMIT = 150, 0.02, 100, 240.0
FAULTS = ("worker 1", "server 0")


class Run:
    """One job under a launcher. folder: where its workers tell their steps."""

    def __init__(self, launcher: str, words: list[str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mxtrain-launcher-"))
        command = [sys.executable, "-m", "mxtrain_deploy", "launch", "-n", "2", "-s", "2", "--launcher", launcher]
        variables = {
            "MXTRAIN_FAULT_FOLDER": str(self.folder),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        given = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
        with (self.folder / "output").open("w") as output:
            self.process = subprocess.Popen(
                [*command, *given, *words, str(SCRIPT), str(STEPS), str(SECONDS)],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
            )

    def lines(self, rank: int) -> list[tuple[float, str]]:
        """(time, text) of what a worker has told."""
        file = self.folder / f"worker-{rank}"
        lines = [line.split(" ", 1) for line in file.read_text().splitlines()] if file.exists() else []
        return [(float(moment), text) for moment, text in lines]

    def steps(self, rank: int) -> list[tuple[float, int]]:
        return [(t, int(text.split()[1])) for t, text in self.lines(rank) if text.startswith("step ")]

    def weights(self) -> list[str]:
        said = [text for rank in range(2) for _, text in self.lines(rank)]
        return [text.split()[1] for text in said if text.startswith("weights ")]

    def wait_for_step(self, number: int) -> None:
        end = time.monotonic() + LIMIT
        while min(max((n for _, n in self.steps(rank)), default=0) for rank in range(2)) < number:
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError(f"the job has not come to step {number}: {(self.folder / 'output').read_text()}")
            time.sleep(0.1)

    def pid(self, victim: str) -> int:
        """The process that is this node, on this machine."""
        role, rank = victim.split()
        place = {"DMLC_ROLE": role, f"DMLC_{role.upper()}_ID": rank, "MXTRAIN_FAULT_FOLDER": str(self.folder)}
        program = SCRIPT.name if role == "worker" else "mxtrain_deploy"
        for process in psutil.process_iter():
            try:
                environment, words = process.environ(), process.cmdline()
            except psutil.Error:
                continue
            if place.items() <= environment.items() and any(program in word for word in words[1:3]):
                return process.pid
        raise RuntimeError(f"no process of {victim}")

    def end(self) -> int | None:
        """The exit code; None: the job hangs."""
        try:
            return self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)
            return None

    def standstill(self, since: float) -> float:
        times = [[t for t, _ in self.steps(rank)] for rank in range(2)]
        gaps = [after - before for moments in times for before, after in itertools.pairwise(moments) if after > since]
        return max(gaps, default=0.0)


def main(launcher: str, words: list[str]) -> int:
    clean = Run(launcher, words)
    code, expected = clean.end(), clean.weights()
    if code or len(set(expected)) != 1:
        raise RuntimeError(f"the run without a fault has failed ({code}); see {clean.folder}")
    print(f"| {launcher} | nobody | 0 | {clean.standstill(0):.1f} | |", flush=True)
    bad = 0
    for victim in FAULTS:
        run = Run(launcher, words)
        run.wait_for_step(STEP_OF_FAULT)
        since = time.time()
        os.kill(run.pid(victim), signal.SIGKILL)
        code = run.end()
        bits = "equal" if run.weights() == expected else "" if code else "DIFFERENT"
        where = "" if bits == "equal" else str(run.folder)
        outcome = "HANGS" if code is None else code
        print(f"| {launcher} | {victim} | {outcome} | {run.standstill(since):.1f} | {bits} | {where}", flush=True)
        bad += bits != "equal"
    return bad


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(bool(main(sys.argv[1], sys.argv[2:])))
