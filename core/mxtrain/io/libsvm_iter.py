"""Batches from text files in LibSVM's format, as csr matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, MXNetError
from mxtrain.dtypes import as_dtype
from mxtrain.io.file_iter import MXDataIter
from mxtrain.ops.sparse.containers import Csr


class LibSVMIter(MXDataIter):
    """Batches of the lines of a file, "label column:value column:value ...", with columns counted from 0.

    data_libsvm: the file. data_shape: (number of columns,). label_libsvm: a file whose rows are the labels, as csr of
    label_shape columns; without it the label is the first number of each line of data_libsvm. batch_size: examples per
    batch. num_parts, part_index: read only one of num_parts equal parts of the lines. round_batch: the last batch takes
    what it lacks from the start, and the next epoch goes on behind that. dtype: of data and labels, float32 by default.

    The files are read at once when the iterator is made. `qid:number` and what stands behind # are passed over; a
    column without a value counts as 1. prefetch_buffer, ctx and other keywords of MXNet change nothing.
    Raises MXNetError naming file and line for anything else, and for columns outside of the shape.
    Source: mxnet.io.LibSVMIter of MXNet 1.9.1.
    """

    def __init__(
        self,
        data_libsvm: str,
        data_shape: Sequence[int] | int,
        batch_size: int,
        label_libsvm: str | None = None,
        label_shape: Sequence[int] | int = (1,),
        num_parts: int = 1,
        part_index: int = 0,
        round_batch: bool = True,
        dtype: Any = None,
        data_name: str = "data",
        label_name: str = "softmax_label",
        **_: Any,
    ) -> None:
        kind = as_dtype(dtype)
        if not 0 <= part_index < num_parts:
            raise ArgumentError(
                f"LibSVMIter: expected part_index from 0 to num_parts - 1. Received: {part_index} of {num_parts}."
            )
        part = (int(num_parts), int(part_index))
        label: np.ndarray | Csr
        data, label = _read(data_libsvm, _num_columns("data_shape", data_shape), kind, part)
        columns = _num_columns("label_shape", label_shape)
        if label_libsvm not in (None, "NULL"):
            label = _read(str(label_libsvm), columns, kind, part)[0]
        elif columns != 1:
            raise ArgumentError(f"LibSVMIter: expected label_shape=(1,) without label_libsvm. Received: {label_shape}.")
        super().__init__(
            data, label, batch_size, round_batch=bool(round_batch), data_name=data_name, label_name=label_name
        )


def _num_columns(name: str, shape: Sequence[int] | int) -> int:
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if len(sizes) != 1 or sizes[0] < 1:
        raise ArgumentError(f"LibSVMIter: expected {name} of one axis, the number of columns. Received: {shape}.")
    return int(sizes[0])


def _read(path: str, num_columns: int, dtype: np.dtype, part: tuple[int, int]) -> tuple[Csr, np.ndarray]:
    """The rows of a file (or a part of them), and the number at the start of each line."""
    try:
        with open(path, encoding="utf-8") as stream:
            lines = [(number, line) for number, line in enumerate(stream, 1) if line.split("#", 1)[0].strip()]
    except OSError as error:
        raise MXNetError(f"LibSVMIter: cannot read {path!r}: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise MXNetError(f"LibSVMIter: {path!r}: expected text. Received: {error.reason}.") from error
    num_parts, index = part
    lines = lines[len(lines) * index // num_parts : len(lines) * (index + 1) // num_parts]
    if not lines:
        raise MXNetError(f"LibSVMIter: {path!r}: expected lines of numbers. Received: none.")
    rows = [_parse(line, path, number, num_columns) for number, line in lines]
    pointers = np.concatenate(([0], np.cumsum([len(columns) for _, columns, _ in rows])))
    columns = np.concatenate([columns for _, columns, _ in rows])
    values = np.concatenate([values for _, _, values in rows]).astype(dtype)
    matrix = Csr(values, columns, pointers.astype(np.int64), (len(rows), num_columns))
    return matrix, np.array([label for label, _, _ in rows], dtype)


def _parse(line: str, path: str, number: int, num_columns: int) -> tuple[float, np.ndarray, np.ndarray]:
    """The label, the rising columns and their values of one line."""
    first, *fields = line.split("#", 1)[0].split()
    pairs = [field.partition(":") for field in fields if not field.startswith("qid:")]
    try:
        label = float(first)
        columns = np.array([int(column) for column, _, _ in pairs], np.int64)
        values = np.array([float(value) if colon else 1.0 for _, colon, value in pairs], np.float64)
    except (ValueError, OverflowError) as error:
        raise ArgumentError(
            f'LibSVMIter: {path!r}, line {number}: expected "label column:value ...". Received: {error}.'
        ) from error
    order = np.argsort(columns, kind="stable")
    columns, values = columns[order], values[order]
    if len(columns) and (columns[0] < 0 or columns[-1] >= num_columns or (columns[1:] == columns[:-1]).any()):
        raise ArgumentError(
            f"LibSVMIter: {path!r}, line {number}: expected columns from 0 to {num_columns - 1}, each once. "
            f"Received: {columns.tolist()!s:.100}."
        )
    return label, columns, values
