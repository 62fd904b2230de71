"""The sums over all alignments of labels with sequences that connectionist temporal classification needs.

States of a label: blank, its first class, blank, its second class, ..., blank. An alignment stays in its state, moves
to the next, or, between unlike classes, skips a blank. All sums are of logarithms; -inf stands for probability 0.
"""

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any


def _log_sum(xp: Any, terms: list[Array]) -> Array:
    """The logarithm of the sum of exponentials; -inf where all terms are."""
    largest = terms[0]
    for term in terms[1:]:
        largest = xp.maximum(largest, term)
    base = xp.where(largest == -np.inf, 0, largest)
    with np.errstate(divide="ignore"):
        return xp.log(sum(xp.exp(term - base) for term in terms)) + base


class Lattice:
    """The states of labels (B, L), `counts` (B,) of them in use, along data (T, B, C), of which `steps` (B,) are."""

    def __init__(self, xp: Any, data: Array, labels: Array, counts: Array, steps: Array, blank: int) -> None:
        self.xp, self.counts, self.steps = xp, counts, steps
        length, batch, _ = data.shape
        # steps beyond a sequence's end may hold anything
        self.live = xp.arange(length)[:, None] < steps
        data = xp.where(self.live[:, :, None], data, 0)
        shifted = data - data.max(axis=2, keepdims=True)
        self.log_probabilities = shifted - xp.log(xp.exp(shifted).sum(axis=2, keepdims=True))
        self.states = xp.full((batch, 2 * labels.shape[1] + 1), blank)
        self.states[:, 1::2] = labels
        self.skips = xp.zeros(self.states.shape, bool)
        self.skips[:, 3::2] = labels[:, 1:] != labels[:, :-1]
        self.scores = xp.take_along_axis(
            self.log_probabilities, xp.broadcast_to(self.states, (length, *self.states.shape)), axis=2
        )

    def _moves(self, now: Array, skips: Array) -> Array:
        """What reaches each state from it, the one before and, where allowed, the one before that."""
        xp = self.xp
        one = xp.full(now.shape, -np.inf, now.dtype)
        two = one.copy()
        one[:, 1:] = now[:, :-1]
        two[:, 2:] = xp.where(skips[:, 2:], now[:, :-2], -np.inf)
        return _log_sum(xp, [now, one, two])

    def _forward(self) -> Array:
        """For each step and state, the sum over all paths to it: (T, B, S)."""
        xp, scores = self.xp, self.scores
        sums = xp.full(scores.shape, -np.inf, scores.dtype)
        sums[0, :, :2] = scores[0, :, :2]
        for step in range(1, len(scores)):
            moved = self._moves(sums[step - 1], self.skips) + scores[step]
            sums[step] = xp.where(self.live[step][:, None], moved, sums[step - 1])
        return sums

    def _backward(self) -> Array:
        """For each step and state, the sum over all paths from it to the end, without its own score: (T, B, S)."""
        xp, scores = self.xp, self.scores
        places = xp.arange(scores.shape[2])
        last = 2 * self.counts[:, None]
        final = xp.where((places == last) | (places == last - 1), 0, -np.inf).astype(scores.dtype)
        # paths backwards are paths forwards through the reversed states
        skips = xp.zeros_like(self.skips)
        skips[:, 2:] = self.skips[:, :1:-1]
        sums = xp.empty_like(scores)
        sums[-1] = final
        for step in range(len(scores) - 2, -1, -1):
            moved = self._moves((sums[step + 1] + scores[step + 1])[:, ::-1], skips)[:, ::-1]
            sums[step] = xp.where(self.live[step + 1][:, None], moved, final)
        return sums

    def _totals(self, forward: Array) -> Array:
        """The logarithm of each label's probability, (B,)."""
        last = 2 * self.counts[:, None]
        ends = self.xp.take_along_axis(forward[-1], self.xp.maximum(last, 0), axis=1)
        before = self.xp.take_along_axis(forward[-1], self.xp.maximum(last - 1, 0), axis=1)
        before = self.xp.where(last > 0, before, -np.inf)
        return _log_sum(self.xp, [ends, before])[:, 0]

    def losses(self) -> Array:
        """-log of each label's probability, (B,); as in MXNet, 0 for a label that is too long for its sequence."""
        repeats = self.xp.cumsum(~self.skips[:, 1::2], axis=1)
        # the first class never skips, and is no repetition
        last = self.xp.maximum(self.counts - 1, 0)[:, None]
        repeats = self.xp.take_along_axis(repeats, last, axis=1)[:, 0] - 1 if repeats.shape[1] else 0
        fits = self.counts + repeats <= self.steps
        return self.xp.where(fits | (self.counts == 0), -self._totals(self._forward()), 0)

    def gradients(self) -> Array:
        """The gradients of the losses by data, (T, B, C); 0 for labels of probability 0 and beyond a sequence's end."""
        xp, forward = self.xp, self._forward()
        totals = self._totals(forward)
        possible = totals > -np.inf
        paths = xp.exp(forward + self._backward() - xp.where(possible, totals, 0)[:, None])
        length, batch, _ = paths.shape
        gradients = xp.exp(self.log_probabilities)
        place = (xp.arange(length)[:, None, None], xp.arange(batch)[:, None], self.states)
        xp.add.at(gradients, place, -paths)
        return xp.where((self.live & possible)[:, :, None], gradients, 0)
