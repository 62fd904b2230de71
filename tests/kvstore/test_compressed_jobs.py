"""Compression in whole jobs: over sockets and shared memory, cut arrays, sync and async, both directions."""

from pathlib import Path

import pytest
from job import Job

SETUP = """
kv = mx.kv.create(KIND)
kv.set_gradient_compression(PARAMS)
names = ["small", "odd", "cut"]
shapes = [(2, 3), (1211, 211), (1200, 400)]
for name, shape in zip(names, shapes):
    kv.init(name, nd.ones(shape))
kv.set_optimizer(mx.optimizer.create("test", rescale_grad=2))
"""

TWO_BIT = (
    """
KIND, PARAMS = "dist_sync", {"type": "2bit", "threshold": 0.5}
"""
    + SETUP
    + """
for name, shape in zip(names, shapes):
    assert (pulled(kv, name, shape) == 1).all()  # initial values are not compressed
for value, expected in ((0.4, 0), (0.1, 1), (0.2, 1), (0.3, 2), (-0.5, 1), (0.0, 1)):
    for name, shape in zip(names, shapes):
        kv.push(name, nd.full(shape, value))
    for name, shape in zip(names, shapes):
        out = pulled(kv, name, shape)
        assert (out == 1 + expected * 0.5 * 2 * kv.num_workers).all(), (name, value, out)
rng = np.random.default_rng(3)
for name, shape in zip(names, shapes):
    residual, value = np.zeros(shape, np.float32), pulled(kv, name, shape)
    for step in range(5):
        gradient = rng.random(shape, np.float32) - np.float32(0.3)
        kv.push(name, [nd.array(gradient / 2), nd.array(gradient / 2)])  # copies of one worker are summed first
        residual += gradient
        sent = np.where(residual >= 0.5, np.float32(0.5), np.where(residual <= -0.5, np.float32(-0.5), np.float32(0)))
        residual -= sent
        value += sent * 2 * kv.num_workers
        assert (pulled(kv, name, shape) == value).all(), (name, step)
kv.init("half", nd.zeros((3,), dtype="float16"))
try:
    kv.push("half", nd.zeros((3,), dtype="float16"))
except mx.MXNetError as error:
    assert "only supported for float32" in str(error), error
else:
    raise AssertionError("not refused")
kv.barrier()
print("done", kv.rank)
"""
)

OTHERS = (
    SETUP
    + """
rng = np.random.default_rng(kv.rank)
total = {name: np.zeros(shape) for name, shape in zip(names, shapes)}
for step in range(STEPS):
    for name, shape in zip(names, shapes):
        gradient = rng.normal(size=shape).astype(np.float32)
        total[name] += gradient
        kv.push(name, nd.array(gradient))
        pulled(kv, name, shape)
kv.barrier()
others = [np.random.default_rng(rank) for rank in range(kv.num_workers)]
for step in range(STEPS if kv.rank == 0 else 0):
    for name, shape in zip(names, shapes):
        for rank, generator in enumerate(others):
            gradient = generator.normal(size=shape).astype(np.float32)
            if rank:
                total[name] += gradient
for name, shape in zip(names, shapes):
    if kv.rank == 0:
        error = np.abs(pulled(kv, name, shape) - 1 - 2 * total[name]).max()
        assert error < BOUND, (name, error)
np.save(OUT, pulled(kv, "odd", (1211, 211)))
kv.barrier()
print("done", kv.rank)
"""
)


def run(folder: Path, script: str, **env: str) -> None:
    with Job(folder, script, MXNET_KVSTORE_BIGARRAY_BOUND="300000", **env) as job:
        job.succeed(90)
        assert all("done" in node.text for node in job.of("worker")), job.report()


@pytest.mark.parametrize(
    ("transport", "replicas"), [("tcp", "0"), ("tcp", "1"), ("shm", "0"), ("shm", "1"), ("grpc", "1")]
)
def test_two_bit(tmp_path: Path, transport: str, replicas: str) -> None:
    run(tmp_path, TWO_BIT, MXTRAIN_KVSTORE_TRANSPORT=transport, MXTRAIN_REPLICAS=replicas)


@pytest.mark.parametrize(
    ("params", "bound"),
    [
        ({"type": "fp16"}, 0.02),
        ({"type": "bf16", "pull": "bf16"}, 0.6),
        ({"type": "topk", "ratio": 0.25}, 30.0),
        ({"type": "1bit", "threshold": 0.0}, 30.0),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("kind", ["dist_sync", "dist_async"])
def test_other_forms(tmp_path: Path, params: dict, bound: float, kind: str) -> None:
    # what is missing at the end is what the residuals hold; both transports give the same bits where rounds are shared
    for transport in ("tcp", "shm"):
        script = f"KIND, PARAMS, STEPS, BOUND = {kind!r}, {params!r}, 4, {bound}\nOUT = {str(tmp_path / transport)!r}\n"
        run(tmp_path, script + OTHERS, MXTRAIN_KVSTORE_TRANSPORT=transport)
    if kind == "dist_sync":
        assert (tmp_path / "tcp.npy").read_bytes() == (tmp_path / "shm.npy").read_bytes()
