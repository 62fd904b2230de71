"""Saving and loading NDArrays."""

import pathlib

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import ndarray as nd
from mxtrain.atomic_write import write_atomically
from mxtrain.base import MXNetError
from mxtrain.context import cpu
from mxtrain.ndarray import serialization

_HERE = pathlib.Path(__file__).parent


def test_the_file_equals_what_mxnet_writes(tmp_path):
    arrays = [nd.array([1, 2]), nd.array([[3]])]
    serialization.save(tmp_path / "list.params", arrays)
    expected = (_HERE / "list.params").read_bytes()
    assert (tmp_path / "list.params").read_bytes() == serialization.dumps(arrays) == expected


def test_names_give_a_dictionary_and_none_a_list(tmp_path):
    path = str(tmp_path / "x.params")
    serialization.save(path, {"a": nd.array([1.0]), "b": nd.array([[2]], dtype="int64")})
    loaded = serialization.load(path)
    assert list(loaded) == ["a", "b"]
    assert (loaded["b"].dtype, loaded["b"].asnumpy().tolist()) == (np.int64, [[2]])
    serialization.save(path, nd.array([1.0]))
    assert [array.asnumpy().tolist() for array in serialization.load(path)] == [[1.0]]


def test_loaded_arrays_are_ordinary_arrays_on_the_cpu():
    array = serialization.load(_HERE / "named.params")["größe"]
    assert array.context is cpu(0)  # saved from cpu(3): MXNet, too, loads it to cpu(0)
    array += 1
    assert array.asnumpy().tolist() == [2.0]


def test_an_array_of_a_missing_gpu_loads_to_the_cpu():
    data = bytearray(serialization.dumps([nd.array([1.0])]))
    data[24 + 4 + 4 + 4 + 8] = 2  # the device type
    assert serialization.loads(bytes(data))[0].asnumpy().tolist() == [1.0]


def test_a_view_is_saved_as_it_looks():
    array = nd.array(np.arange(6).reshape(2, 3))
    assert serialization.loads(serialization.dumps([array[1]]))[0].asnumpy().tolist() == [3, 4, 5]


def test_a_failed_save_leaves_the_previous_file(tmp_path):
    path = tmp_path / "x.params"
    path.write_bytes(b"before")

    def chunks():
        yield b"after"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, chunks())
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_saved_file_replaces_the_target_of_a_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"")
    link.symlink_to(target)
    serialization.save(link, [nd.array([1.0])])
    assert link.is_symlink()
    assert serialization.load(target)[0].asnumpy().tolist() == [1.0]


@pytest.mark.parametrize(
    ("data", "error"),
    [(3, ValueError), ((1,), ValueError), ([3], TypeError), ({3: None}, TypeError), ({"a": np.ones(2)}, TypeError)],
)
def test_other_data_is_refused(tmp_path, data, error):
    with pytest.raises(error, match="Expected") as caught:
        serialization.save(tmp_path / "x", data)
    assert isinstance(caught.value, MXNetError)
    assert not list(tmp_path.iterdir())


def test_file_errors_name_the_file(tmp_path):
    with pytest.raises(MXNetError, match=r"Cannot write .*nodir.x"):
        serialization.save(tmp_path / "nodir" / "x", nd.array([1.0]))
    with pytest.raises(MXNetError, match=r"Cannot read .*nope"):
        serialization.load(str(tmp_path / "nope"))
    with pytest.raises(TypeError, match="file name"):
        serialization.load(3)
    with pytest.raises(TypeError, match="bytes"):
        serialization.loads("text")
    half = (_HERE / "list.params").read_bytes()[:60]
    (tmp_path / "half").write_bytes(half)
    with pytest.raises(MXNetError, match=r"half, byte \d+: expected"):
        serialization.load(tmp_path / "half")


def test_sparse_arrays_come_back_and_are_written_byte_for_byte():
    loaded = serialization.load(_HERE / "sparse.params")
    assert serialization.dumps(loaded) == (_HERE / "sparse.params").read_bytes()
    arrays = loaded.values() if isinstance(loaded, dict) else loaded
    assert {array.stype for array in arrays} >= {"csr", "row_sparse"}
    for array in arrays:
        array.check_format()


@pytest.mark.parametrize("stype", ["csr", "row_sparse"])
def test_sparse_arrays_that_store_nothing(stype):
    (loaded,) = serialization.loads(serialization.dumps([nd.sparse.zeros(stype, (4, 3), dtype="int32")]))
    assert (loaded.stype, loaded.shape, loaded.dtype) == (stype, (4, 3), np.int32)
    assert not loaded.asnumpy().any()


def test_np_shape_decides_the_variant_of_the_format():
    scalar = nd.from_backend(np.array(3.5, np.float32), cpu())
    with pytest.raises(MXNetError, match=r"0-d array.*mx\.np_shape"):
        serialization.dumps([scalar])
    with mx.np_shape(True):
        saved = serialization.dumps([scalar, nd.array(np.zeros((0, 4)))])
        assert saved == (_HERE / "np_shape.params").read_bytes()
        assert serialization.loads(saved)[0].shape == ()
        with pytest.raises(MXNetError, match=r"saved with np_shape semantics .*one saved without"):
            serialization.load(_HERE / "list.params")
    with pytest.raises(MXNetError, match="one saved with"):
        serialization.loads(saved)


def test_mx_nd_has_them():
    assert (mx.nd.save, mx.nd.load) == (serialization.save, serialization.load)
    assert mx.nd.load_frombuffer((_HERE / "list.params").read_bytes())[1].asnumpy().tolist() == [[3]]
