"""Measure training with row_sparse gradients: lazy updates of a large table, embeddings, a factorization machine.

sparse_training.py --api mxtrain|mxnet

The table has 1,000,000 rows of 64 float32 numbers, of which 10,000 take part in a step.
"""

import argparse
import importlib
from collections.abc import Callable, Iterator

import numpy as np
from measure import calls_per_second, report

ROWS, COLUMNS, TOUCHED = 1_000_000, 64, 10_000
UPDATES = {
    "SGD": ("sgd", {"wd": 0.01}),
    "SGD with momentum": ("sgd", {"wd": 0.01, "momentum": 0.9}),
    "Adam": ("adam", {"wd": 0.01}),
    "AdaGrad": ("adagrad", {}),
}
Case = tuple[str, Callable[[], object]]


def updates(mx) -> Iterator[Case]:
    """One lazy update of the table by each optimizer."""
    random = np.random.RandomState(0)
    rows = np.sort(random.choice(ROWS, TOUCHED, replace=False))
    values = random.standard_normal((TOUCHED, COLUMNS)).astype(np.float32)
    gradient = mx.nd.sparse.row_sparse_array((values, rows), shape=(ROWS, COLUMNS))
    for stype in ("default", "row_sparse"):
        for name, (optimizer, options) in UPDATES.items():
            weight = mx.nd.ones((ROWS, COLUMNS)).tostype(stype)
            updater = mx.optimizer.get_updater(mx.optimizer.create(optimizer, learning_rate=0.01, **options))
            yield f"{name}, {stype} weight", lambda u=updater, w=weight: u(0, gradient, w)


def embeddings(mx) -> Iterator[Case]:
    """Forward, backward and update of a table, recorded and bound."""
    ids = mx.nd.array(np.random.RandomState(1).choice(ROWS, TOUCHED))
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.01))
    weight = mx.nd.ones((ROWS, COLUMNS))
    weight.attach_grad(stype="row_sparse")

    def recorded() -> None:
        with mx.autograd.record():
            found = mx.nd.Embedding(ids, weight, input_dim=ROWS, output_dim=COLUMNS, sparse_grad=True)
            loss = (found * found).sum()
        loss.backward()
        updater(0, weight.grad, weight)

    yield "embedding, recorded step", recorded
    table = mx.sym.Embedding(
        mx.sym.var("data"), mx.sym.var("table"), input_dim=ROWS, output_dim=COLUMNS, sparse_grad=True
    )
    network = mx.sym.LinearRegressionOutput(mx.sym.sum(table, axis=1), name="out")
    executor = network.simple_bind(mx.cpu(), data=(TOUCHED,), grad_req={"table": "write"})
    executor.arg_dict["data"][:] = ids

    def bound() -> None:
        executor.forward(is_train=True)
        executor.backward()
        updater(1, executor.grad_dict["table"], executor.arg_dict["table"])

    yield "embedding, step of an executor", bound


def factorization_machine(mx, features: int = 100_000, factors: int = 8, batch: int = 256) -> Iterator[Case]:
    """A step of a module on csr data with 50 features in each of 256 samples."""
    x = mx.sym.var("data", stype="csr")
    v = mx.sym.var("v", shape=(features, factors), stype="row_sparse")
    linear = mx.sym.dot(x, mx.sym.var("w", shape=(features, 1), stype="row_sparse"))
    pairs = mx.sym.sum(mx.sym.square(mx.sym.dot(x, v)), axis=1, keepdims=True)
    own = mx.sym.dot(mx.sym.square(x), mx.sym._internal._square_sum(v, axis=1, keepdims=True))
    network = mx.sym.LinearRegressionOutput(linear + 0.5 * (pairs - own), mx.sym.var("label"))
    random = np.random.RandomState(2)
    columns = np.concatenate([np.sort(random.choice(features, 50, replace=False)) for _ in range(batch)])
    values = random.uniform(size=len(columns)).astype(np.float32)
    data = mx.nd.sparse.csr_matrix((values, columns, np.arange(0, len(columns) + 1, 50)), shape=(batch, features))
    module = mx.mod.Module(network, label_names=["label"])
    module.bind([("data", data.shape)], [("label", (batch, 1))])
    first = {name: mx.nd.ones((features, n)).tostype("row_sparse") * 0.01 for name, n in (("v", factors), ("w", 1))}
    module.init_params(arg_params=first)
    module.init_optimizer(optimizer="adam")
    samples = mx.io.DataBatch([data], [mx.nd.ones((batch, 1))])

    def step() -> None:
        module.forward_backward(samples)
        module.update()

    yield "factorization machine, step of a module", step


def stores(mx) -> Iterator[Case]:
    """The table in a local KVStore: rows of it, and gradients of two devices."""
    random = np.random.RandomState(3)
    rows = np.sort(random.choice(ROWS, TOUCHED, replace=False))
    values = random.standard_normal((TOUCHED, COLUMNS)).astype(np.float32)
    gradients = [mx.nd.sparse.row_sparse_array((values, rows), shape=(ROWS, COLUMNS)) for _ in range(2)]
    kv = mx.kv.create("local")
    kv.init("table", mx.nd.ones((ROWS, COLUMNS)).tostype("row_sparse"))
    kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.01))
    out, ids = mx.nd.sparse.zeros("row_sparse", (ROWS, COLUMNS)), mx.nd.array(rows, dtype="int64")
    yield "local store, row_sparse_pull", lambda: kv.row_sparse_pull("table", out=out, row_ids=ids)
    yield "local store, push of two devices with SGD", lambda: kv.push("table", gradients)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", choices=["mxtrain", "mxnet"], default="mxtrain")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long to measure each case (default: 2)")
    options = parser.parse_args()
    mx = importlib.import_module(options.api)
    for cases in (updates, embeddings, factorization_machine, stores):
        for name, call in cases(mx):
            report(name, calls_per_second(call, mx.nd.waitall, options.seconds), "steps/s")


if __name__ == "__main__":
    main()
