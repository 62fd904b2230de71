"""Optimizer states saved by a job with some number of servers go on in a job with another."""

from pathlib import Path

import numpy as np
import pytest
from job import Job

SCRIPT = """
kv = mx.kv.create("dist_sync")
names, shapes = ["small", "cut", "other", "half"], [(3, 5), (700, 300), (17,), (9, 9)]
types = ["float32", "float32", "float32", "float16"]
if LOAD:
    start = np.load(FOLDER + "/weights.npz")
for name, shape, dtype in zip(names, shapes, types):
    value = start[name] if LOAD else np.random.default_rng(len(name)).normal(size=shape)
    kv.init(name, nd.array(value, dtype=dtype))
kv.set_optimizer(mx.optimizer.create(OPTIMIZER, learning_rate=0.1, multi_precision=True))
if LOAD:
    kv.load_optimizer_states(FOLDER + "/states")
rounds = range(3, 6) if LOAD else range(6)
for number in rounds:
    for name, shape, dtype in zip(names, shapes, types):
        generator = np.random.default_rng([number, len(name), kv.rank])
        kv.push(name, nd.array(generator.normal(size=shape), dtype=dtype))
    weights = {name: pulled(kv, name, shape, dtype) for name, shape, dtype in zip(names, shapes, types)}
    if number == 2:
        kv.barrier()
        if kv.rank == 0:
            np.savez(FOLDER + "/weights.npz", **weights)
            kv.save_optimizer_states(FOLDER + "/states", dump_optimizer=True)
        kv.barrier()
if kv.rank == 0:
    np.savez(FOLDER + f"/end-{kv.num_workers}-{LOAD}-{SERVERS}.npz", **weights)
kv.barrier()
print("good")
"""


def run(folder: Path, optimizer: str, load: bool, servers: int, bound: int, replicas: str = "0") -> dict:
    fields = f"FOLDER, OPTIMIZER, LOAD, SERVERS = {str(folder)!r}, {optimizer!r}, {load}, {servers}\n"
    env = {"MXNET_KVSTORE_BIGARRAY_BOUND": str(bound), "MXTRAIN_REPLICAS": replicas}
    with Job(folder, fields + SCRIPT, servers=servers, **env) as job:
        job.succeed(120)
    return dict(np.load(folder / f"end-2-{load}-{servers}.npz"))


# LAMB looks at arrays as a whole, so what each server updates must be the same
@pytest.mark.parametrize(("optimizer", "bound"), [("adam", 100_000), ("sgd", 100_000), ("lamb", 1_000_000)])
def test_three_servers_save_and_two_load(tmp_path: Path, optimizer: str, bound: int) -> None:
    expected = run(tmp_path, optimizer, False, 3, bound)
    found = run(tmp_path, optimizer, True, 2, bound, replicas="1")
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert sorted(path.name for path in tmp_path.glob("states*")) == ["states"]
