"""Run the benchmarks of mxtrain and of its peers in turn, and print them side by side with their ratios.

    python benchmarks/run.py --mxnet-python OTHER/bin/python --torch-python OTHER/bin/python

A peer runs in the Python that is given for it, and is left out where none is. Each measurement is a process of its own.
Every round measures all sides one after the other, for each number of threads; a side's figure is the median over the
rounds for the number of threads that suits it best. Ratios above 1: mxtrain is better (faster, or smaller).
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
TIMEOUT = 600.0  # seconds for one process

# Each entry: what is measured, and for each side the script with its arguments.
BENCHMARKS: dict[str, dict[str, list[str]]] = {
    **{
        network: {
            "mxtrain": ["training.py", "--api", "mxtrain", "--network", network],
            "mxnet": ["training.py", "--api", "mxnet", "--network", network],
            "torch": ["training_torch.py", "--network", network],
        }
        for network in ("mlp", "lenet")
    },
    "kvstore": {
        **{side: ["kvstore_dist.py", "--api", side] for side in ("mxtrain", "mxnet")},
        "torch": ["allreduce_torch.py"],
    },
    "add": {side: ["small_add.py", "--api", side] for side in ("mxtrain", "mxnet", "torch")},
    **{
        name: {side: [script, "--api", side, *arguments] for side in ("mxtrain", "mxnet")}
        for name, (script, *arguments) in {
            "gluon-mlp": ["training_gluon.py", "--network", "mlp"],
            "gluon-lenet": ["training_gluon.py", "--network", "lenet"],
            "kvstore-sgd": ["kvstore_dist.py", "--optimizer", "sgd"],
            "kvstore-replicas": ["kvstore_dist.py", "--optimizer", "sgd", "--replicas", "1"],
            "kvstore-rows": ["kvstore_rows.py"],
            "kvstore-local": ["kvstore_local.py"],
            "kvstore-local-sgd": ["kvstore_local.py", "--optimizer", "sgd"],
            **{
                f"memory-{network}": ["memory.py", "--network", network]
                for network in ("lenet", "resnet20", "resnet200")
            },
            "recompute": ["memory.py", "--network", "resnet200", "--recompute"],
            "sparse": ["sparse_training.py"],
            "operators": ["operators.py"],
        }.items()
    },
}


@dataclass
class Row:
    """The figures of one case: by side and number of threads."""

    unit: str
    higher_is_better: bool
    values: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def best(self, side: str) -> float | None:
        """The side's median for the number of threads that suits it best; None where it was not measured."""
        medians = [statistics.median(values) for (of, _), values in self.values.items() if of == side]
        if not medians:
            return None
        return max(medians) if self.higher_is_better else min(medians)

    def ratio(self, peer: str) -> float | None:
        """How many times better mxtrain is than a peer."""
        ours, theirs = self.best("mxtrain"), self.best(peer)
        if ours is None or theirs is None:
            return None
        return ours / theirs if self.higher_is_better else theirs / ours


def main() -> int:
    options = parse_arguments()
    pythons = {"mxtrain": sys.executable, "mxnet": options.mxnet_python, "torch": options.torch_python}
    rows: dict[str, Row] = {}
    failures = []
    for number in range(options.rounds):
        for side, threads, command in jobs(options, pythons):
            print(f"round {number + 1}: {side}, {threads} thread(s): {' '.join(command[1:])}", file=sys.stderr)
            error = measure(side, threads, command, rows)
            if error:
                failures.append(error)
    print(table(rows, [side for side, python in pythons.items() if python]))
    for failure in failures:
        print("failed:", failure)
    return 1 if failures else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mxnet-python", metavar="PYTHON", help="a Python that has MXNet 1.9.1")
    parser.add_argument("--torch-python", metavar="PYTHON", help="a Python that has PyTorch")
    parser.add_argument("--only", choices=list(BENCHMARKS), action="append", help="only this (may be given again)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long to measure each (default: 2)")
    parser.add_argument("--threads", default="1,2", help="numbers of threads to try (default: 1,2)")
    return parser.parse_args()


def jobs(options: argparse.Namespace, pythons: dict[str, str | None]) -> Iterator[tuple[str, str, list[str]]]:
    """(side, number of threads, command) of one round."""
    for name in options.only or BENCHMARKS:
        for side, script in BENCHMARKS[name].items():
            python = pythons[side]
            for threads in options.threads.split(",") if python else ():
                yield side, threads, [python, str(HERE / script[0]), *script[1:], "--seconds", str(options.seconds)]


def measure(side: str, threads: str, command: list[str], rows: dict[str, Row]) -> str | None:
    """Run one process and enter its figures; returns what went wrong."""
    env = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    env.pop("OPENBLAS_CORETYPE", None)  # each library is to choose the kernels that suit the processor
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return f"{side} {' '.join(command[1:])}: not within {TIMEOUT:.0f} s"
    if done.returncode:
        return f"{side} {' '.join(command[1:])}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"
    for line in done.stdout.splitlines():
        if line.startswith('{"case"'):
            found = json.loads(line)
            row = rows.setdefault(found["case"], Row(found["unit"], found["higher_is_better"]))
            row.values.setdefault((side, threads), []).append(found["value"])
    return None


def table(rows: dict[str, Row], sides: list[str]) -> str:
    """All rows in Markdown."""
    peers = [side for side in sides if side != "mxtrain"]
    head = ["case", "unit", *sides, *(f"mxtrain / {peer}" for peer in peers)]
    lines = [
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    ]
    lines += ["", _line(head), _line(["---"] * len(head))]
    for case, row in rows.items():
        figures = [_figure(row.best(side)) for side in sides]
        lines.append(_line([case, row.unit, *figures, *(_figure(row.ratio(peer), "{:.2f}") for peer in peers)]))
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _figure(value: float | None, form: str = "{:.4g}") -> str:
    return "" if value is None else form.format(value)


if __name__ == "__main__":
    sys.exit(main())
