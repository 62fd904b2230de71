"""Measure training by Gluon, hybridized: samples per second and peak memory of one process.

    training_gluon.py --api mxtrain --network lenet

The API is mxtrain's or the real MXNet's, which the script is started with. The networks are those of training.py.
"""

import argparse
import importlib

import numpy as np
from measure import calls_per_second, report, report_peak_memory
from training import BATCH_SIZE, INPUTS, OPTIMIZER


def mlp(nn):
    return [nn.Dense(128, activation="relu"), nn.Dense(64, activation="relu"), nn.Dense(10)]


def lenet(nn):
    layers = []
    for num_filter in (20, 50):
        layers += [nn.Conv2D(num_filter, 5, activation="relu"), nn.MaxPool2D(2, 2)]
    return [*layers, nn.Dense(500, activation="relu"), nn.Dense(10)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", choices=["mxtrain", "mxnet"], default="mxtrain")
    parser.add_argument("--network", choices=list(INPUTS), default="mlp")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to measure (default: 3)")
    options = parser.parse_args()
    mx = importlib.import_module(options.api)

    random = np.random.RandomState(0)
    data = mx.nd.array(random.rand(BATCH_SIZE, *INPUTS[options.network]))
    labels = mx.nd.array(random.randint(0, 10, BATCH_SIZE))
    net, loss = mx.gluon.nn.HybridSequential(), mx.gluon.loss.SoftmaxCrossEntropyLoss()
    net.add(*{"mlp": mlp, "lenet": lenet}[options.network](mx.gluon.nn))
    net.initialize(mx.init.Xavier())
    for block in (net, loss):
        block.hybridize(static_alloc=True, static_shape=True)
    net(data)
    trainer = mx.gluon.Trainer(net.collect_params(), "sgd", OPTIMIZER)

    def step() -> None:
        with mx.autograd.record():
            value = loss(net(data), labels)
        value.backward()
        trainer.step(BATCH_SIZE)

    rate = calls_per_second(step, mx.nd.waitall, options.seconds)
    report(f"train {options.network} by Gluon", rate * BATCH_SIZE, "samples/s")
    report_peak_memory(f"train {options.network} by Gluon")


if __name__ == "__main__":
    main()
