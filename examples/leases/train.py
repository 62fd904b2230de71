"""Workers share one data set by leases: each sample once an epoch, whoever joins, leaves or is killed.

    python train.py
    mxtrain launch -n 3 -s 2 examples/leases/train.py --kvstore dist_sync
    mxtrain launch -n 3 -s 2 examples/leases/train.py --kvstore dist_async --pause 0.05

In dist_sync leases are dealt in turn, and all workers end an epoch together though their numbers of batches differ. In
dist_async the fast workers do more: --pause lets the workers 1, 2, ... sleep so many seconds in each step. Kill a
worker, or set MXTRAIN_MAX_WORKERS and start one more: the sum of samples per epoch stays the same.
"""

import argparse
import gzip
import time
from pathlib import Path

import numpy as np

import mxtrain as mx

DIGITS = Path(__file__).parents[1] / "digits" / "digits.csv.gz"
BATCH_SIZE = 32


def load() -> tuple[np.ndarray, np.ndarray]:
    """1797 images of 8x8 pixels as float32 (n, 64) from 0 to 1, and their digits (n,)."""
    with gzip.open(DIGITS, "rt", encoding="ascii") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.float32)
    return table[:, :-1] / 16, table[:, -1]


def network() -> mx.sym.Symbol:
    """One hidden layer."""
    hidden = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=64, name="hidden")
    hidden = mx.sym.Activation(hidden, act_type="relu", name="relu")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(hidden, num_hidden=10, name="digits"), name="softmax")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kvstore", default="local")
    parser.add_argument("--num-epochs", type=int, default=8)
    parser.add_argument(
        "--pause", type=float, default=0.0, help="seconds that all workers but the first sleep per step"
    )
    options = parser.parse_args()

    kv = mx.kv.create(options.kvstore)
    images, digits = load()
    train = mx.io.LeasedIter(kv, images, digits, batch_size=BATCH_SIZE, shuffle=True, seed=1)
    samples: list[int] = []

    def count(param: mx.model.BatchEndParam) -> None:
        if param.nbatch == 0:
            samples.append(0)
        samples[-1] += len(param.locals["data_batch"].index)
        if kv.rank:
            time.sleep(options.pause)

    synchronous = kv.num_workers if "sync" in options.kvstore and "async" not in options.kvstore else 1
    module = mx.mod.Module(network())
    module.fit(
        train,
        kvstore=kv,
        num_epoch=options.num_epochs,
        optimizer="sgd",
        optimizer_params={"learning_rate": 0.1, "momentum": 0.9, "rescale_grad": 1 / BATCH_SIZE / synchronous},
        initializer=mx.init.Xavier(),
        batch_end_callback=count,
    )
    print(f"worker {kv.rank}: samples in each epoch {samples}", flush=True)
    kv.barrier()
    if kv.rank == 0:
        (_, accuracy), *_ = module.score(mx.io.NDArrayIter(images, digits, BATCH_SIZE), "acc")
        print(f"accuracy: {accuracy:.3f}")


if __name__ == "__main__":
    main()
