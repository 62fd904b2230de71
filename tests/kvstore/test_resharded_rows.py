"""Optimizer states of tables of rows, and residuals of compression, go on in a job with other servers."""

from pathlib import Path

import numpy as np
import pytest
from job import Job

pytestmark = pytest.mark.timeout(300)

ROWS = """
kv = mx.kv.create("dist_sync")
shape = (900, 400)
start = np.load(FOLDER + "/weights.npy") if LOAD else np.random.default_rng(1).normal(size=shape)
kv.init("table", nd.array(start).tostype("row_sparse"))
kv.set_optimizer(mx.optimizer.create("adam", learning_rate=0.1, lazy_update=True))
if LOAD:
    kv.load_optimizer_states(FOLDER + "/states")
for number in range(3, 6) if LOAD else range(6):
    generator = np.random.default_rng([number, kv.rank])
    rows = np.unique(generator.integers(0, shape[0], 300))
    values = nd.array(generator.normal(size=(len(rows), shape[1])))
    kv.push("table", nd.sparse.row_sparse_array((values, nd.array(rows, dtype="int64")), shape=shape))
    whole = nd.sparse.zeros("row_sparse", shape)
    kv.row_sparse_pull("table", out=whole, row_ids=nd.arange(shape[0], dtype="int64"))
    if number == 2:
        kv.barrier()
        if kv.rank == 0:
            np.save(FOLDER + "/weights.npy", whole.asnumpy())
            kv.save_optimizer_states(FOLDER + "/states")
        kv.barrier()
if kv.rank == 0:
    np.save(FOLDER + f"/end-{LOAD}.npy", whole.asnumpy())
kv.barrier()
"""

COMPRESSED = """
kv = mx.kv.create("dist_sync")
names, shapes = ["small", "cut"], [(3, 5), (700, 300)]
kv.set_gradient_compression({"type": KIND})
start = np.load(FOLDER + "/weights.npz") if LOAD else {}
for name, shape in zip(names, shapes):
    kv.init(name, nd.array(start[name] if LOAD else np.random.default_rng(len(name)).normal(size=shape)))
kv.set_optimizer(mx.optimizer.create("adam", learning_rate=0.1))
path = FOLDER + f"/residuals-{kv.rank}.npz"
if LOAD:
    kv.load_optimizer_states(FOLDER + "/states")
    with np.load(path) as saved:
        kv.set_residuals({name: [saved[name]] for name in names})
for number in range(3, 6) if LOAD else range(6):
    for name, shape in zip(names, shapes):
        kv.push(name, nd.array(np.random.default_rng([number, len(name), kv.rank]).normal(size=shape)))
    weights = {name: pulled(kv, name, shape) for name, shape in zip(names, shapes)}
    if number == 2:
        kv.barrier()
        np.savez(path, **{name: copies[0] for name, copies in kv.get_residuals().items()})
        if kv.rank == 0:
            np.savez(FOLDER + "/weights.npz", **weights)
            kv.save_optimizer_states(FOLDER + "/states")
        kv.barrier()
if LOAD:
    try:
        kv.set_residuals({"small": [np.zeros(15, "float32")]})
    except mx.MXNetError as error:
        assert "differing" in str(error)
    else:
        raise AssertionError("residuals of other keys")
if kv.rank == 0:
    np.savez(FOLDER + f"/end-{LOAD}.npz", **weights)
kv.barrier()
"""


def run(folder: Path, script: str, load: bool, servers: int, **env: str) -> None:
    fields = f"FOLDER, LOAD = {str(folder)!r}, {load}\n"
    with Job(folder, fields + script, servers=servers, MXNET_KVSTORE_BIGARRAY_BOUND="100000", **env) as job:
        job.succeed(240)


def test_rows(tmp_path: Path) -> None:
    run(tmp_path, ROWS, False, 3)
    run(tmp_path, ROWS, True, 2, MXTRAIN_REPLICAS="1")
    np.testing.assert_array_equal(np.load(tmp_path / "end-True.npy"), np.load(tmp_path / "end-False.npy"))


@pytest.mark.parametrize("kind", ["2bit", "1bit"])
def test_residuals(tmp_path: Path, kind: str) -> None:
    """What was left out in memory that is shared goes on over tcp, and with fewer servers."""
    run(tmp_path, f"KIND = {kind!r}\n" + COMPRESSED, False, 3)
    run(tmp_path, f"KIND = {kind!r}\n" + COMPRESSED, True, 2, MXTRAIN_KVSTORE_TRANSPORT="tcp")
    with np.load(tmp_path / "end-True.npz") as found, np.load(tmp_path / "end-False.npz") as expected:
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
