"""The price of encryption: rounds of kvstore_dist.py over ZeroMQ and gRPC, with a cluster key and without, in turn.

    python benchmarks/kvstore_encryption.py --rounds 3

Prints rounds per second and processor time of all processes for one round, as medians over the rounds of this script,
and their ratios: encrypted to plain, and gRPC to ZeroMQ. Everything is on loopback, where a network costs least and so
encryption most.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent / "kvstore_dist.py"
TIMEOUT = 600.0  # seconds for one job
VARIANTS = {
    "ZeroMQ": ["--transport", "tcp"],
    "ZeroMQ, CURVE": ["--transport", "tcp", "--key"],
    "gRPC": ["--transport", "grpc"],
    "gRPC, TLS": ["--transport", "grpc", "--key"],
}
Figures = dict[tuple[str, str, str], list[float]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long to measure each payload (default: 2)")
    parser.add_argument("--optimizer", help="let the servers update by this optimizer")
    options = parser.parse_args()
    figures: Figures = {}
    for _ in range(options.rounds):
        for variant, arguments in VARIANTS.items():
            optimizer = ["--optimizer", options.optimizer] if options.optimizer else []
            words = [sys.executable, str(SCRIPT), *arguments, *optimizer, "--seconds", str(options.seconds)]
            done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT, check=True)
            for line in done.stdout.splitlines():
                if line.startswith('{"case"'):
                    found = json.loads(line)
                    payload = found["case"].split(": ", 1)[1].removesuffix(", all processes")
                    figures.setdefault((payload, found["unit"], variant), []).append(found["value"])
    print(table(figures))
    return 0


def table(figures: Figures) -> str:
    """All figures in Markdown."""
    lines = [f"| payload | | {' | '.join(VARIANTS)} | CURVE / plain | TLS / plain | gRPC / ZeroMQ |"]
    lines.append("|---|---|" + "---|" * (len(VARIANTS) + 3))
    for payload, unit in dict.fromkeys((payload, unit) for payload, unit, _ in figures):
        plain, curve, grpc, tls = (statistics.median(figures[payload, unit, variant]) for variant in VARIANTS)
        cells = [f"{value:.4g}" for value in (plain, curve, grpc, tls)]
        cells += [f"{ratio:.2f}" for ratio in (curve / plain, tls / grpc, grpc / plain)]
        lines.append(f"| {payload} | {unit} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
