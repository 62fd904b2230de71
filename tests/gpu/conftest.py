"""What every test on real GPUs needs: a GPU, and one that the test before has left empty."""

from collections.abc import Iterator

import pytest

import mxtrain as mx


@pytest.fixture(scope="session")
def num_gpus() -> int:
    """How many GPUs this machine has."""
    return mx.num_gpus()


@pytest.fixture(autouse=True)
def gpu(num_gpus: int) -> Iterator[mx.Context]:
    """mx.gpu(0); the test is skipped where there is none."""
    if not num_gpus:
        pytest.skip("mx.num_gpus() == 0: no CuPy, no driver or no device. Run `pytest -m gpu` on a machine with a GPU.")
    yield mx.gpu(0)
    for device_id in range(num_gpus):
        mx.gpu(device_id).empty_cache()


@pytest.fixture
def two_gpus(num_gpus: int) -> list[mx.Context]:
    """[mx.gpu(0), mx.gpu(1)]; the test is skipped where there is one."""
    if num_gpus < 2:
        pytest.skip(f"mx.num_gpus() == {num_gpus}: this test needs two GPUs.")
    return [mx.gpu(0), mx.gpu(1)]
