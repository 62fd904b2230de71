"""Data sets and models from the web, for examples and tests."""

import bz2
import os
import shutil
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.context import current_context
from mxtrain.gluon.utils import download as fetch
from mxtrain.io import MNISTIter
from mxtrain.io.mnist_iter import read_idx

__all__ = [
    "download",
    "download_model",
    "get_bz2_data",
    "get_cifar10",
    "get_im2rec_path",
    "get_mnist",
    "get_mnist_iterator",
    "get_mnist_pkl",
    "get_mnist_ubyte",
    "get_zip_data",
]

DATA = "http://data.mxnet.io"
MODELS = f"{DATA}/models"
#: Pretrained models by name: where graph and parameters lie.
MODEL_FILES = {
    "imagenet1k-inception-bn": f"{MODELS}/imagenet/inception-bn/Inception-BN",
    "imagenet1k-resnet-18": f"{MODELS}/imagenet/resnet/18-layers/resnet-18",
    "imagenet1k-resnet-34": f"{MODELS}/imagenet/resnet/34-layers/resnet-34",
    "imagenet1k-resnet-50": f"{MODELS}/imagenet/resnet/50-layers/resnet-50",
    "imagenet1k-resnet-101": f"{MODELS}/imagenet/resnet/101-layers/resnet-101",
    "imagenet1k-resnet-152": f"{MODELS}/imagenet/resnet/152-layers/resnet-152",
    "imagenet1k-resnext-50": f"{MODELS}/imagenet/resnext/50-layers/resnext-50",
    "imagenet1k-resnext-101": f"{MODELS}/imagenet/resnext/101-layers/resnext-101",
}


def download(
    url: str, fname: str | None = None, dirname: str | None = None, overwrite: bool = False, retries: int = 5
) -> str:
    """Fetch a file; returns where it lies. One that is there already stays, unless overwrite.

    fname: its name, by default the URL's. dirname: the folder, made where it does not exist; by default fname's own.
    Proxies are those of the environment. Raises MXNetError after `retries` further attempts.
    """
    name = fname or url.rsplit("/", 1)[-1]
    path = os.path.join(dirname, name) if dirname is not None else name
    return fetch(url, path=path, overwrite=overwrite, retries=retries)


def get_zip_data(data_dir: str, url: str, data_origin_name: str) -> None:
    """Fetch a zip archive to DATA_DIR/DATA_ORIGIN_NAME, unless it is there, and unpack it beside."""
    archive = os.path.join(data_dir, data_origin_name)
    if not os.path.exists(archive):
        download(url, fname=data_origin_name, dirname=data_dir)
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(path=data_dir)


def get_bz2_data(data_dir: str, data_name: str, url: str, data_origin_name: str) -> None:
    """Fetch a bzip2 file and unpack it to DATA_DIR/DATA_NAME, unless that is there."""
    target, archive = os.path.join(data_dir, data_name), os.path.join(data_dir, data_origin_name)
    if os.path.exists(target):
        return
    download(url, fname=data_origin_name, dirname=data_dir)
    with bz2.BZ2File(archive) as packed, open(target, "wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)
    os.remove(archive)


def get_mnist() -> dict[str, np.ndarray]:
    """MNIST, fetched to the current folder: train_data, test_data: (n, 1, 28, 28), float32 in 0..1; labels: int8."""
    found: dict[str, np.ndarray] = {}
    for part, prefix in (("train", "train"), ("test", "t10k")):
        labels, pictures = (
            download(f"{DATA}/data/mnist/{prefix}-{kind}-ubyte.gz") for kind in ("labels-idx1", "images-idx3")
        )
        found[f"{part}_data"] = read_idx(pictures, 3)[:, None].astype(np.float32) / 255
        found[f"{part}_label"] = read_idx(labels, 1).astype(np.int8)
    return found


def get_mnist_pkl() -> None:
    """Fetch MNIST as data/mnist.pkl.gz, which is left as it is: nothing here opens pickles."""
    if not os.path.exists(os.path.join("data", "mnist.pkl.gz")):
        download("http://deeplearning.net/data/mnist/mnist.pkl.gz", dirname="data")


def get_mnist_ubyte() -> None:
    """Fetch MNIST's four idx files to data/."""
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    if not all(os.path.exists(os.path.join("data", name)) for name in names):
        get_zip_data("data", f"{DATA}/mxnet/data/mnist.zip", "mnist.zip")


def get_cifar10() -> None:
    """Fetch CIFAR-10's record files to data/cifar/."""
    names = ("train.rec", "test.rec", "train.lst", "test.lst")
    if not all(os.path.exists(os.path.join("data", "cifar", name)) for name in names):
        get_zip_data("data", f"{DATA}/mxnet/data/cifar10.zip", "cifar10.zip")


def get_mnist_iterator(
    batch_size: int, input_shape: tuple[int, ...], num_parts: int = 1, part_index: int = 0
) -> tuple[MNISTIter, MNISTIter]:
    """Iterators over MNIST's training and test pictures, fetched to data/; flat ones for a shape of one axis.

    num_parts, part_index: only one of so many equal parts of the training pictures.
    """
    get_mnist_ubyte()
    options: dict[str, Any] = {"batch_size": batch_size, "flat": len(input_shape) != 3, "ctx": current_context()}
    options.update(num_parts=num_parts, part_index=part_index)
    training = MNISTIter("data/train-images-idx3-ubyte", "data/train-labels-idx1-ubyte", shuffle=True, **options)
    test = MNISTIter("data/t10k-images-idx3-ubyte", "data/t10k-labels-idx1-ubyte", shuffle=False, **options)
    return training, test


def download_model(
    model_name: str, dst_dir: str = "./", meta_info: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[str, int]:
    """Fetch a pretrained model; returns (path without endings, number of the epoch), for `mx.model.load_checkpoint`.

    meta_info: URLs by name, each {"symbol": ..., "params": ...}; by default those of MXNet's model server.
    Raises ArgumentError for an unknown name.
    """
    known = meta_info or {
        name: {"symbol": f"{base}-symbol.json", "params": f"{base}-0000.params"} for name, base in MODEL_FILES.items()
    }
    if model_name not in known:
        raise ArgumentError(f"Expected: a model of {sorted(known)}. Received: {model_name!r}.")
    base = os.path.join(dst_dir, model_name)
    download(known[model_name]["symbol"], fname=f"{base}-symbol.json")
    download(known[model_name]["params"], fname=f"{base}-0000.params")
    return base, 0


def get_im2rec_path(home_env: str = "MXNET_HOME") -> str:
    """The path of MXNet's script im2rec.py: below tools/ of the folder that the environment variable names.

    Raises OSError where it is not there.
    """
    home = os.environ.get(home_env)
    path = os.path.join(home, "tools", "im2rec.py") if home else None
    if path is None or not os.path.isfile(path):
        raise OSError(f"Could not find path to tools/im2rec.py. Expected: it below {home_env}. Received: {home}.")
    return path
