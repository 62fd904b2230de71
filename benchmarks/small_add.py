"""Measure what one operation costs where there is nearly nothing to compute: adding two arrays of 10 elements.

small_add.py --api mxtrain|mxnet|torch
"""

import argparse
import importlib

from measure import calls_per_second, report

CALLS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", choices=["mxtrain", "mxnet", "torch"], default="mxtrain")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to measure (default: 3)")
    options = parser.parse_args()
    library = importlib.import_module(options.api)
    ones = library.ones if options.api == "torch" else library.nd.ones
    wait = (lambda: None) if options.api == "torch" else library.nd.waitall
    a, b = ones((10,)), ones((10,))

    def add() -> None:
        for _ in range(CALLS):
            a + b

    per_second = calls_per_second(add, wait, options.seconds) * CALLS
    report("add 10 elements", 1e6 / per_second, "us", higher_is_better=False)


if __name__ == "__main__":
    main()
