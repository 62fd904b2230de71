"""Graphs as csr matrices whose values are the numbers of edges: neighbourhoods, induced and compacted graphs.

Computed on the host: the steps depend on each other's values.
"""

from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops.kernels.sparse.places import row_pointers
from mxtrain.ops.kernels.sparse.selection import require_rows, take_rows
from mxtrain.ops.sparse.containers import Csr


class Neighbourhood:
    """What was sampled around some seeds.

    vertices: sorted. layers: hops of each from a seed. edges: by vertex, their places in the graph's arrays.
    """

    def __init__(self, vertices: np.ndarray, layers: np.ndarray, edges: dict[int, np.ndarray]) -> None:
        self.vertices = vertices
        self.layers = layers
        self.edges = edges


def sample_neighbourhood(
    graph: Csr,
    seeds: np.ndarray,
    weights: np.ndarray | None,
    rng: Any,
    num_hops: int,
    num_neighbor: int,
    max_num_vertices: int,
) -> Neighbourhood:
    """Vertices up to num_hops away from the seeds, each visited one with at most num_neighbor of its edges.

    weights: (vertices,), how likely a neighbour is among those of a vertex; None: all alike. It stops at
    max_num_vertices; edges to vertices that found no room are left out. Raises ArgumentError for more seeds than that.
    """
    require_rows(seeds, graph.shape[0])
    layers = dict.fromkeys(seeds.astype(np.int64).tolist(), 0)
    num_seeds = len(layers)
    if num_seeds > max_num_vertices:
        raise ArgumentError(f"Expected: at most max_num_vertices={max_num_vertices} seeds. Received: {num_seeds}.")
    edges: dict[int, np.ndarray] = {}
    waiting = list(layers)
    for vertex in waiting:  # grows while it is walked
        if layers[vertex] >= num_hops or len(layers) >= max_num_vertices > num_seeds:
            continue
        chosen = _choose_edges(graph, vertex, weights, rng, num_neighbor)
        for neighbour in graph.indices[chosen].tolist():
            if neighbour not in layers and len(layers) < max_num_vertices:
                layers[neighbour] = layers[vertex] + 1
                waiting.append(neighbour)
        edges[vertex] = np.array([edge for edge in chosen if int(graph.indices[edge]) in layers], np.int64)
    vertices = np.array(sorted(layers), np.int64)
    return Neighbourhood(vertices, np.array([layers[v] for v in vertices.tolist()], np.int64), edges)


def _choose_edges(graph: Csr, vertex: int, weights: np.ndarray | None, rng: Any, count: int) -> np.ndarray:
    """Places of at most `count` edges of a vertex, rising."""
    edges = np.arange(int(graph.indptr[vertex]), int(graph.indptr[vertex + 1]))
    if weights is not None:
        edges = edges[weights[graph.indices[edges]] > 0]
    if len(edges) <= count:
        return edges
    chances = None if weights is None else weights[graph.indices[edges]].astype(np.float64)
    picked = rng.choice(edges, count, replace=False, p=None if chances is None else chances / chances.sum())
    return np.sort(picked)


def as_padded(sampled: Neighbourhood, graph: Csr, max_num_vertices: int) -> tuple[np.ndarray, Csr, np.ndarray]:
    """Vertices (with their number as last element), edges and layers of a neighbourhood, padded to max_num_vertices."""
    count = len(sampled.vertices)
    vertices = np.zeros(max_num_vertices + 1, np.int64)
    vertices[:count], vertices[-1] = sampled.vertices, count
    layers = np.zeros(max_num_vertices, np.int64)
    layers[:count] = sampled.layers
    nothing = np.zeros(0, np.int64)
    by_row = [sampled.edges.get(vertex, nothing) for vertex in sampled.vertices.tolist()]
    places = np.concatenate([nothing, *by_row])
    rows = np.repeat(np.arange(count), [len(edges) for edges in by_row])
    pointers = row_pointers(np, rows, max_num_vertices)
    shape = (max_num_vertices, graph.shape[1])
    return vertices, Csr(graph.values[places], graph.indices[places], pointers, shape), layers


def induced_graph(graph: Csr, vertices: np.ndarray) -> tuple[Csr, Csr]:
    """The edges among sorted vertices, numbered from 0 by them: with new numbers of edges, and with those of graph."""
    wanted = vertices.astype(np.int64)
    if len(wanted) and not (wanted[1:] > wanted[:-1]).all():
        raise ArgumentError(f"Expected: sorted, distinct vertices. Received: {wanted[:20].tolist()}.")
    require_rows(wanted, graph.shape[0])
    return renumbered(take_rows(np, graph, wanted), wanted)


def renumbered(graph: Csr, vertices: np.ndarray) -> tuple[Csr, Csr]:
    """A graph whose columns are numbered by their place in sorted vertices; edges to others are left out.

    Returns it with edges numbered from 0, and with the numbers that it had.
    """
    position = np.searchsorted(vertices, graph.indices)
    inside = position < len(vertices)
    inside[inside] = vertices[position[inside]] == graph.indices[inside]
    rows = np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr))[inside]
    shape = (graph.shape[0], len(vertices))
    original = Csr(graph.values[inside], position[inside], row_pointers(np, rows, shape[0]), shape)
    return original.with_values(np.arange(len(rows)).astype(graph.dtype)), original
