"""Batches from text files with comma-separated numbers."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, MXNetError
from mxtrain.dtypes import as_dtype
from mxtrain.io.file_iter import MXDataIter


class CSVIter(MXDataIter):
    """Batches of the lines of a CSV file, each reshaped to data_shape.

    data_csv, label_csv: a file, or a folder of files that are read in the order of their names; without label_csv all
    labels are 0. data_shape, label_shape: of one example. batch_size: examples per batch. round_batch: the last batch
    takes what it lacks from the start, and the next epoch goes on behind that. dtype: of the data, float32 by default.

    The files are read at once when the iterator is made; prefetch_buffer, ctx and other keywords of MXNet change
    nothing. Raises MXNetError naming file and line for anything but equally long lines of numbers.
    Source: mxnet.io.CSVIter of MXNet 1.9.1.
    """

    def __init__(
        self,
        data_csv: str,
        data_shape: Sequence[int] | int,
        batch_size: int,
        label_csv: str | None = None,
        label_shape: Sequence[int] | int = (1,),
        round_batch: bool = True,
        dtype: Any = None,
        data_name: str = "data",
        label_name: str = "softmax_label",
        **_: Any,
    ) -> None:
        kind = as_dtype(dtype)
        data = _read(data_csv, data_shape, kind)
        if label_csv in (None, "NULL"):
            label = np.zeros((len(data), *_as_shape(label_shape)), kind)
        else:
            label = _read(label_csv, label_shape, kind)
        if _as_shape(label_shape) == (1,):
            label = label.reshape(-1)
        super().__init__(
            data, label, batch_size, round_batch=bool(round_batch), data_name=data_name, label_name=label_name
        )


def _as_shape(shape: Sequence[int] | int) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _read(path: str | None, shape: Sequence[int] | int, dtype: np.dtype) -> np.ndarray:
    """(number of lines, *shape) numbers of a file, or of all files of a folder."""
    size = math.prod(_as_shape(shape))
    rows = [_read_file(name, size, dtype) for name in _files(str(path))]
    return np.concatenate(rows).reshape(-1, *_as_shape(shape))


def _files(path: str) -> list[str]:
    if not os.path.isdir(path):
        return [path]
    names = sorted(os.path.join(path, name) for name in os.listdir(path))
    if not names:
        raise MXNetError(f"CSVIter: expected files in {path!r}. Received: an empty folder.")
    return names


def _read_file(path: str, size: int, dtype: np.dtype) -> np.ndarray:
    try:
        with open(path, encoding="utf-8") as stream:
            rows = [_parse(line, path, number, size, dtype) for number, line in enumerate(stream, 1) if line.strip()]
    except OSError as error:
        raise MXNetError(f"CSVIter: cannot read {path!r}: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise MXNetError(
            f"CSVIter: {path!r}: expected text. Received: {error.reason} at byte {error.start}."
        ) from error
    if not rows:
        raise MXNetError(f"CSVIter: {path!r}: expected lines of numbers. Received: none.")
    return np.stack(rows)


def _parse(line: str, path: str, number: int, size: int, dtype: np.dtype) -> np.ndarray:
    parse: Any = int if dtype.kind in "iu" else float
    try:
        row = np.array([parse(field) for field in line.split(",")], dtype)
    except (ValueError, OverflowError) as error:
        raise ArgumentError(
            f"CSVIter: {path!r}, line {number}: expected {dtype} numbers. Received: {error}."
        ) from error
    if len(row) != size:
        raise ArgumentError(f"CSVIter: {path!r}, line {number}: expected {size} numbers. Received: {len(row)}.")
    return row
