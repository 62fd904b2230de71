"""Data sets and models of `mx.test_utils`, from a server on loopback that the environment names as the proxy."""

import bz2
import gzip
import io
import struct
import zipfile

import numpy as np
import pytest
from file_server import serve

import mxtrain as mx
from mxtrain import test_utils as tu


def idx(array):
    """The bytes of an idx file."""
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


PICTURES = {"train": np.arange(4 * 28 * 28).reshape(4, 28, 28) % 256, "t10k": np.full((2, 28, 28), 255)}
LABELS = {"train": np.array([3, 1, 2, 0]), "t10k": np.array([7, 8])}


def archive(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, content in members.items():
            made.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The web as far as the functions know it; the current folder is a new one. Gives the URLs asked for."""
    files = {}
    members = {}
    for part in ("train", "t10k"):
        for kind, content in (("images-idx3", idx(PICTURES[part])), ("labels-idx1", idx(LABELS[part]))):
            files[f"/data/mnist/{part}-{kind}-ubyte.gz"] = gzip.compress(content)
            members[f"{part}-{kind}-ubyte"] = content
    files["/mxnet/data/mnist.zip"] = archive(members)
    files["/mxnet/data/cifar10.zip"] = archive(
        {f"cifar/{n}": b"x" for n in ("train.rec", "test.rec", "train.lst", "test.lst")}
    )
    files["/data/mnist/mnist.pkl.gz"] = b"not opened"
    files["/some.bz2"] = bz2.compress(b"unpacked")
    files["/models/imagenet/resnet/18-layers/resnet-18-symbol.json"] = b"{}"
    files["/models/imagenet/resnet/18-layers/resnet-18-0000.params"] = b"params"
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with serve(files, as_proxy=True) as (address, asked):
        monkeypatch.setenv("http_proxy", address)
        yield asked


def test_mnist(server):
    data = tu.get_mnist()
    assert {name: array.shape for name, array in data.items()} == {
        "train_data": (4, 1, 28, 28),
        "train_label": (4,),
        "test_data": (2, 1, 28, 28),
        "test_label": (2,),
    }
    assert data["train_label"].tolist() == [3, 1, 2, 0]
    assert data["test_data"].min() == data["test_data"].max() == 1.0
    asked = len(server)
    tu.get_mnist()
    assert len(server) == asked == 4


@pytest.mark.parametrize(("shape", "expected"), [((1, 28, 28), (2, 1, 28, 28)), ((784,), (2, 784))])
def test_mnist_iterator(server, shape, expected):
    training, test = tu.get_mnist_iterator(2, shape)
    assert training.next().data[0].shape == expected
    assert test.next().label[0].asnumpy().tolist() == [7, 8]
    assert len(server) == 1


def test_cifar10_and_pickled_mnist(server, tmp_path):
    for get in (tu.get_cifar10, tu.get_mnist_pkl):
        get()
        get()
    assert len(server) == 2
    assert (tmp_path / "data" / "cifar" / "test.rec").read_bytes() == b"x"
    assert (tmp_path / "data" / "mnist.pkl.gz").exists()


def test_bzip2(server, tmp_path):
    for _ in range(2):
        tu.get_bz2_data("folder", "data", "http://anywhere.invalid/some.bz2", "some.bz2")
    assert (tmp_path / "folder" / "data").read_bytes() == b"unpacked"
    assert len(list((tmp_path / "folder").iterdir())) == len(server) == 1


def test_models(server, tmp_path):
    assert tu.download_model("imagenet1k-resnet-18", str(tmp_path)) == (str(tmp_path / "imagenet1k-resnet-18"), 0)
    assert (tmp_path / "imagenet1k-resnet-18-0000.params").read_bytes() == b"params"
    with pytest.raises(ValueError, match=r"Expected: a model of .*imagenet1k-resnet-18.* Received: 'other'"):
        tu.download_model("other")
    own = {"mine": {"symbol": "http://a.invalid/some.bz2", "params": "http://a.invalid/some.bz2"}}
    assert tu.download_model("mine", str(tmp_path), own)[1] == 0


def test_a_file_that_is_not_there(server):
    with pytest.raises(mx.MXNetError, match="404"):
        tu.download("http://a.invalid/missing", retries=0)


def test_im2rec(tmp_path, monkeypatch):
    monkeypatch.setenv("MXNET_HOME", str(tmp_path))
    with pytest.raises(OSError, match=r"Could not find path to tools/im2rec\.py"):
        tu.get_im2rec_path()
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "im2rec.py").touch()
    assert tu.get_im2rec_path() == str(tmp_path / "tools" / "im2rec.py")
