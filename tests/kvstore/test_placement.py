"""Placement: properties that every cut must have."""

from hypothesis import given
from hypothesis import strategies as st

from mxtrain_kvstore.placement import cut, place, slices

sizes = st.integers(1, 5_000_000)
servers = st.integers(1, 17)


@given(sizes, servers, st.integers(0, 2_000_000))
def test_parts_cover_an_array_exactly_once(size: int, num_servers: int, bound: int) -> None:
    parts = place(size, [0] * num_servers, bound)
    assert [part.offset for part in parts] == [sum(p.length for p in parts[:i]) for i in range(len(parts))]
    assert sum(part.length for part in parts) == size
    assert all(part.length > 0 for part in parts)
    assert len({part.server for part in parts}) == len(parts)


@given(sizes, servers)
def test_big_arrays_are_cut_evenly_over_all_servers(size: int, num_servers: int) -> None:
    lengths = [part.length for part in cut(size, num_servers)]
    assert len(lengths) == num_servers
    assert max(lengths) - min(lengths) <= 1


@given(st.lists(sizes, max_size=200), servers, st.integers(1, 2_000_000))
def test_servers_are_evenly_loaded(arrays: list[int], num_servers: int, bound: int) -> None:
    loads = [0] * num_servers
    whole = [4]
    for size in arrays:
        parts = place(size, loads, bound)
        for part in parts:
            loads[part.server] += 4 * part.length
        # cutting leaves a difference of at most one element per array
        whole.append(4 * size if len(parts) == 1 else 0)
    assert max(loads) - min(loads) <= max(whole) + 4 * len(arrays)


@given(sizes, servers)
def test_the_bound_is_honoured(size: int, num_servers: int) -> None:
    assert len(place(size, [0] * num_servers, size + 1)) == 1
    if size >= num_servers:
        assert len(place(size, [0] * num_servers, size)) == num_servers


@given(sizes, st.sampled_from([1, 2, 4, 8]), st.integers(1, 1 << 22))
def test_slices_cover_a_part(length: int, itemsize: int, slice_bytes: int) -> None:
    cuts = slices(length, itemsize, slice_bytes) if length * itemsize // slice_bytes < 1000 else []
    position = 0
    for offset, size in cuts:
        assert offset == position
        assert 0 < size * itemsize <= max(slice_bytes, itemsize)
        position += size
    assert not cuts or position == length
