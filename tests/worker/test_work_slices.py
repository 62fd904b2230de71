"""How batches are cut over devices; the numbers are MXNet 1.9.1's."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxtrain.base import ArgumentError
from mxtrain_worker.work_slices import index_of, sliced_shape, split_by_work_load


@pytest.mark.parametrize(
    ("batch_size", "loads", "ends"),
    [
        (4, [1], [4]),
        (10, [1, 2], [3, 10]),
        (10, [1, 1, 1], [3, 6, 10]),
        (10, [1, 2, 3], [2, 5, 10]),
        (10, [5, 1, 1], [7, 8, 10]),
    ],
)
def test_ends_of_the_slices(batch_size: int, loads: list[float], ends: list[int]) -> None:
    assert [part.stop for part in split_by_work_load(batch_size, loads)] == ends


@given(st.integers(1, 1000), st.lists(st.floats(0.1, 10), min_size=1, max_size=8))
def test_slices_cover_the_batch_or_there_is_an_error(batch_size: int, loads: list[float]) -> None:
    try:
        slices = split_by_work_load(batch_size, loads)
    except ArgumentError:
        return
    assert slices[0].start == 0
    assert slices[-1].stop == batch_size
    assert all(before.stop == after.start for before, after in pairwise(slices))
    assert all(part.stop > part.start for part in slices)


def test_more_devices_than_samples() -> None:
    with pytest.raises(ValueError, match=r"Too many slices.*batch of 1"):
        split_by_work_load(1, [1, 1])


def test_parts_along_the_batch_axis() -> None:
    part = slice(2, 5)
    assert sliced_shape((7, 10, 3), 1, part) == (7, 3, 3)
    assert sliced_shape((7, 10, 3), -1, part) == (7, 10, 3)
    assert index_of(1, part) == (slice(None), part)
    assert index_of(-1, part) is None
