"""CSV and MNIST files against what MXNet 1.9.1 gives."""

import gzip
import logging
import struct

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import MXNetError


@pytest.fixture
def csv(tmp_path):
    """Paths of five lines of four numbers, and of their labels."""
    data, label = tmp_path / "data.csv", tmp_path / "label.csv"
    data.write_text("".join(f"{4 * i},{4 * i + 1},{4 * i + 2},{4 * i + 3}\n" for i in range(5)))
    label.write_text("".join(f"{i}\n" for i in range(5)))
    return {"data_csv": str(data), "label_csv": str(label), "data_shape": (4,), "batch_size": 2}


def _epoch(data_iter):
    return [(b.data[0].asnumpy()[:, 0].tolist(), b.label[0].asnumpy().tolist(), b.pad) for b in data_iter]


def test_csv_rounds_go_on_behind_what_the_last_one_took(csv):
    data_iter = mx.io.CSVIter(**csv)
    assert _epoch(data_iter) == [([0, 4], [0, 1], 0), ([8, 12], [2, 3], 0), ([16, 0], [4, 0], 1)]
    data_iter.reset()
    assert _epoch(data_iter) == [([4, 8], [1, 2], 0), ([12, 16], [3, 4], 0)]
    data_iter.reset()
    assert _epoch(data_iter)[0] == ([0, 4], [0, 1], 0)


def test_csv_without_rounds_starts_over(csv):
    data_iter = mx.io.CSVIter(**csv, round_batch=False)
    for _ in range(2):
        batches = _epoch(data_iter)
        assert [pad for _, _, pad in batches] == [0, 0, 1]
        assert batches[:2] == [([0, 4], [0, 1], 0), ([8, 12], [2, 3], 0)]
        data_iter.reset()


def test_csv_shapes_and_missing_labels(csv):
    csv.update(data_shape=(2, 2), label_csv=None)
    data_iter = mx.io.CSVIter(**csv)
    assert data_iter.provide_data == [("data", (2, 2, 2))]
    assert data_iter.provide_label == [("softmax_label", (2,))]
    batch = next(data_iter)
    assert batch.data[0].asnumpy()[1].tolist() == [[4, 5], [6, 7]]
    assert batch.label[0].asnumpy().tolist() == [0, 0]
    assert (batch.index.tolist(), batch.index.dtype) == ([0, 1], np.uint64)
    assert data_iter.getdata().shape == (2, 2, 2)


@pytest.mark.parametrize(("dtype", "number"), [("int32", 200000001), ("int64", 2147483648), ("float32", 1)])
def test_csv_dtypes(tmp_path, dtype, number):
    (tmp_path / "x.csv").write_text(f"{number},{number}\n" * 3)
    batch = next(mx.io.CSVIter(str(tmp_path / "x.csv"), (2,), 3, dtype=dtype))
    assert batch.data[0].dtype == np.dtype(dtype)
    assert (batch.data[0].asnumpy() == number).all()


def test_csv_folders_are_read_in_order(tmp_path):
    for name, number in (("b.csv", 2), ("a.csv", 1)):
        (tmp_path / name).write_text(f"{number}\n")
    assert _epoch(mx.io.CSVIter(str(tmp_path), (1,), 2))[0][0] == [1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n3\n", r"x\.csv', line 2: expected 2 numbers. Received: 1"),
        ("1,2\n3,cat\n", r"x\.csv', line 2: expected float32 numbers.*cat"),
        ("\n", "lines of numbers. Received: none"),
    ],
)
def test_csv_contents_that_do_not_fit_are_named(tmp_path, text, message):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(MXNetError, match=message):
        mx.io.CSVIter(str(tmp_path / "x.csv"), (2,), 1)


def test_csv_files_that_do_not_fit_are_named(tmp_path, csv):
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe")
    (tmp_path / "empty").mkdir()
    for path, message in (("nope.csv", "No such file"), ("binary.csv", "expected text"), ("empty", "an empty folder")):
        with pytest.raises(MXNetError, match=rf"{path}.*{message}|{message}.*{path}|{path}"):
            mx.io.CSVIter(str(tmp_path / path), (2,), 1)
    (tmp_path / "short.csv").write_text("1\n")
    csv["label_csv"] = str(tmp_path / "short.csv")
    with pytest.raises(ValueError, match=r"as many labels as examples, 5\. Received: 1"):
        mx.io.CSVIter(**csv)
    with pytest.raises(ValueError, match="batch_size >= 1"):
        mx.io.CSVIter(str(tmp_path / "short.csv"), (1,), 0)


@pytest.fixture
def mnist(tmp_path):
    """Paths of ten made-up pictures, picture i being full of 10 * i, and of their labels."""
    pictures = np.repeat(np.arange(10, dtype=np.uint8) * 10, 28 * 28)
    image, label = tmp_path / "images", tmp_path / "labels.gz"
    image.write_bytes(struct.pack(">4I", 0x803, 10, 28, 28) + pictures.tobytes())
    label.write_bytes(gzip.compress(struct.pack(">2I", 0x801, 10) + bytes(range(10))))
    return {"image": str(image), "label": str(label)}


def test_mnist_in_order(mnist, caplog):
    with caplog.at_level(logging.INFO):
        data_iter = mx.io.MNISTIter(**mnist, batch_size=4, shuffle=0)
    assert "load 10 images, shuffle=0, shape=(4, 1, 28, 28)" in caplog.text
    batches = list(data_iter)
    assert [batch.label[0].asnumpy().tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7]]  # 8, 9: left out
    assert (batches[0].data[0].shape, batches[0].data[0].dtype) == ((4, 1, 28, 28), np.float32)
    assert (batches[1].data[0].asnumpy()[1] == np.float32(50 / 256)).all()
    assert mx.io.MNISTIter(**mnist, batch_size=4, flat=1, silent=1).provide_data == [("data", (4, 784))]


def test_mnist_shuffles_once_by_its_seed(mnist):
    def labels(data_iter):
        return [number for batch in data_iter for number in batch.label[0].asnumpy().tolist()]

    data_iter = mx.io.MNISTIter(**mnist, batch_size=5, seed=10, silent=True)
    first = labels(data_iter)
    assert first != list(range(10))
    assert sorted(first) == list(range(10))
    data_iter.reset()
    assert labels(data_iter) == first == labels(mx.io.MNISTIter(**mnist, batch_size=5, seed=10, silent=True))
    for batch in mx.io.MNISTIter(**mnist, batch_size=5, silent=True):
        np.testing.assert_allclose(batch.data[0].asnumpy()[:, 0, 0, 0] * 25.6, batch.label[0].asnumpy(), rtol=1e-6)


def test_mnist_parts(mnist):
    parts = [mx.io.MNISTIter(**mnist, batch_size=3, shuffle=0, num_parts=3, part_index=i, silent=1) for i in range(3)]
    assert [next(part).label[0].asnumpy().tolist() for part in parts] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    with pytest.raises(ValueError, match="part_index"):
        mx.io.MNISTIter(**mnist, num_parts=3, part_index=3)


def test_idx_files_that_do_not_fit_are_named(mnist, tmp_path):
    image = (tmp_path / "images").read_bytes()
    for name, content, message in (
        ("cut", image[:-1], "expected 7840 values"),
        ("text", b"not an idx file", "expected an idx file of bytes with 3 axes"),
        ("cut.gz", gzip.compress(image)[:-20], "whole gzip file"),
        ("swapped", (tmp_path / "labels.gz").read_bytes(), "with 3 axes"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(MXNetError, match=message):
            mx.io.MNISTIter(image=str(tmp_path / name), label=mnist["label"])
    with pytest.raises(MXNetError, match=r"nope.*No such file"):
        mx.io.MNISTIter(image=str(tmp_path / "nope"), label=mnist["label"])
    (tmp_path / "three").write_bytes(struct.pack(">2I", 0x801, 3) + bytes(3))
    with pytest.raises(ValueError, match="as many labels"):
        mx.io.MNISTIter(image=mnist["image"], label=str(tmp_path / "three"))
