"""Measure what training a network takes in memory, and what computing values again in backward saves and costs.

    memory.py --api mxtrain --network resnet20
    memory.py --api mxtrain --network resnet200 --recompute

Planned memory is what the executor says of its intermediate values (MXNet: in whole MiB); growth is by how much the
process grows after it has trained a tiny network, so that libraries are loaded: kernels' working memory and parameters
are included. With --recompute both are of a plan that computes values again (mxtrain: under a budget of 0.32 of the
plain plan's memory, MXNet: MXNET_BACKWARD_DO_MIRROR=1), beside its step's time as a multiple of the plain one's, both
in turn in one process.
"""

import argparse
import gc
import importlib
import os
import re
import statistics
import time
from pathlib import Path

import numpy as np
from measure import report
from training import lenet

BUDGET = 0.32  # of the plain plan's memory
STEPS = 5


def unit(sym, data, filters, stride, same_shape, name):
    """A residual unit with the normalisation first."""
    options = {"fix_gamma": False, "eps": 2e-5, "momentum": 0.9}
    first = sym.Activation(sym.BatchNorm(data, name=f"{name}_bn1", **options), act_type="relu")
    net = sym.Convolution(
        first,
        num_filter=filters,
        kernel=(3, 3),
        stride=(stride, stride),
        pad=(1, 1),
        no_bias=True,
        name=f"{name}_conv1",
    )
    net = sym.Activation(sym.BatchNorm(net, name=f"{name}_bn2", **options), act_type="relu")
    net = sym.Convolution(net, num_filter=filters, kernel=(3, 3), pad=(1, 1), no_bias=True, name=f"{name}_conv2")
    if same_shape:
        return net + data
    shortcut = sym.Convolution(
        first, num_filter=filters, kernel=(1, 1), stride=(stride, stride), no_bias=True, name=f"{name}_shortcut"
    )
    return net + shortcut


def resnet(sym, depth):
    """A residual network for 32 x 32 images, of arXiv:1603.05027; depth: 6 n + 2 layers."""
    net = sym.Convolution(sym.Variable("data"), num_filter=16, kernel=(3, 3), pad=(1, 1), no_bias=True, name="conv0")
    for stage in range(3):
        for number in range((depth - 2) // 6):
            is_first = stage > 0 and number == 0
            net = unit(sym, net, 16 << stage, 2 if is_first else 1, not is_first, f"stage{stage}_unit{number}")
    net = sym.Activation(sym.BatchNorm(net, fix_gamma=False, name="bn"), act_type="relu")
    net = sym.Pooling(net, global_pool=True, kernel=(8, 8), pool_type="avg")
    return sym.SoftmaxOutput(sym.FullyConnected(sym.Flatten(net), num_hidden=10, name="fc"), name="softmax")


NETWORKS = {
    "lenet": (lenet, (128, 1, 28, 28)),
    "resnet20": (lambda sym: resnet(sym, 20), (128, 3, 32, 32)),
    "resnet200": (lambda sym: resnet(sym, 200), (32, 3, 32, 32)),
}


class Training:
    """An executor with values in its arrays."""

    def __init__(self, mx, symbol, shape) -> None:
        self.mx = mx
        inputs = {"data": shape, "softmax_label": shape[:1]}
        reqs = {name: "null" if name in inputs else "write" for name in symbol.list_arguments()}
        self.executor = symbol.simple_bind(mx.cpu(), grad_req=reqs, **inputs)
        random = np.random.RandomState(0)
        for array in self.executor.arg_dict.values():
            array[:] = random.rand(*array.shape) * 0.1
        for array in self.executor.aux_dict.values():
            array[:] = 1

    def step(self) -> float:
        """Forward and backward; the seconds that they take."""
        begin = time.perf_counter()
        self.executor.forward(is_train=True)
        self.executor.backward()
        self.mx.nd.waitall()
        return time.perf_counter() - begin

    @property
    def planned(self) -> float:
        """MiB of intermediate values."""
        text = self.executor.debug_str()
        exact = sum(map(int, re.findall(r"Intermediate values on \S+: (\d+) bytes", text)))
        return exact / 2**20 or float(re.findall(r"Total (\d+) MB allocated", text)[0])


def recomputing(mx, symbol, shape, plain: Training) -> Training:
    """The training with values that are computed again."""
    settings = {"MXTRAIN_MEMORY_BUDGET": f"{BUDGET * plain.planned:.2f}M"}
    if mx.__name__ == "mxnet":
        settings = {"MXNET_BACKWARD_DO_MIRROR": "1"}
    os.environ.update(settings)
    try:
        return Training(mx, symbol, shape)
    finally:
        for name in settings:
            del os.environ[name]


def resident(kind: str) -> float:
    """MiB of this process in memory: "VmRSS" now, "VmHWM" the most since `forget_peak`."""
    found = re.search(rf"{kind}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) / 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def measure_growth(mx, symbol, shape, is_again: bool) -> tuple[float, float]:
    """MiB that are planned, and by which the process grows."""
    Training(mx, resnet(mx.sym, 8), (1, 3, 32, 32)).step()
    plain = Training(mx, symbol, shape) if is_again else None  # its memory is not touched
    gc.collect()
    before = resident("VmRSS")
    forget_peak()
    training = recomputing(mx, symbol, shape, plain) if plain is not None else Training(mx, symbol, shape)
    for _ in range(2):
        training.step()
    return training.planned, resident("VmHWM") - before


def measure_cost(mx, symbol, shape) -> float:
    """The time of a step that computes values again, as a multiple of a plain one's."""
    plain = Training(mx, symbol, shape)
    both = plain, recomputing(mx, symbol, shape, plain)
    times = [[training.step() for training in both] for _ in range(STEPS + 1)][1:]
    return statistics.median(again / once for once, again in times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", choices=["mxtrain", "mxnet"], default="mxtrain")
    parser.add_argument("--network", choices=list(NETWORKS), default="lenet")
    parser.add_argument("--recompute", action="store_true")
    parser.add_argument("--seconds", type=float, help="has no effect: the number of steps is fixed")
    options = parser.parse_args()
    mx = importlib.import_module(options.api)
    make, shape = NETWORKS[options.network]
    symbol = make(mx.sym)
    case = f"train {options.network}" + (", values computed again" if options.recompute else "")
    planned, growth = measure_growth(mx, symbol, shape, options.recompute)
    report(f"{case}: planned memory", planned, "MiB", higher_is_better=False)
    report(f"{case}: growth of the process", growth, "MiB", higher_is_better=False)
    if options.recompute:
        report(f"{case}: time of a step", measure_cost(mx, symbol, shape), "of the plain one", higher_is_better=False)


if __name__ == "__main__":
    main()
