"""Measure training by Module: samples per second and peak memory of one process.

    training.py --api mxtrain --network lenet

The API is mxtrain's or the real MXNet's, which the script is started with.
"""

import argparse
import importlib

import numpy as np
from measure import calls_per_second, report, report_peak_memory

BATCH_SIZE = 64
OPTIMIZER = {"learning_rate": 0.01, "momentum": 0.9, "wd": 1e-4}
INPUTS = {"mlp": (784,), "lenet": (1, 28, 28)}


def mlp(sym):
    layer = sym.Variable("data")
    for number, size in enumerate((128, 64), 1):
        layer = sym.FullyConnected(layer, num_hidden=size, name=f"fc{number}")
        layer = sym.Activation(layer, act_type="relu")
    return sym.SoftmaxOutput(sym.FullyConnected(layer, num_hidden=10, name="fc3"), name="softmax")


def lenet(sym):
    layer = sym.Variable("data")
    for number, num_filter in enumerate((20, 50), 1):
        layer = sym.Convolution(layer, kernel=(5, 5), num_filter=num_filter, name=f"conv{number}")
        layer = sym.Activation(layer, act_type="relu")
        layer = sym.Pooling(layer, pool_type="max", kernel=(2, 2), stride=(2, 2))
    layer = sym.Activation(sym.FullyConnected(sym.Flatten(layer), num_hidden=500, name="fc1"), act_type="relu")
    return sym.SoftmaxOutput(sym.FullyConnected(layer, num_hidden=10, name="fc2"), name="softmax")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", choices=["mxtrain", "mxnet"], default="mxtrain")
    parser.add_argument("--network", choices=list(INPUTS), default="mlp")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to measure (default: 3)")
    options = parser.parse_args()
    mx = importlib.import_module(options.api)

    random = np.random.RandomState(0)
    shape = (BATCH_SIZE, *INPUTS[options.network])
    module = mx.mod.Module({"mlp": mlp, "lenet": lenet}[options.network](mx.sym), context=mx.cpu())
    module.bind(data_shapes=[("data", shape)], label_shapes=[("softmax_label", (BATCH_SIZE,))])
    module.init_params(mx.init.Xavier())
    module.init_optimizer(optimizer="sgd", optimizer_params=OPTIMIZER)
    batch = mx.io.DataBatch(
        data=[mx.nd.array(random.rand(*shape))], label=[mx.nd.array(random.randint(0, 10, BATCH_SIZE))]
    )

    def step() -> None:
        module.forward_backward(batch)
        module.update()

    rate = calls_per_second(step, mx.nd.waitall, options.seconds)
    report(f"train {options.network}", rate * BATCH_SIZE, "samples/s")
    report_peak_memory(f"train {options.network}")


if __name__ == "__main__":
    main()
