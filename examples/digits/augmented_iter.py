"""A data iterator of our own: shuffled digits, each batch shifted by a few pixels."""

import numpy as np
from digits_data import Digits

import mxtrain as mx

MAX_SHIFT = 2  # pixels


class AugmentedIter(mx.io.DataIter):
    """Batches of digits in a new order each epoch; what does not fill a batch waits for another epoch.

    All random numbers follow from the seed and the number of the epoch, so that a resumed training sees the very
    batches that it would have seen.
    """

    def __init__(self, digits: Digits, batch_size: int, seed: tuple[int, ...]) -> None:
        super().__init__(batch_size)
        self.num_batches = len(digits.labels) // batch_size
        self.provide_data = [mx.io.DataDesc("data", (batch_size, *digits.images.shape[1:]))]
        self.provide_label = [mx.io.DataDesc("softmax_label", (batch_size,))]
        self.epoch = 0
        self._digits = digits
        self._seed = seed

    def __iter__(self) -> "AugmentedIter":
        self._random = np.random.default_rng((*self._seed, self.epoch))
        self._order = self._random.permutation(len(self._digits.labels))
        self._next = 0
        return self

    def reset(self) -> None:
        """End the epoch."""
        self.epoch += 1

    def get_state(self) -> dict[str, int]:
        """Where the iterator stands between two epochs, for a checkpoint."""
        return {"epoch": self.epoch}

    def set_state(self, state: dict[str, int]) -> None:
        """Go on from there."""
        self.epoch = state["epoch"]

    def next(self) -> mx.io.DataBatch:
        """The next batch of the epoch."""
        if self._next == self.num_batches:
            raise StopIteration
        chosen = self._order[self._next * self.batch_size :][: self.batch_size]
        self._next += 1
        shift = tuple(self._random.integers(-MAX_SHIFT, MAX_SHIFT + 1, 2))
        images = np.roll(self._digits.images[chosen], shift, axis=(2, 3))  # the frame is empty: nothing wraps around
        return mx.io.DataBatch([mx.nd.array(images)], [mx.nd.array(self._digits.labels[chosen])], pad=0)
