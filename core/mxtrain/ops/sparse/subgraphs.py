"""Graphs out of graphs: `contrib.dgl_adjacency`, `contrib.dgl_subgraph` and `contrib.dgl_graph_compact`."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.device import to_numpy
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.sparse.conversion import to_csr, to_dense
from mxtrain.ops.kernels.sparse.graphs import induced_graph, renumbered
from mxtrain.ops.kernels.sparse.selection import slice_rows
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.parameters import Shape
from mxtrain.ops.storage import form

_GRAPH = np.array([[0, 1, 2, 3], [4, 0, 5, 6], [7, 8, 0, 9], [10, 11, 12, 0]], np.float32)
_SAMPLED = np.array([[0, 1, 0, 3], [0, 0, 0, 6], [0, 0, 0, 0], [0, 0, 0, 0]], np.float32)


def _ones(xp, data):
    return data.with_values(xp.ones(data.values.shape, np.float32))


@operator("_contrib_dgl_adjacency", cases=[Case(data=_GRAPH)])
class DglAdjacency:
    """1 for each edge of a graph. data: (N, N), csr. Output: same shape and storage, float32. Source: MXNet 1.9.1."""

    infer_shape = shapes.same
    infer_type = types.outputs_are(np.float32)
    gradient = NOT_DIFFERENTIABLE
    storage = [form("csr -> csr", _ones)]

    def forward(xp, data):
        return (data != 0).astype(np.float32)


def _set_by_set(xp, pairs, return_mapping):
    """The graphs with new numbers of edges, then (return_mapping) those with the original ones."""
    parts = [*(new for new, _ in pairs), *(original for _, original in pairs if return_mapping)]
    return tuple(part.map(xp.asarray) for part in parts)


def _induced(xp, graph, *vertices, return_mapping):
    host = graph.map(to_numpy)
    return _set_by_set(xp, [induced_graph(host, to_numpy(one)) for one in vertices], return_mapping)


@operator(
    "_contrib_dgl_subgraph",
    cases=[
        Case(data=[_GRAPH, np.array([0, 1, 3]), np.array([2, 3])], return_mapping=mapping) for mapping in (True, False)
    ],
)
class DglSubgraph:
    """The edges of a graph among the vertices of each given set, which are numbered from 0.

    data: the graph, (N, N), csr, its values the numbers of edges; then one array of sorted vertices or more.
    Outputs: per array one csr matrix with edges numbered from 0; with return_mapping, after them all, one each with
    the numbers that the graph has. Source: MXNet 1.9.1.
    """

    gradient = NOT_DIFFERENTIABLE
    storage = [
        form("csr, default... -> csr..., csr...", _induced, when=lambda p: p.return_mapping),
        form("csr, default... -> csr...", _induced, when=lambda p: not p.return_mapping),
    ]

    def outputs(p):
        return [f"output{i}" for i in range((p.num_args - 1) * (2 if p.return_mapping else 1))]

    def infer_shape(ins, outs, p):
        sizes = [None if one is None else (one[0], one[0]) for one in ins[1:]]
        return ins, sizes * (2 if p.return_mapping else 1)

    def infer_type(ins, outs, p):
        return ins, [ins[0]] * len(outs)

    def forward(xp, *data, return_mapping: bool):
        if len(data) < 2:
            raise ArgumentError(f"Expected: a graph and sets of vertices. Received: {len(data)} inputs.")
        results = _induced(xp, to_csr(xp, data[0]), *data[1:], return_mapping=return_mapping)
        return tuple(to_dense(xp, result) for result in results)


def _compacted(xp, *graph_data, return_mapping, graph_sizes):
    count = len(graph_data) // 2
    if not graph_data or len(graph_data) != 2 * len(graph_sizes):
        raise ArgumentError(
            f"Expected: as many graphs, arrays of vertices and graph_sizes. Received: {len(graph_data)} inputs, "
            f"graph_sizes={tuple(graph_sizes)}."
        )
    pairs = []
    for graph, vertices, size in zip(graph_data[:count], graph_data[count:], graph_sizes, strict=True):
        if not 0 <= size <= min(graph.shape[0], len(vertices)):
            raise ArgumentError(f"Expected: graph_sizes up to {graph.shape[0]}. Received: {size}.")
        rows = slice_rows(np, graph.map(to_numpy), 0, size)
        pairs.append(renumbered(rows, to_numpy(vertices)[:size].astype(np.int64)))
    return _set_by_set(xp, pairs, return_mapping)


@operator(
    "_contrib_dgl_graph_compact",
    cases=[
        Case(data=[_SAMPLED, np.array([0, 1, 3, 0, 3])], graph_sizes=(3,), return_mapping=mapping)
        for mapping in (True, False)
    ],
)
class DglGraphCompact:
    """Sampled graphs without the empty rows at their ends and with the columns of their own vertices only.

    data: csr matrices as the samplers give them, then as many arrays of vertices. graph_sizes: how many vertices each
    has. Outputs: per graph a csr matrix, (size, size), with edges numbered from 0; with return_mapping, after them
    all, one each with the numbers that the edges had. Source: MXNet 1.9.1 (whose second set is empty).
    """

    gradient = NOT_DIFFERENTIABLE
    storage = [
        form("csr..., default... -> csr..., csr...", _compacted, when=lambda p: p.return_mapping),
        form("csr..., default... -> csr...", _compacted, when=lambda p: not p.return_mapping),
    ]

    def outputs(p):
        return [f"output{i}" for i in range(len(p.graph_sizes) * (2 if p.return_mapping else 1))]

    def infer_shape(ins, outs, p):
        return ins, [(size, size) for size in p.graph_sizes] * (2 if p.return_mapping else 1)

    def infer_type(ins, outs, p):
        return ins, [ins[0]] * len(outs)

    def forward(xp, *graph_data, return_mapping: bool, graph_sizes: Shape):
        count = max(1, len(graph_data) // 2)
        graphs = [to_csr(xp, graph) for graph in graph_data[:count]]
        results = _compacted(xp, *graphs, *graph_data[count:], return_mapping=return_mapping, graph_sizes=graph_sizes)
        return tuple(to_dense(xp, result) for result in results)
