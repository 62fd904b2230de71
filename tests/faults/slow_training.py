"""A worker of `compose_faults.py` and `launcher_faults.py`: a small network, trained by `Module.fit` on made-up data.

    python slow_training.py STEPS SECONDS     # so many steps an epoch, each takes at least SECONDS

Each worker has data of its own, so a gradient lost or counted twice shows in the final weights. Three epochs. With
MXTRAIN_FAULT_FOLDER set, what it tells goes to a file there, too, with the time.
"""

import hashlib
import os
import sys
import time
from pathlib import Path

import numpy as np

import mxtrain as mx

EPOCHS = 3
BATCH = 8


def network() -> "mx.sym.Symbol":
    data = mx.sym.Variable("data")
    hidden = mx.sym.Activation(mx.sym.FullyConnected(data, num_hidden=64, name="first"), act_type="relu")
    hidden = mx.sym.BatchNorm(hidden, fix_gamma=False, name="norm")
    hidden = mx.sym.Dropout(hidden, p=0.2)
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(hidden, num_hidden=10, name="last"), name="softmax")


def say(rank: int, text: str) -> None:
    print(text, flush=True)
    if folder := os.environ.get("MXTRAIN_FAULT_FOLDER"):
        with Path(folder, f"worker-{rank}").open("a") as file:
            file.write(f"{time.time():.3f} {text}\n")


def main() -> None:
    steps, seconds = int(sys.argv[1]), float(sys.argv[2])
    store = mx.kv.create("dist_sync")
    mx.random.seed(7)
    draw = np.random.default_rng(store.rank)
    images = draw.normal(size=(steps * BATCH, 32)).astype(np.float32)
    labels = draw.integers(0, 10, size=steps * BATCH).astype(np.float32)
    module = mx.mod.Module(network())

    def tell(param: "mx.model.BatchEndParam") -> None:
        say(store.rank, f"step {param.epoch * steps + param.nbatch + 1}")
        time.sleep(seconds)

    say(store.rank, f"begins, pid {os.getpid()}")
    module.fit(
        mx.io.NDArrayIter(images, labels, BATCH),
        kvstore=store,
        optimizer="sgd",
        optimizer_params={"learning_rate": 0.05, "momentum": 0.9},
        initializer=mx.init.Xavier(),
        num_epoch=EPOCHS,
        batch_end_callback=tell,
    )
    store.barrier()
    values = module.get_params()[0]
    digest = hashlib.sha256(b"".join(values[name].asnumpy().tobytes() for name in sorted(values))).hexdigest()
    say(store.rank, f"weights {digest}")


if __name__ == "__main__":
    main()
