"""Measure rounds of a KVStore over the devices of one process: a round pushes and pulls all arrays of all devices.

kvstore_local.py --api mxtrain|mxnet [--kind local|device] [--optimizer sgd]
"""

import argparse
import importlib

from kvstore_payloads import PAYLOADS
from measure import calls_per_second, report

DEVICES = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", choices=["mxtrain", "mxnet"], default="mxtrain")
    parser.add_argument("--kind", default="local", help="local or device")
    parser.add_argument("--optimizer", help="let the store update by this optimizer, with momentum")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long to measure each payload (default: 2)")
    options = parser.parse_args()
    mx = importlib.import_module(options.api)
    devices = [mx.cpu(number) for number in range(DEVICES)]
    for name, shapes in PAYLOADS.items():
        kv = mx.kv.create(options.kind)
        if options.optimizer:
            kv.set_optimizer(mx.optimizer.create(options.optimizer, learning_rate=0.001, momentum=0.9))
        keys = [str(number) for number in range(len(shapes))]
        kv.init(keys, [mx.nd.zeros(shape) for shape in shapes])
        gradients = [[mx.nd.ones(shape, ctx=device) for device in devices] for shape in shapes]
        weights = [[mx.nd.zeros(shape, ctx=device) for device in devices] for shape in shapes]

        def make_round(kv=kv, keys=keys, gradients=gradients, weights=weights) -> None:
            kv.push(keys, gradients)
            kv.pull(keys, weights)
            mx.nd.waitall()

        how = f"{options.optimizer} in the store" if options.optimizer else "sums"
        case = f"{options.kind}, {DEVICES} devices, {how}: {name}"
        report(case, calls_per_second(make_round, mx.nd.waitall, options.seconds), "rounds/s")


if __name__ == "__main__":
    main()
