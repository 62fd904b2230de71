"""The .params format against files that MXNet 1.9.1 wrote, and against damaged ones."""

import pathlib
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mxtrain.base import MXNetError
from mxtrain.ndarray import params_file as pf

_HERE = pathlib.Path(__file__).parent
_FILES = ("named", "list", "sparse", "np_shape")


def _path(name):
    return _HERE / f"{name}.params"


def _bytes_of(records, names=(), np_shape=False):
    return b"".join(bytes(chunk) for chunk in pf.encode(records, names, np_shape))


@pytest.mark.parametrize("name", _FILES)
def test_what_is_read_is_written_back_byte_for_byte(name):
    records, names = pf.decode_file(_path(name))
    assert _bytes_of(records, names, np_shape=name == "np_shape") == _path(name).read_bytes()


def test_dense_values_dtypes_names_and_devices():
    records, names = pf.decode_file(_path("named"))
    found = dict(zip(names, records, strict=True))
    assert found["arg:weight"].values.tolist() == [[1, -2.5], [0.125, 3]]
    kinds = {name: record.values.dtype.name for name, record in found.items()}
    assert [kinds[name] for name in ("arg:bias", "aux:half", "u8", "i32", "i8", "i64", "bool")] == [
        "float64", "float16", "uint8", "int32", "int8", "int64", "bool"
    ]  # fmt: skip
    assert found["i64"].values.tolist() == [2**40]
    assert found["empty"].values.shape == (0, 4)
    assert (found["größe"].device, found["u8"].device) == ((1, 3), (1, 0))


def test_sparse_records():
    records, names = pf.decode_file(_path("sparse"))
    found = dict(zip(names, records, strict=True))
    rows, csr = found["rows"], found["csr"]
    assert (rows.storage, rows.shape, rows.values.tolist()) == ("row_sparse", (5, 2), [[1, 2], [3, 4]])
    assert [index.tolist() for index in rows.indices] == [[1, 3]]
    assert (csr.storage, csr.shape, csr.values.tolist()) == ("csr", (3, 4), [1, 2, 3])
    assert [index.tolist() for index in csr.indices] == [[0, 2, 2, 3], [0, 2, 1]]
    assert found["no_rows"].values.shape == (0, 2)
    assert found["no_values"].indices[0].tolist() == [0, 0, 0, 0]


def test_np_shape_files_hold_scalars_and_can_be_refused():
    records, _ = pf.decode_file(_path("np_shape"), np_shape=True)
    assert (records[0].values.shape, float(records[0].values), records[1].shape) == ((), 3.5, (0, 4))
    with pytest.raises(MXNetError, match=r"mx\.np_shape\(True\)"):
        pf.decode_file(_path("np_shape"), np_shape=False)
    with pytest.raises(MXNetError, match=r"mx\.np_shape\(False\)"):
        pf.decode_file(_path("list"), np_shape=True)


def _old_file(magic, sizes_form, shape, values):
    head = b"" if magic is None else struct.pack("<I", magic)
    array = head + struct.pack(f"<I{len(shape)}{sizes_form}iii", len(shape), *shape, 1, 0, 0) + values.tobytes()
    return struct.pack("<QQQ", 0x112, 0, 1) + array + struct.pack("<Q", 0)


@pytest.mark.parametrize(("magic", "sizes_form"), [(None, "I"), (pf.MAGIC_V1, "q")])
def test_older_versions(magic, sizes_form):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    records, names = pf.decode_bytes(_old_file(magic, sizes_form, (2, 3), values))
    assert names == []
    np.testing.assert_array_equal(records[0].values, values)


def test_an_array_without_a_value_is_empty():
    for content in (
        struct.pack("<I", 0),
        struct.pack("<Iii", pf.MAGIC_V2, 0, 0),
        struct.pack("<Iii", pf.MAGIC_V3, 0, -1),
    ):
        data = struct.pack("<QQQ", 0x112, 0, 1) + content + struct.pack("<Q", 0)
        assert pf.decode_bytes(data)[0][0].values.shape == (0,)


_DTYPES = st.sampled_from([np.float32, np.float64, np.float16, np.uint8, np.int32, np.int8, np.int64, np.bool_])
_ARRAYS = _DTYPES.flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4))
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.text(max_size=8), _ARRAYS, max_size=4))
def test_any_arrays_and_names_come_back(arrays):
    data = _bytes_of([pf.dense_record(array) for array in arrays.values()], list(arrays))
    records, names = pf.decode_bytes(data)
    assert names == list(arrays)
    for record, array in zip(records, arrays.values(), strict=True):
        assert record.values.dtype == array.dtype
        np.testing.assert_array_equal(record.values, array)


def test_strided_and_bfloat16_arrays():
    import ml_dtypes

    strided = np.arange(12, dtype=np.float32).reshape(3, 4)[:, ::2]
    half = np.array([1.5, -2], ml_dtypes.bfloat16)
    records, _ = pf.decode_bytes(_bytes_of([pf.dense_record(strided), pf.dense_record(half)]))
    np.testing.assert_array_equal(records[0].values, strided)
    assert records[1].values.dtype == half.dtype
    assert records[1].values.tolist() == half.tolist()


@pytest.mark.parametrize("name", _FILES)
def test_every_truncation_names_source_and_offset(name):
    data = _path(name).read_bytes()
    for length in range(len(data)):
        with pytest.raises(MXNetError, match=r"<buffer>, byte \d+: expected .* Received: "):
            pf.decode_bytes(data[:length])


def test_damaged_files_never_do_worse_than_an_mxnet_error():
    random = np.random.default_rng(5)
    for name in _FILES:
        data = _path(name).read_bytes()
        for _ in range(300):
            damaged = bytearray(data)
            for position in random.integers(0, len(data), 2):
                damaged[position] = random.integers(256)
            try:
                pf.decode_bytes(bytes(damaged))
            except MXNetError:
                continue


def _header(count=1):
    return struct.pack("<QQQ", 0x112, 0, count)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "24 bytes for a file header"),
        (b"garbage" * 10, "magic number 0x112"),
        (_header(2**60), "count of arrays that fits"),
        (_header() + struct.pack("<I", 0xDEADBEEF) + bytes(16), "magic number of an array"),
        (_header() + struct.pack("<Ii", pf.MAGIC_V2, 7) + bytes(16), "storage type"),
        (_header() + struct.pack("<Iii", pf.MAGIC_V2, 0, 99) + bytes(16), "ndim of 0 to 32"),
        (_header() + struct.pack("<Iiiq", pf.MAGIC_V2, 0, 1, -5) + bytes(16), "sizes >= 0"),
        (_header() + struct.pack("<Iiiqiii", pf.MAGIC_V2, 0, 1, 2**60, 1, 0, 0), "bytes for the values of shape"),
        (_header() + struct.pack("<Iiiqiii", pf.MAGIC_V2, 0, 1, 1, 9, 0, 0) + bytes(4), "device type"),
        (_header() + struct.pack("<Iiiqiii", pf.MAGIC_V2, 0, 1, 1, 1, 0, 44) + bytes(4), "dtype number"),
        (_header(0) + struct.pack("<Q", 3) + bytes(64), "no names or one for each of 0 arrays"),
        (_header() + struct.pack("<Iii", pf.MAGIC_V2, 0, 0) + struct.pack("<QQ", 1, 2) + b"\xff\xfe", "UTF-8"),
    ],
)
def test_absurd_contents_are_named(data, message):
    with pytest.raises(MXNetError, match=message):
        pf.decode_bytes(data)


def test_sparse_indices_outside_the_shape_are_refused():
    record = pf.ArrayRecord(np.ones((1, 2), np.float32), (1, 0), "row_sparse", (3, 2), (np.array([3]),))
    with pytest.raises(MXNetError, match="row_sparse array whose indices lie in its shape"):
        pf.decode_bytes(_bytes_of([record]))
    pointers, columns = np.array([0, 2, 1]), np.array([0])
    record = pf.ArrayRecord(np.ones(1, np.float32), (1, 0), "csr", (2, 2), (pointers, columns))
    with pytest.raises(MXNetError, match="csr array"):
        pf.decode_bytes(_bytes_of([record]))


def test_encoding_refuses_what_the_format_cannot_hold():
    scalar = pf.dense_record(np.float32(1).reshape(()))
    with pytest.raises(MXNetError, match="0-d array"):
        _bytes_of([scalar])
    with pytest.raises(MXNetError, match="one name per array"):
        _bytes_of([scalar], ["a", "b"], np_shape=True)
    with pytest.raises(MXNetError, match="complex64"):
        _bytes_of([pf.dense_record(np.ones(1, np.complex64))])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MXNetError, match=r"nowhere\.params.*No such file"):
        pf.decode_file(tmp_path / "nowhere.params")
