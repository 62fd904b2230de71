"""Batches of csr matrices: from memory, and from files in LibSVM's format. Literals are MXNet 1.9.1's."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import ArgumentError, MXNetError

MATRIX = np.array([[0, 1, 2], [0, 0, 0], [6, 0, 8], [0, 10, 0]], np.float32)
DATA = "1.0 0:0.5 2:1.2\n-2.0\n-3.0 0:0.6 1:2.4 2:1.2\n4 2:-1.2\n"
LABELS = "1.0\n-2.0 0:0.125\n-3.0 2:1.2\n4 1:1.0 2:-1.2\n"


def _csr(values=MATRIX):
    return mx.nd.array(values).tostype("csr")


@pytest.fixture
def write(tmp_path):
    def write(text, name="data.libsvm"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


def test_batches_of_csr_in_order():
    batches = list(mx.io.NDArrayIter(_csr(), np.arange(4), 3, last_batch_handle="discard"))
    assert [batch.data[0].stype for batch in batches] == ["csr"]
    np.testing.assert_array_equal(batches[0].data[0].asnumpy(), MATRIX[:3])
    np.testing.assert_array_equal(batches[0].label[0].asnumpy(), [0, 1, 2])


def test_shuffled_batches_keep_rows_and_labels_together():
    np.random.seed(5)
    iterator = mx.io.NDArrayIter({"x": _csr(), "y": MATRIX}, np.arange(4), 2, True, "discard")
    for _ in range(3):
        for batch in iterator:
            x, y = batch.data
            assert (x.stype, y.stype) == ("csr", "default")
            x.check_format()
            np.testing.assert_array_equal(x.asnumpy(), y.asnumpy())
            np.testing.assert_array_equal(x.asnumpy(), MATRIX[batch.label[0].asnumpy().astype(int)])
        iterator.reset()


@pytest.mark.parametrize("handle", ["pad", "roll_over"])
def test_csr_needs_complete_batches(handle):
    with pytest.raises(NotImplementedError, match="discard"):
        mx.io.NDArrayIter(MATRIX, _csr(), 3, last_batch_handle=handle)


def test_scipy_matrices_are_taken():
    sparse = pytest.importorskip("scipy.sparse")
    (batch,) = mx.io.NDArrayIter(sparse.csr_matrix(MATRIX), None, 4, last_batch_handle="discard")
    np.testing.assert_array_equal(batch.data[0].asnumpy(), MATRIX)


def test_row_sparse_data_become_dense():
    batches = list(mx.io.NDArrayIter(mx.nd.array(MATRIX).tostype("row_sparse"), None, 3))
    assert {batch.data[0].stype for batch in batches} == {"default"}
    np.testing.assert_array_equal(batches[1].data[0].asnumpy(), MATRIX[[3, 0, 1]])


def test_libsvm_with_labels_of_its_own(write):
    iterator = mx.io.LibSVMIter(data_libsvm=write(DATA), data_shape=(3,), batch_size=3)
    assert str(iterator.provide_data) == "[DataDesc[data,(3, 3),<class 'numpy.float32'>,NCHW]]"
    assert str(iterator.provide_label) == "[DataDesc[softmax_label,(3,),<class 'numpy.float32'>,NCHW]]"
    first, second = iterator
    assert first.data[0].stype == "csr"
    np.testing.assert_allclose(first.data[0].asnumpy(), [[0.5, 0, 1.2], [0, 0, 0], [0.6, 2.4, 1.2]])
    np.testing.assert_allclose(second.data[0].asnumpy(), [[0, 0, -1.2], [0.5, 0, 1.2], [0, 0, 0]])
    np.testing.assert_array_equal(second.label[0].asnumpy(), [4, 1, -2])
    assert (first.pad, second.pad, second.index.tolist()) == (0, 2, [3, 0, 1])


def test_libsvm_epochs_go_on_behind_the_last_batch(write):
    iterator = mx.io.LibSVMIter(data_libsvm=write(DATA), data_shape=3, batch_size=3)
    epochs = []
    for _ in range(3):
        epochs.append([(batch.label[0].asnumpy().tolist(), batch.pad) for batch in iterator])
        iterator.reset()
    assert epochs == [[([1, -2, -3], 0), ([4, 1, -2], 2)], [([-3, 4, 1], 1)], [([-2, -3, 4], 0)]]


def test_libsvm_with_csr_labels(write):
    iterator = mx.io.LibSVMIter(
        data_libsvm=write(DATA), label_libsvm=write(LABELS, "label"), data_shape=(3,), label_shape=(3,), batch_size=3
    )
    first, _ = iterator
    assert first.label[0].stype == "csr"
    np.testing.assert_allclose(first.label[0].asnumpy(), [[0, 0, 0], [0.125, 0, 0], [0, 0, 1.2]])
    assert iterator.provide_label[0].shape == (3, 3)


def test_libsvm_comments_query_ids_orders_and_bare_columns(write):
    path = write("# head\n1 qid:3 2:1 0:5\n\n2 1  # tail\n")
    (batch,) = mx.io.LibSVMIter(data_libsvm=path, data_shape=(3,), batch_size=2)
    batch.data[0].check_format()
    np.testing.assert_array_equal(batch.data[0].asnumpy(), [[5, 0, 1], [0, 1, 0]])


def test_libsvm_parts_cover_the_file(write):
    path = write(DATA)
    labels = []
    for part in range(3):
        iterator = mx.io.LibSVMIter(data_libsvm=path, data_shape=(3,), batch_size=1, num_parts=3, part_index=part)
        labels += [batch.label[0].asscalar() for batch in iterator]
    assert labels == [1, -2, -3, 4]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("1 0:1\n1 -1:0.5\n", {}, "line 2: expected columns from 0 to 2"),
        ("1 3:1\n", {}, "line 1: expected columns from 0 to 2"),
        ("1 1:1 1:2\n", {}, "each once"),
        ("1 1:abc\n", {}, "line 1"),
        ("1,2 1:1\n", {}, "line 1"),
        ("\n", {}, "Received: none"),
        ("1 1:1\n", {"data_shape": (3, 1)}, "one axis"),
        ("1 1:1\n", {"label_shape": (2,)}, "label_shape"),
        ("1 1:1\n", {"num_parts": 2, "part_index": 2}, "part_index"),
    ],
)
def test_libsvm_mistakes(write, text, options, message):
    with pytest.raises(MXNetError, match=message):
        mx.io.LibSVMIter(**{"data_libsvm": write(text), "data_shape": (3,), "batch_size": 1, **options})


def test_libsvm_files_that_cannot_be_read(tmp_path, write):
    with pytest.raises(MXNetError, match="No such file"):
        mx.io.LibSVMIter(data_libsvm=str(tmp_path / "none"), data_shape=(3,), batch_size=1)
    with pytest.raises(ArgumentError, match="as many labels"):
        mx.io.LibSVMIter(
            data_libsvm=write(DATA), label_libsvm=write("1 0:1\n", "l"), data_shape=3, label_shape=3, batch_size=1
        )
