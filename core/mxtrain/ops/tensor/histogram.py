"""Counts of values in bins."""

from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.parameters import Floats


def _require_range(limits: Any, count: int | None) -> None:
    if count is not None and (count < 1 or limits is None or len(limits) != 2 or not limits[0] < limits[1]):
        raise ArgumentError(f"Expected: bin_cnt >= 1 and range=(low, high). Received: bin_cnt={count}, range={limits}.")


@operator(
    "_histogram",
    cases=[
        Case({"data": (2, 5), "bin_cnt": 4, "range": (-1.0, 1.0)}),
        Case(data=(7,), bins=np.array([-0.5, 0.0, 0.7])),
    ],
)
class Histogram:
    """How many values fall into each bin, and the edges of the bins. A bin holds its lower edge, the last one both.

    data: any shape, numbers. bins: (n + 1,), rising edges; or bin_cnt: how many equal bins there are in range=(low,
    high). Outputs: counts, (n,), int64; edges, (n + 1,), dtype of data. Source: MXNet 1.9.1.
    """

    outputs = ("output0", "output1")
    gradient = NOT_DIFFERENTIABLE

    def inputs(p):
        return ("data",) if p.bin_cnt is not None else ("data", "bins")

    def infer_shape(ins, outs, p):
        _require_range(p.range, p.bin_cnt)
        edges = (p.bin_cnt + 1,) if p.bin_cnt is not None else shapes.unify(ins[1], outs[1])
        if edges is None:
            return ins, outs
        if len(edges) != 1:
            raise ArgumentError(f"Expected: bins of one axis. Received: shape {edges}.")
        counts = (-1 if edges[0] == -1 else edges[0] - 1,)
        return [ins[0], edges][: len(ins)], [shapes.unify(counts, outs[0]), shapes.unify(edges, outs[1])]

    def infer_type(ins, outs, p):
        dtype = types.unify_all([*ins, outs[1]])
        return [dtype] * len(ins), [np.dtype(np.int64), dtype]

    def forward(xp, data, bins=None, *, bin_cnt: int | None = None, range: Floats | None = None):
        if data.dtype.kind == "b":
            raise ArgumentError("Expected: numbers. Received: truth values. Convert them with astype.")
        _require_range(range, bin_cnt)
        if bin_cnt is not None:
            steps = xp.arange(bin_cnt + 1, dtype=np.float64)
            bins = range[0] + steps * ((range[1] - range[0]) / bin_cnt)
        else:
            types.unify(data.dtype, bins.dtype)
            if bins.ndim != 1 or bins.size < 2 or not bool((bins[1:] >= bins[:-1]).all()):
                raise ArgumentError("Expected: bins with 2 or more rising edges. Received: others.")
        values = data.astype(np.float64).reshape(-1)
        edges = bins.astype(np.float64)
        inside = values[(values >= edges[0]) & (values <= edges[-1])]
        places = xp.minimum(xp.searchsorted(edges, inside, side="right") - 1, edges.size - 2)
        counts = xp.bincount(places, minlength=edges.size - 1)
        return counts.astype(np.int64), bins.astype(data.dtype)
