"""Compare operators of mxtrain with MXNet's and NumPy's, case by case in turn, and print the ratios.

    operators_table.py --mxnet-python OTHER/bin/python [--rounds 3] [--threads 2] [--only exp] [--only "add 10"]

One process per API stays alive; the cases go round them, so that what else the machine does meets all alike. A figure
is the shortest time of all rounds. Ratios above 1: mxtrain is faster.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

PAUSE_SECONDS = 0.25  # OpenMP's threads, MXNet's for one, go on spinning when they have nothing left to do


class Server:
    """A process that measures the cases of one API on demand."""

    def __init__(self, api: str, python: str, threads: str, seconds: float, script: str) -> None:
        env = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        env.pop("OPENBLAS_CORETYPE", None)  # each library is to choose the kernels that suit the processor
        command = [python, str(Path(__file__).parent / script), "--api", api, "--serve", "--seconds", str(seconds)]
        self._process = subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.api = api
        self.names: list[str] = self._answer()

    def measure(self, name: str) -> float | None:
        """Microseconds of one call; None where the API has no such case."""
        print(name, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.api}: the measuring process ended with {self._process.wait()}.")
        return json.loads(line)

    def end(self) -> None:
        """Let the process end."""
        self._process.stdin.close()
        self._process.wait(60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mxnet-python", metavar="PYTHON", help="a Python that has MXNet 1.9.1")
    parser.add_argument("--only", action="append", help="cases whose name contains this (may be given again)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.15, help="for one case of one API in one round")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--script", default="operators.py", help="what measures: operators.py or sparse_operators.py")
    options = parser.parse_args()
    pythons = {"mxtrain": sys.executable, "mxnet": options.mxnet_python, "numpy": sys.executable}
    servers = [
        Server(api, python, options.threads, options.seconds, options.script)
        for api, python in pythons.items()
        if python is not None
    ]
    names = [name for name in servers[0].names if any(part in name for part in options.only or [""])]
    best: dict[tuple[str, str], float] = {}
    for _ in range(options.rounds):
        for name in names:
            for server in servers:
                found = server.measure(name)
                time.sleep(PAUSE_SECONDS)
                if found is not None:
                    best[name, server.api] = min(found, best.get((name, server.api), found))
    for server in servers:
        server.end()
    print_table(names, best)


def print_table(names: list[str], best: dict[tuple[str, str], float]) -> None:
    """The times of all cases in microseconds and the ratios to mxtrain's, in Markdown."""
    print("| case | mxtrain us | mxnet us | numpy us | mxtrain / mxnet | mxtrain / numpy |")
    print("|---|---|---|---|---|---|")
    for name in names:
        ours, *peers = (best.get((name, api)) for api in ("mxtrain", "mxnet", "numpy"))
        times = [f"{time:.4g}" if time else "" for time in (ours, *peers)]
        ratios = [f"{peer / ours:.2f}" if ours and peer else "" for peer in peers]
        print(f"| {' | '.join([name, *times, *ratios])} |")


if __name__ == "__main__":
    main()
