"""Batches from files in MNIST's idx format."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from typing import Any

import numpy as np

from mxtrain import log
from mxtrain.base import ArgumentError, MXNetError
from mxtrain.io.file_iter import MXDataIter


class MNISTIter(MXDataIter):
    """Batches of MNIST's pictures: float32 of shape (batch_size, 1, 28, 28), pixels divided by 256.

    image, label: idx files, plain or gzipped. shuffle: one order for all epochs, drawn by `seed`. flat: pictures of
    shape (784,). num_parts, part_index: only one of so many equal parts. silent: log nothing. The last incomplete
    batch is left out. prefetch_buffer, ctx and other keywords of MXNet change nothing.

    Raises MXNetError naming the file for one that is cut short or no idx file.
    Source: mxnet.io.MNISTIter of MXNet 1.9.1 (whose order for a seed is another one).
    """

    def __init__(
        self,
        image: str = "./train-images-idx3-ubyte",
        label: str = "./train-labels-idx1-ubyte",
        batch_size: int = 128,
        shuffle: bool = True,
        flat: bool = False,
        seed: int = 0,
        silent: bool = False,
        num_parts: int = 1,
        part_index: int = 0,
        dtype: Any = None,
        data_name: str = "data",
        label_name: str = "softmax_label",
        **_: Any,
    ) -> None:
        pictures, numbers = read_idx(image, 3), read_idx(label, 1)
        if len(pictures) != len(numbers):
            raise ArgumentError(
                f"MNISTIter: expected as many labels in {label!r} as pictures in {image!r}, {len(pictures)}."
                f" Received: {len(numbers)}."
            )
        order = _part(len(pictures), num_parts, part_index)
        if shuffle:
            np.random.default_rng(seed).shuffle(order)
        data = pictures[order].astype(np.float32) / np.float32(256)
        data = data.reshape(len(data), -1) if flat else data[:, None]
        super().__init__(
            data,
            numbers[order].astype(np.float32),
            batch_size,
            dtype=dtype,
            drop_last=True,
            data_name=data_name,
            label_name=label_name,
        )
        if not silent:
            log.info("MNISTIter: load %d images, shuffle=%d, shape=%s", len(data), shuffle, self.provide_data[0].shape)


def _part(size: int, num_parts: int, part_index: int) -> np.ndarray:
    """The numbers of the examples of one of several equal parts."""
    if not 0 <= part_index < num_parts:
        raise ArgumentError(f"MNISTIter: expected 0 <= part_index < num_parts={num_parts}. Received: {part_index}.")
    length = size // num_parts
    return np.arange(part_index * length, (part_index + 1) * length)


def read_idx(path: str, ndim: int) -> np.ndarray:
    """The array of an idx file of bytes (uint8), plain or gzipped. Raises MXNetError naming the file."""
    try:
        with open(path, "rb") as stream:
            raw = stream.read()
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
    except OSError as error:
        raise MXNetError(f"Cannot read {path!r}: {error.strerror or error}.") from error
    except (EOFError, zlib.error) as error:
        raise MXNetError(f"{path!r}: expected a whole gzip file. Received: {error}.") from error
    header = 4 + 4 * ndim
    if len(raw) < header or raw[:4] != bytes((0, 0, 8, ndim)):
        raise MXNetError(
            f"{path!r}: expected an idx file of bytes with {ndim} axes. Received: {raw[:4]!r} at its start."
        )
    shape = struct.unpack(f">{ndim}I", raw[4:header])
    if len(raw) - header != math.prod(shape):
        raise MXNetError(f"{path!r}: expected {math.prod(shape)} values for {shape}. Received: {len(raw) - header}.")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)
