"""The kernels of sorting against a stable sort of Python's, on large and awkward arrays."""

import numpy as np
import pytest

from mxtrain.device import threads
from mxtrain.ops.kernels import blocks, ordering

RANDOM = np.random.RandomState(8)


def awkward(dtype, shape, kind):
    if kind == "ties":
        return RANDOM.randint(-3, 4, shape).astype(dtype)
    if np.dtype(dtype).kind == "f":
        values = RANDOM.randn(*shape).astype(dtype)
        specials = {"infinities": [np.inf, -np.inf, 0.0, -0.0], "nan": [np.nan, -np.nan, np.inf, 1.0]}[kind]
        values.reshape(-1)[RANDOM.randint(0, values.size, values.size // 2)] = specials[0]
        for number, special in enumerate(specials):
            values.reshape(-1)[number::7] = special
        return values
    limits = np.iinfo(dtype)
    return RANDOM.choice(np.array([limits.min, limits.max, 0, 1], dtype), shape)


def wished_positions(row, ascending):
    """NaN is larger than all; equal elements keep their order."""
    keys = [(bool(x != x), 0 if x != x else x) for x in row.tolist()]
    return sorted(range(len(row)), key=keys.__getitem__, reverse=False) if ascending else _falling(keys)


def _falling(keys):
    rising = sorted(range(len(keys)), key=keys.__getitem__)
    groups, order = {}, []
    for position in rising:
        groups.setdefault(keys[position], []).append(position)
    for group in reversed(list(groups.values())):
        order += group
    return order


@pytest.mark.parametrize("kind", ["ties", "infinities", "nan"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", "int8", "uint8", "int64"])
@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("count", [1, 5, 40, 160])
def test_positions(dtype, kind, ascending, count, monkeypatch):
    monkeypatch.setattr(blocks, "ELEMENTS", 320)  # several blocks
    data = awkward(dtype, (13, 160), kind)
    wished = [wished_positions(row, ascending)[:count] for row in data]
    with np.errstate(all="ignore"):
        found = ordering.first_positions(np, data, 1, count, ascending)
        np.testing.assert_array_equal(found, wished)
        turned = ordering.first_positions(np, np.ascontiguousarray(data.T), 0, count, ascending)
    np.testing.assert_array_equal(turned.T, wished)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_sorting_large_arrays(axis):
    data = RANDOM.randn(8, 300, 200).astype(np.float32)
    previous = threads.set_num_threads(3)
    try:
        np.testing.assert_array_equal(ordering.sort(np, data, axis), np.sort(data, axis=axis))
    finally:
        threads.set_num_threads(previous)
