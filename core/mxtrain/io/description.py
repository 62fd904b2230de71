"""`DataDesc` and `DataBatch`: what a batch will look like, and a batch."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentTypeError
from mxtrain.ndarray import NDArray


class DataDesc(namedtuple("DataDesc", ["name", "shape"])):
    """Name and shape of an input, with its dtype and layout; equal to the tuple (name, shape).

    layout: one letter per axis, such as "NCHW"; "N" is the batch axis. Source: mxnet.io.DataDesc of MXNet 1.9.1.
    """

    dtype: Any
    layout: str | None

    def __new__(
        cls, name: str, shape: tuple[int, ...], dtype: Any = np.float32, layout: str | None = "NCHW"
    ) -> DataDesc:
        """A description; tuples cannot be changed, so it is filled here."""
        desc = super().__new__(cls, name, shape)
        desc.dtype = dtype
        desc.layout = layout
        return desc

    def __repr__(self) -> str:
        return f"DataDesc[{self.name},{self.shape},{self.dtype},{self.layout}]"

    def __reduce__(self) -> tuple[Any, ...]:
        return (DataDesc, (self.name, self.shape, self.dtype, self.layout))

    @staticmethod
    def get_batch_axis(layout: str | None) -> int:
        """The position of the batch axis: that of "N" (-1 where there is none), 0 for no layout."""
        return 0 if layout is None else layout.find("N")

    @staticmethod
    def get_list(shapes: Sequence[tuple[str, Any]], types: Sequence[tuple[str, Any]] | None) -> list[DataDesc]:
        """Descriptions from pairs of name and shape, and of name and dtype."""
        dtypes = dict(types or ())
        return [DataDesc(name, shape, dtypes[name]) if types else DataDesc(name, shape) for name, shape in shapes]


class DataBatch:
    """A batch: data and labels, and how many of the last examples only fill it up.

    data, label: lists of NDArrays or None. pad: number of examples at the end to leave out of results. index: numbers
    of the examples in the data set. bucket_key: which bucket of a BucketingModule it is for. provide_data,
    provide_label: descriptions where they differ from the iterator's.
    Source: mxnet.io.DataBatch of MXNet 1.9.1.
    """

    def __init__(
        self,
        data: Sequence[NDArray] | None,
        label: Sequence[NDArray] | None = None,
        pad: int | None = None,
        index: Any = None,
        bucket_key: Any = None,
        provide_data: Any = None,
        provide_label: Any = None,
    ) -> None:
        for name, arrays in (("Data", data), ("Label", label)):
            if arrays is not None and not isinstance(arrays, (list, tuple)):
                raise ArgumentTypeError(f"{name} must be list of NDArrays. Received: {type(arrays).__name__}.")
        self.data = data
        self.label = label
        self.pad = pad
        self.index = index
        self.bucket_key = bucket_key
        self.provide_data = provide_data
        self.provide_label = provide_label

    def __str__(self) -> str:
        return f"{type(self).__name__}: data shapes: {_shapes(self.data)} label shapes: {_shapes(self.label)}"


def _shapes(arrays: Sequence[NDArray] | None) -> list[tuple[int, ...]] | None:
    return [array.shape for array in arrays] if arrays else None
