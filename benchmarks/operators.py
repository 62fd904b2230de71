"""Measure single operators: what a call costs on 10 elements, and how long 16 MB of float32 numbers take.

    operators.py --api mxtrain|mxnet|numpy [--only exp]
    operators.py --api mxtrain --serve        # measures the cases named on standard input, for operators_table.py

Every figure is the shortest of several blocks of calls, since others may use the machine at the same time. All APIs get
the same numbers. MXNet queues its work: results are waited for, after each call on large arrays, after a block of
calls on small ones.
"""

# ruff: noqa: PLW0108  calls of methods stay lambdas: what they are called on may be bound later

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable

import numpy as np
from measure import report

ROWS = 2048  # large arrays are 2048 x 2048 float32 numbers: 16 MiB
SMALL_CALLS = 1000  # of a small operator in one block
Call = Callable[[], object]


def numbers() -> dict[str, np.ndarray]:
    """The arrays that every API computes with."""
    random = np.random.RandomState(0)
    large = (ROWS, ROWS)
    return {
        "x": random.uniform(0.1, 2.0, large).astype(np.float32),
        "y": random.uniform(0.1, 2.0, large).astype(np.float32),
        "signed": random.uniform(-2.0, 2.0, large).astype(np.float32),
        "half": random.uniform(-2.0, 2.0, large).astype(np.float16),
        "rows": random.randint(0, ROWS, ROWS).astype(np.int32),
        "ids": random.randint(0, 50_000, (64, 512)).astype(np.int32),
        "table": random.uniform(-1.0, 1.0, (50_000, 128)).astype(np.float32),
        "boxes": np.sort(random.uniform(0.0, 1.0, (2000, 4)).astype(np.float32), axis=1),
        "image": random.randint(0, 256, (480, 640, 3)).astype(np.uint8),
        "small": random.uniform(0.1, 2.0, 10).astype(np.float32),
        "other": random.uniform(0.1, 2.0, 10).astype(np.float32),
    }


def large_cases(mx) -> dict[str, Call]:
    """Operators on large arrays, as MXNet and mxtrain name them."""
    nd = mx.nd
    data = {name: nd.array(value, dtype=value.dtype) for name, value in numbers().items()}
    x, y, signed, half, rows = (data[name] for name in ("x", "y", "signed", "half", "rows"))
    z = nd.empty(x.shape)
    positive, row = signed > 0, x[:1]
    return {
        "add": lambda: x + y,
        "add, out=": lambda: nd.elemwise_add(x, y, out=z),
        "add a number": lambda: x + 1.5,
        "add a row": lambda: nd.broadcast_add(x, row),
        "mul": lambda: x * y,
        "div": lambda: x / y,
        "exp": lambda: nd.exp(signed),
        "exp, out=": lambda: nd.exp(signed, out=z),
        "log": lambda: nd.log(x),
        "tanh": lambda: nd.tanh(signed),
        "sigmoid": lambda: nd.sigmoid(signed),
        "erf": lambda: nd.erf(signed),
        "relu": lambda: nd.relu(signed),
        "gelu": lambda: nd.LeakyReLU(signed, act_type="gelu"),
        "sqrt": lambda: nd.sqrt(x),
        "square": lambda: nd.square(x),
        "power": lambda: nd.broadcast_power(x, y),
        "greater": lambda: x > y,
        "where": lambda: nd.where(positive, x, y),
        "clip": lambda: nd.clip(signed, -1.0, 1.0),
        "cast to float16": lambda: x.astype("float16"),
        "cast to float64": lambda: x.astype("float64"),
        "cast to int32": lambda: x.astype("int32"),
        "cast from float16": lambda: half.astype("float32"),
        "add float16": lambda: half + half,
        "exp float16": lambda: nd.exp(half),
        "sum": lambda: x.sum(),
        "sum axis=0": lambda: x.sum(axis=0),
        "sum axis=1": lambda: x.sum(axis=1),
        "mean": lambda: x.mean(),
        "mean axis=0": lambda: x.mean(axis=0),
        "mean axis=1": lambda: x.mean(axis=1),
        "max": lambda: x.max(),
        "max axis=0": lambda: x.max(axis=0),
        "max axis=1": lambda: x.max(axis=1),
        "argmax axis=0": lambda: x.argmax(axis=0),
        "argmax axis=1": lambda: x.argmax(axis=1),
        "norm": lambda: x.norm(),
        "norm axis=1": lambda: x.norm(axis=1),
        "softmax": lambda: nd.softmax(signed),
        "log_softmax": lambda: nd.log_softmax(signed),
        "softmax axis=0": lambda: nd.softmax(signed, axis=0),
        "transpose": lambda: nd.transpose(x),
        "concat dim=0": lambda: nd.concat(x, y, dim=0),
        "concat dim=1": lambda: nd.concat(x, y, dim=1),
        "take rows": lambda: nd.take(x, rows),
        "Embedding": lambda: nd.Embedding(data["ids"], data["table"], input_dim=50_000, output_dim=128),
        "topk 10": lambda: nd.topk(x, k=10),
        "sort": lambda: nd.sort(x),
        "argsort": lambda: nd.argsort(x),
        "random.uniform": lambda: nd.random.uniform(shape=x.shape),
        "random.normal": lambda: nd.random.normal(shape=x.shape),
        "random.exponential": lambda: nd.random.exponential(shape=x.shape),
        "random.gamma": lambda: nd.random.gamma(2.0, shape=x.shape),
        "random.randint": lambda: nd.random.randint(0, 1000, shape=x.shape),
        "Dropout": lambda: nd.Dropout(signed, p=0.5, mode="always"),
        "graph of 6 steps": graph_case(mx, x, y),
        **vision_cases(mx, data),
    }


def graph_case(mx, x, y) -> Call:
    """A bound graph of six element-wise operators."""
    first, second = mx.sym.var("x"), mx.sym.var("y")
    value = mx.sym.tanh(first * 2 + 1) * second
    executor = mx.sym.clip(value - first, a_min=-1, a_max=1).bind(mx.cpu(), {"x": x, "y": y}, grad_req="null")
    return lambda: executor.forward()


def vision_cases(mx, data) -> dict[str, Call]:
    """Operators of boxes and images."""
    nd, image, boxes = mx.nd, data["image"], data["boxes"]
    anchors = boxes.expand_dims(0)
    scores = nd.softmax(nd.array(np.random.RandomState(1).randn(4, 21, 2000)), axis=1)
    offsets = nd.array(np.random.RandomState(2).randn(4, 8000) * 0.1)
    return {
        "box_iou 2000 x 2000": lambda: nd.contrib.box_iou(boxes, boxes),
        "MultiBoxDetection": lambda: nd.contrib.MultiBoxDetection(scores, offsets, anchors, nms_topk=400),
        "image.resize": lambda: nd.image.resize(image, size=(224, 224)),
        "image.random_hue": lambda: nd.image.random_hue(image, 0.9, 1.1),
        "image.to_tensor": lambda: nd.image.to_tensor(image),
    }


def small_cases(mx) -> dict[str, Call]:
    """Operators on 10 elements."""
    nd = mx.nd
    a, b, out = nd.array(numbers()["small"]), nd.array(numbers()["other"]), nd.empty((10,))
    matrix = nd.ones((2, 5))
    variable = nd.array(numbers()["small"])
    variable.attach_grad()

    def record_and_backward() -> None:
        with mx.autograd.record():
            y = (variable * b + variable).sum()
        y.backward()

    return {
        "add 10": lambda: a + b,
        "add a number 10": lambda: a + 1.5,
        "add 10, wait each": lambda: (a + b).wait_to_read(),
        "add 10, out=": lambda: nd.elemwise_add(a, b, out=out),
        "add 10, +=": lambda: out.__iadd__(b),
        "exp 10": lambda: nd.exp(a),
        "relu 10": lambda: nd.relu(a),
        "greater 10": lambda: a > b,
        "clip 10": lambda: nd.clip(a, 0.5, 1.0),
        "sum 10": lambda: a.sum(),
        "softmax 10": lambda: nd.softmax(a),
        "reshape 10": lambda: a.reshape((2, 5)),
        "transpose 10": lambda: nd.transpose(matrix),
        "concat 10": lambda: nd.concat(a, b, dim=0),
        "broadcast_add 10": lambda: nd.broadcast_add(a, b),
        "FullyConnected 10": lambda: nd.FullyConnected(matrix, matrix, num_hidden=2, no_bias=True),
        "slice 10": lambda: a[3:7],
        "asnumpy 10": lambda: a.asnumpy(),
        "zeros 10": lambda: nd.zeros((10,)),
        "random.normal 10": lambda: nd.random.normal(shape=(10,)),
        "record + backward": record_and_backward,
    }


def numpy_large_cases() -> dict[str, Call]:
    """What NumPy has of the large cases."""
    data = numbers()
    x, y, signed, half = (data[name] for name in ("x", "y", "signed", "half"))
    positive, rng, z = signed > 0, np.random.default_rng(), np.empty_like(x)
    shape, single = x.shape, np.float32
    return {
        "add": lambda: x + y,
        "add, out=": lambda: np.add(x, y, out=z),
        "add a number": lambda: x + single(1.5),
        "add a row": lambda: x + x[:1],
        "mul": lambda: x * y,
        "div": lambda: x / y,
        "exp": lambda: np.exp(signed),
        "exp, out=": lambda: np.exp(signed, out=z),
        "log": lambda: np.log(x),
        "tanh": lambda: np.tanh(signed),
        "sigmoid": lambda: 1 / (1 + np.exp(-signed)),
        "relu": lambda: np.maximum(signed, 0),
        "sqrt": lambda: np.sqrt(x),
        "square": lambda: np.square(x),
        "power": lambda: np.power(x, y),
        "greater": lambda: (x > y).astype(single),
        "where": lambda: np.where(positive, x, y),
        "clip": lambda: np.clip(signed, -1.0, 1.0),
        "cast to float16": lambda: x.astype(np.float16),
        "cast to float64": lambda: x.astype(np.float64),
        "cast to int32": lambda: x.astype(np.int32),
        "cast from float16": lambda: half.astype(single),
        "add float16": lambda: half + half,
        "exp float16": lambda: np.exp(half),
        "sum": lambda: x.sum(),
        "sum axis=0": lambda: x.sum(axis=0),
        "sum axis=1": lambda: x.sum(axis=1),
        "mean": lambda: x.mean(),
        "mean axis=0": lambda: x.mean(axis=0),
        "mean axis=1": lambda: x.mean(axis=1),
        "max": lambda: x.max(),
        "max axis=0": lambda: x.max(axis=0),
        "max axis=1": lambda: x.max(axis=1),
        "argmax axis=0": lambda: x.argmax(axis=0),
        "argmax axis=1": lambda: x.argmax(axis=1),
        "norm": lambda: np.linalg.norm(x),
        "norm axis=1": lambda: np.linalg.norm(x, axis=1),
        "transpose": lambda: x.T.copy(),
        "concat dim=0": lambda: np.concatenate((x, y), axis=0),
        "concat dim=1": lambda: np.concatenate((x, y), axis=1),
        "take rows": lambda: x.take(data["rows"], axis=0),
        "Embedding": lambda: data["table"].take(data["ids"], axis=0),
        "sort": lambda: np.sort(x),
        "argsort": lambda: np.argsort(x),
        "random.uniform": lambda: rng.random(shape, single),
        "random.normal": lambda: rng.standard_normal(shape, single),
        "random.exponential": lambda: rng.standard_exponential(shape, single),
        "random.gamma": lambda: rng.standard_gamma(2.0, shape, single),
        "random.randint": lambda: rng.integers(0, 1000, shape, np.int32),
    }


class Cases:
    """The cases of one API, and how each is measured."""

    def __init__(self, api: str) -> None:
        if api == "numpy":
            self.large, self.small, self.wait = numpy_large_cases(), {}, lambda: None
        else:
            mx = importlib.import_module(api)
            self.large, self.small, self.wait = large_cases(mx), small_cases(mx), mx.nd.waitall

    def names(self) -> list[str]:
        """All of them."""
        return [*self.small, *self.large]

    def measure(self, name: str, seconds: float) -> float | None:
        """Microseconds of one call; None where the API has no such case."""
        if name in self.small:
            return 1e6 * self._shortest(self.small[name], SMALL_CALLS, seconds)
        return 1e6 * self._shortest(self.large[name], 1, seconds) if name in self.large else None

    def _shortest(self, call: Call, calls: int, seconds: float) -> float:
        """Seconds of one call: the shortest of blocks of `calls` ones, each with its end waited for."""
        best, blocks, end = float("inf"), 0, time.perf_counter() + seconds
        while blocks < 4 or time.perf_counter() < end:
            begin = time.perf_counter()
            for _ in range(calls):
                call()
            self.wait()
            best, blocks = min(best, time.perf_counter() - begin), blocks + 1
        return best / calls


def serve(cases: Cases, seconds: float) -> None:
    """Measure the cases named on standard input, one per line; each answer is a line of JSON."""
    print(json.dumps(cases.names()), flush=True)
    for line in sys.stdin:
        print(json.dumps(cases.measure(line.strip(), seconds)), flush=True)


def run(description: str | None, kind: str, make_cases: Callable[[str], Cases]) -> None:
    """Measure the cases that the command line names, or serve them. kind: what a case's name is preceded by."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", choices=["mxtrain", "mxnet", "numpy"], default="mxtrain")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long to measure all of a case's blocks")
    parser.add_argument("--serve", action="store_true")
    options = parser.parse_args()
    cases = make_cases(options.api)
    if options.serve:
        serve(cases, options.seconds)
        return
    for name in cases.names():
        if options.only in name:
            report(f"{kind} {name}", cases.measure(name, options.seconds / 10), "us", higher_is_better=False)


if __name__ == "__main__":
    run(__doc__, "operator", Cases)
