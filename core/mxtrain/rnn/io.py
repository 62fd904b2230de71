"""Sentences as batches of equal lengths."""

import bisect
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mxtrain import ndarray
from mxtrain.base import ArgumentError
from mxtrain.io import DataBatch, DataDesc, DataIter
from mxtrain.log import get_logger


def encode_sentences(
    sentences: Sequence[Sequence[Any]],
    vocab: dict[Any, int] | None = None,
    invalid_label: int = -1,
    invalid_key: Any = "\n",
    start_label: int = 0,
    unknown_token: Any = None,
) -> tuple[list[list[int]], dict[Any, int]]:
    """Sentences as lists of numbers, and the vocabulary.

    vocab: a number per word; without one it is built, from start_label on, passing over invalid_label, which
    invalid_key gets. unknown_token: stands for words that a given vocabulary lacks.
    Raises ArgumentError for such a word where there is no unknown_token.
    """
    grows = vocab is None
    known: dict[Any, int] = {invalid_key: invalid_label} if vocab is None else vocab
    number = start_label

    def encode(word: Any) -> int:
        nonlocal number
        if word in known:
            return known[word]
        if not grows and unknown_token is None:
            raise ArgumentError(f"Expected: a word of the vocabulary, or an unknown_token. Received: {word!r}.")
        word = word if grows else unknown_token
        if word not in known:
            number += number == invalid_label
            known[word] = number
            number += 1
        return known[word]

    return [[encode(word) for word in sentence] for sentence in sentences], known


class BucketSentenceIter(DataIter):
    """Batches of sentences of about one length; labels are the words that follow.

    sentences: lists of numbers. buckets: lengths; by default those that fill at least one batch. invalid_label: fills
    the ends. layout: "NT" or "TN". A batch's bucket_key is its length; sentences longer than all buckets are left out.
    """

    def __init__(
        self,
        sentences: Sequence[Sequence[int]],
        batch_size: int,
        buckets: Sequence[int] | None = None,
        invalid_label: int = -1,
        data_name: str = "data",
        label_name: str = "softmax_label",
        dtype: Any = "float32",
        layout: str = "NT",
    ) -> None:
        super().__init__(batch_size)
        if layout not in ("NT", "TN"):
            raise ArgumentError(f"Expected: a layout of 'NT' or 'TN'. Received: {layout!r}.")
        self.buckets = sorted(buckets) if buckets else _frequent_lengths(sentences, batch_size)
        if not self.buckets:
            raise ArgumentError(f"Expected: a length that {batch_size} sentences have, or buckets. Received: none.")
        self.data_name, self.label_name = data_name, label_name
        self.dtype, self.invalid_label, self.layout = dtype, invalid_label, layout
        self.major_axis = layout.find("N")
        self.default_bucket_key = max(self.buckets)
        self.data = self._filled(sentences)
        self.provide_data = self._describe(data_name, self.default_bucket_key)
        self.provide_label = self._describe(label_name, self.default_bucket_key)
        self.idx = [
            (bucket, start)
            for bucket, rows in enumerate(self.data)
            for start in range(0, len(rows) - batch_size + 1, batch_size)
        ]
        self.curr_idx = 0
        self.reset()

    def _filled(self, sentences: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """Per bucket the sentences, (count, length), their ends filled."""
        rows: list[list[np.ndarray]] = [[] for _ in self.buckets]
        left_out = 0
        for sentence in sentences:
            bucket = bisect.bisect_left(self.buckets, len(sentence))
            if bucket == len(self.buckets):
                left_out += 1
                continue
            row = np.full((self.buckets[bucket],), self.invalid_label, self.dtype)
            row[: len(sentence)] = sentence
            rows[bucket].append(row)
        if left_out:
            get_logger("mxtrain").warning("%d sentences are longer than the largest bucket and left out.", left_out)
        return [np.array(found, self.dtype).reshape(-1, size) for found, size in zip(rows, self.buckets, strict=True)]

    def _describe(self, name: str, length: int) -> list[DataDesc]:
        shape = (self.batch_size, length) if self.major_axis == 0 else (length, self.batch_size)
        return [DataDesc(name, shape, layout=self.layout)]

    def reset(self) -> None:
        """Start again, with sentences and batches in another order (of Python's and NumPy's generators)."""
        self.curr_idx = 0
        random.shuffle(self.idx)
        for rows in self.data:
            np.random.shuffle(rows)
        labels = [np.full_like(rows, self.invalid_label) for rows in self.data]
        for label, rows in zip(labels, self.data, strict=True):
            label[:, :-1] = rows[:, 1:]
        self.nddata = [ndarray.array(rows, dtype=self.dtype) for rows in self.data]
        self.ndlabel = [ndarray.array(label, dtype=self.dtype) for label in labels]

    def next(self) -> DataBatch:
        """The next batch."""
        if self.curr_idx == len(self.idx):
            raise StopIteration
        bucket, start = self.idx[self.curr_idx]
        self.curr_idx += 1
        data, label = (arrays[bucket][start : start + self.batch_size] for arrays in (self.nddata, self.ndlabel))
        if self.major_axis == 1:
            data, label = data.T, label.T
        length = self.buckets[bucket]
        return DataBatch(
            [data],
            [label],
            pad=0,
            bucket_key=length,
            provide_data=self._describe(self.data_name, length),
            provide_label=self._describe(self.label_name, length),
        )


def _frequent_lengths(sentences: Sequence[Sequence[int]], count: int) -> list[int]:
    """The lengths that at least `count` sentences have."""
    lengths: Mapping[int, int] = dict(enumerate(np.bincount([len(s) for s in sentences])))
    return [length for length, number in lengths.items() if number >= count]
