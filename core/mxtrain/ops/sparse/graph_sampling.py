"""Graphs sampled around seeds: `contrib.dgl_csr_neighbor_uniform_sample` and its weighted counterpart."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.device import to_numpy
from mxtrain.ops.kernels.sparse.conversion import to_csr, to_dense
from mxtrain.ops.kernels.sparse.graphs import as_padded, sample_neighbourhood
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, declare_operator
from mxtrain.ops.storage import form

_GRAPH = np.array([[0, 1, 2, 3], [4, 0, 5, 6], [7, 8, 0, 9], [10, 11, 12, 0]], np.float32)
_WEIGHTS = np.array([0.9, 0.8, 0.2, 0.4], np.float32)
_SEEDS = (np.array([0]), np.array([3, 1]))


def _sample(xp, graph, seeds, weights, rng, num_hops, num_neighbor, max_num_vertices):
    """All outputs, set by set: vertices, graphs, (weights,) layers."""
    generator = np.random.default_rng(int(rng.generator.integers(0, 1 << 62)))  # on the host, whatever the device
    host, sets = graph.map(to_numpy), []
    for one in seeds:
        found = sample_neighbourhood(host, to_numpy(one), weights, generator, num_hops, num_neighbor, max_num_vertices)
        vertices, sampled, layers = as_padded(found, host, max_num_vertices)
        chances = []
        if weights is not None:
            padded = np.zeros(max_num_vertices, np.float32)
            padded[: len(found.vertices)] = weights[found.vertices]
            chances = [xp.asarray(padded)]
        sets.append((xp.asarray(vertices), sampled.map(xp.asarray), *chances, xp.asarray(layers)))
    return tuple(part for parts in zip(*sets, strict=True) for part in parts)


def _declare(name: str, num_before: int, meaning: str, case: Case) -> None:
    """num_before: how many inputs come before the seeds: the graph, and perhaps the weights."""
    is_weighted = num_before == 2
    sets = ("vertices", "graph", "weights", "layers") if is_weighted else ("vertices", "graph", "layers")

    def compute(xp, *data, num_hops: int = 1, num_neighbor: int = 2, max_num_vertices: int = 100, rng):
        if len(data) <= num_before or data[0].ndim != 2 or data[0].shape[0] != data[0].shape[1]:
            received = [tuple(part.shape) for part in data]
            raise ArgumentError(f"Expected: a square graph, {num_before - 1} weights, seeds. Received: {received}.")
        weights = to_numpy(data[1]) if is_weighted else None
        if weights is not None and weights.shape != data[0].shape[:1]:
            raise ArgumentError(f"Expected: one weight per vertex, {data[0].shape[:1]}. Received: {weights.shape}.")
        return _sample(xp, data[0], data[num_before:], weights, rng, num_hops, num_neighbor, max_num_vertices)

    def forward(xp, *data, num_hops: int = 1, num_neighbor: int = 2, max_num_vertices: int = 100, rng):
        graph = to_csr(xp, data[0]) if data else None
        results = compute(
            xp,
            graph,
            *data[1:],
            num_hops=num_hops,
            num_neighbor=num_neighbor,
            max_num_vertices=max_num_vertices,
            rng=rng,
        )
        return tuple(to_dense(xp, result) for result in results)

    def outputs(p):
        return [f"{part}{i}" for part in sets for i in range(max(p.num_args - num_before, 0))]

    def infer_shape(ins, outs, p):
        columns = -1 if ins[0] is None else ins[0][1]
        sizes = {"vertices": (p.max_num_vertices + 1,), "graph": (p.max_num_vertices, columns)}
        return ins, [sizes.get(part, (p.max_num_vertices,)) for part in sets for _ in ins[num_before:]]

    def infer_type(ins, outs, p):
        types = {"graph": ins[0], "weights": np.dtype(np.float32)}
        return ins, [types.get(part, np.dtype(np.int64)) for part in sets for _ in ins[num_before:]]

    inputs = "csr, default, default..." if is_weighted else "csr, default..."
    declare_operator(
        name,
        doc=f"Parts of a graph around seeds, of each vertex some edges{meaning}.\n\n"
        f"data: the graph, (N, N), csr, its values the numbers of edges;{' (N,) weights;' if is_weighted else ''} then "
        "one array of seeds or more. num_hops: how far to go; num_neighbor: edges of each vertex, at most; "
        "max_num_vertices (M): when to stop. Outputs, each once per array of seeds: the vertices, sorted, (M + 1,) "
        f"int64, whose last element is their number; their edges, (M, N), csr;{' their weights, (M,);' * is_weighted} "
        "the layers in which they were found, (M,) int64. Unused elements are 0. Source: MXNet 1.9.1.",
        cases=[case],
        forward=forward,
        gradient=NOT_DIFFERENTIABLE,
        infer_shape=infer_shape,
        infer_type=infer_type,
        outputs=outputs,
        storage=[form(f"{inputs} -> {', '.join('csr...' if s == 'graph' else 'default...' for s in sets)}", compute)],
    )


_declare(
    "_contrib_dgl_csr_neighbor_uniform_sample",
    1,
    "",
    Case(data=[_GRAPH, *_SEEDS], num_hops=2, num_neighbor=9, max_num_vertices=5),
)
_declare(
    "_contrib_dgl_csr_neighbor_non_uniform_sample",
    2,
    ", in proportion to the neighbours' weights",
    Case(data=[_GRAPH, _WEIGHTS, *_SEEDS], num_hops=1, num_neighbor=9, max_num_vertices=5),
)
