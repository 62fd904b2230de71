"""A table that is trained by row_sparse gradients: in jobs of real processes, and in one process as their reference."""

import hashlib
import time

import numpy as np

import mxtrain as mx

#: Above the bound from which arrays are cut over servers.
SHAPE = (50000, 24)
STEPS = 8


def rows(step: int) -> np.ndarray:
    """Rows that a worker asks for, in no order, some twice."""
    return np.random.default_rng(step).integers(0, SHAPE[0], 500)


def gradient(rank: int, step: int) -> mx.nd.NDArray:
    rng = np.random.default_rng([rank, step])
    indices = np.unique(rng.integers(0, SHAPE[0], 400))
    values = rng.standard_normal((len(indices), SHAPE[1])).astype(np.float32)
    return mx.nd.sparse.row_sparse_array((values, indices), shape=SHAPE)


def digest(arrays: list) -> str:
    return hashlib.sha256(b"".join(array.asnumpy().tobytes() for array in arrays)).hexdigest()


def reference(optimizer: str, workers: int) -> str:
    """What `train` should give, by a store of one process."""
    kv = mx.kv.create("local")
    kv.set_optimizer(mx.optimizer.create(optimizer, learning_rate=0.1))
    kv.init("table", mx.nd.ones(SHAPE).tostype("row_sparse"))
    return _train(kv, lambda step: [gradient(rank, step) for rank in range(workers)])


def train(kind: str, optimizer: str, delay: float) -> str:
    """The training of one worker, which comes late by up to `delay` seconds in each step.

    Two lines: a digest of all rows that were pulled, and one of the whole table at the end.
    """
    kv = mx.kv.create(kind)
    if optimizer:
        kv.set_optimizer(mx.optimizer.create(optimizer, learning_rate=0.1))
    kv.init("table", mx.nd.ones(SHAPE).tostype("row_sparse"))
    rng = np.random.default_rng()

    def late(step: int) -> mx.nd.NDArray:
        time.sleep(delay * rng.random())
        print("step", step, flush=True)
        return gradient(kv.rank, step)

    return _train(kv, late)


def _train(kv, gradients) -> str:
    found = []
    for step in range(STEPS):
        kv.push("table", gradients(step))
        out = mx.nd.zeros(SHAPE, stype="row_sparse")
        kv.row_sparse_pull("table", out=out, row_ids=mx.nd.array(rows(step), dtype="int64"))
        assert out.indices.asnumpy().tolist() == np.unique(rows(step)).tolist()
        found.append(out.data)
    kv.barrier()
    whole = mx.nd.zeros(SHAPE)
    kv.pull("table", out=whole)
    return f"rows {digest(found)}\ntable {digest([whole])}"
