"""Where to cut a histogram of activations, so that quantizing what remains loses the least information."""

from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.quantization.ranges import FLOAT

_HISTOGRAM = np.array([1, 0, 2, 5, 9, 20, 9, 4, 3, 0, 1], np.float32)


@operator(
    "_contrib_calibrate_entropy",
    cases=[Case(hist=_HISTOGRAM, hist_edges=np.linspace(-1, 1, 12, dtype=np.float32), num_quantized_bins=5)],
)
class CalibrateEntropy:
    """The threshold whose range, quantized, diverges the least from the histogram.

    hist: (bins,), counts over a range around 0; an odd number of bins, at least num_quantized_bins. hist_edges: (bins +
    1,), rising. Outputs, (1,), float32: the threshold; the Kullback-Leibler divergence there.
    Source: Migacz, 8-bit inference with TensorRT, GTC 2017; MXNet 1.9.1's `calibrate_entropy`.
    """

    outputs = ("threshold", "divergence")
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        bins = None if ins[1] is None or ins[1][0] < 0 else (ins[1][0] - 1,)
        hist = shapes.unify(ins[0], bins)
        edges = None if hist is None or hist[0] < 0 else (hist[0] + 1,)
        return [hist, shapes.unify(ins[1], edges)], [(1,), (1,)]

    def infer_type(ins, outs, p):
        return [ins[0] or FLOAT, ins[1] or FLOAT], [FLOAT, FLOAT]

    def forward(xp, hist, hist_edges, *, num_quantized_bins: int = 255):
        bins = len(hist)
        if hist.ndim != 1 or hist_edges.shape != (bins + 1,) or not 3 <= num_quantized_bins <= bins or bins % 2 == 0:
            raise ArgumentError(
                "Expected: an odd number of bins, with one edge more, and at least num_quantized_bins (3 or more). "
                f"Received: {hist.shape}, {hist_edges.shape} and {num_quantized_bins}."
            )
        on_host = hist if xp is np else xp.asnumpy(hist)
        middle, half = bins // 2, num_quantized_bins // 2
        divergences = [_divergence(on_host, middle, width, num_quantized_bins) for width in range(half, middle + 1)]
        best = int(np.argmin(divergences))
        threshold = hist_edges[middle + half + best + 1]
        return threshold.reshape(1).astype(np.float32), xp.full((1,), divergences[best], np.float32)


def _divergence(hist: Any, middle: int, width: int, num_quantized_bins: int) -> float:
    """What quantizing the bins up to `width` from the middle loses; those further out count as the outermost ones."""
    start, stop = middle - width, middle + width + 1
    inner = hist[start:stop].astype(np.float64)
    whole = inner.copy()
    whole[0] += hist[:start].sum()
    whole[-1] += hist[stop:].sum()
    merged = len(inner) // num_quantized_bins
    starts = np.arange(num_quantized_bins) * merged
    filled = whole != 0
    # each quantized bin spreads its count evenly over those of its bins that are not empty
    counts, holders = np.add.reduceat(inner, starts), np.add.reduceat(filled, starts, dtype=np.int64)
    even = np.divide(counts, holders, out=np.zeros_like(counts), where=holders > 0)
    sizes = np.diff(np.append(starts, len(inner)))
    p, q = _smooth(whole), _smooth(np.repeat(even, sizes) * filled)
    if p is None or q is None:
        return np.inf
    p, q = p / p.sum(), q / q.sum()
    return float((p * np.log(p / q)).sum())


def _smooth(counts: Any, epsilon: float = 1e-4) -> Any:
    """Counts without zeros: these become epsilon, at the cost of the others. None where that cannot be."""
    empty = counts == 0
    if not empty.any():
        return counts
    cost = epsilon * empty.sum() / max((~empty).sum(), 1)
    return None if cost >= 1 else np.where(empty, epsilon, counts - cost)
