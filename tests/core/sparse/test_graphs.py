"""The graph operators of contrib, on csr matrices whose values are the numbers of edges."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd

# every vertex of 5 has an edge to every other one, numbered from 1
INDICES = [1, 2, 3, 4, 0, 2, 3, 4, 0, 1, 3, 4, 0, 1, 2, 4, 0, 1, 2, 3]


@pytest.fixture
def graph():
    numbers = np.arange(1, 21, dtype=np.int64)
    return nd.sparse.csr_matrix((numbers, INDICES, [0, 4, 8, 12, 16, 20]), shape=(5, 5))


def seeds(*numbers):
    return nd.array(numbers, dtype="int64")


def test_everything_within_reach(graph):
    vertices, edges, layers = nd.contrib.dgl_csr_neighbor_uniform_sample(
        graph, seeds(0), num_args=2, num_hops=2, num_neighbor=9, max_num_vertices=6
    )
    assert vertices.asnumpy().tolist() == [0, 1, 2, 3, 4, 0, 5]
    assert layers.asnumpy().tolist() == [0, 1, 1, 1, 1, 0]
    assert edges.indptr.asnumpy().tolist() == [0, 4, 8, 12, 16, 20, 20]
    np.testing.assert_array_equal(edges.asnumpy()[:5], graph.asnumpy())


@pytest.mark.parametrize("hops", [1, 2, 3])
@pytest.mark.parametrize("start", [(0,), (4, 0), (3, 1, 2)])
@pytest.mark.parametrize("room", [3, 5, 8])
def test_samples_are_parts_of_the_graph(graph, hops, start, room):
    vertices, edges, layers = nd.contrib.dgl_csr_neighbor_uniform_sample(
        graph, seeds(*start), num_args=2, num_hops=hops, num_neighbor=2, max_num_vertices=room
    )
    assert (vertices.shape, edges.shape, layers.shape) == ((room + 1,), (room, 5), (room,))
    edges.check_format()
    count = int(vertices[-1].asscalar())
    found = vertices.asnumpy()[:count]
    assert set(start) <= set(found.tolist())
    assert (np.diff(found) > 0).all()
    for row, vertex in enumerate(found):
        stored = edges[row].asnumpy()[0]
        assert (stored > 0).sum() <= 2
        np.testing.assert_array_equal(stored[stored > 0], graph.asnumpy()[vertex][stored > 0])
        assert set(np.flatnonzero(stored)) <= set(found.tolist())
        assert (layers[row].asscalar() == 0) == (vertex in start)
    assert not edges[count:].asnumpy().any()
    assert layers.asnumpy().max() <= hops


def test_a_seed_gives_the_same_sample(graph):
    samples = []
    for _ in range(2):
        mx.random.seed(5)
        samples.append(nd.contrib.dgl_csr_neighbor_uniform_sample(graph, seeds(0), num_args=2, max_num_vertices=5))
    for one, other in zip(*samples, strict=True):
        np.testing.assert_array_equal(one.asnumpy(), other.asnumpy())


def test_weights_choose_among_neighbours(graph):
    weights = nd.array([0.5, 0, 1, 1, 0])
    vertices, edges, chances, layers = nd.contrib.dgl_csr_neighbor_non_uniform_sample(
        graph, weights, seeds(0), num_args=3, num_hops=1, num_neighbor=2, max_num_vertices=4
    )
    assert vertices.asnumpy().tolist() == [0, 2, 3, 0, 3]
    assert edges[0].asnumpy().tolist() == [[0, 0, 2, 3, 0]]
    assert chances.asnumpy().tolist() == [0.5, 1, 1, 0]
    assert layers.asnumpy().tolist() == [0, 1, 1, 0]


def test_several_sets_of_seeds_then_compacted(graph):
    results = nd.contrib.dgl_csr_neighbor_uniform_sample(
        graph, seeds(0), seeds(3), num_args=3, num_hops=1, num_neighbor=2, max_num_vertices=6
    )
    assert [array.stype for array in results] == ["default"] * 2 + ["csr"] * 2 + ["default"] * 2
    sizes = tuple(int(vertices[-1].asscalar()) for vertices in results[:2])
    compact = nd.contrib.dgl_graph_compact(
        results[2], results[3], results[0], results[1], graph_sizes=sizes, return_mapping=True
    )
    for i in range(2):
        new, original, vertices = compact[i], compact[2 + i], results[i].asnumpy()[: sizes[i]]
        new.check_format()
        assert new.shape == (sizes[i], sizes[i])
        assert new.data.asnumpy().tolist() == [0, 1]
        np.testing.assert_array_equal(original.indices.asnumpy(), new.indices.asnumpy())
        picked = graph.asnumpy()[np.ix_(vertices, vertices)]
        np.testing.assert_array_equal(original.asnumpy()[original.asnumpy() > 0], picked[original.asnumpy() > 0])


def test_subgraph(graph):
    new, other, original, _ = nd.contrib.dgl_subgraph(graph, seeds(0, 1, 3), seeds(2, 4), return_mapping=True)
    assert new.asnumpy().tolist() == [[0, 0, 1], [2, 0, 3], [4, 5, 0]]
    assert original.asnumpy().tolist() == [[0, 1, 3], [5, 0, 7], [13, 14, 0]]
    assert new.indptr.asnumpy().tolist() == [0, 2, 4, 6]
    assert other.asnumpy().tolist() == [[0, 0], [1, 0]]
    only = nd.contrib.dgl_subgraph(graph, seeds(0, 1), return_mapping=False)
    assert only.stype == "csr"


def test_adjacency(graph):
    adjacency = nd.contrib.dgl_adjacency(graph)
    assert (adjacency.stype, adjacency.dtype) == ("csr", np.float32)
    np.testing.assert_array_equal(adjacency.asnumpy(), graph.asnumpy() != 0)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda g: nd.contrib.dgl_subgraph(g, seeds(3, 0), return_mapping=True), "sorted, distinct vertices"),
        (lambda g: nd.contrib.dgl_subgraph(g, seeds(7), return_mapping=True), r"\[0, 5\)"),
        (lambda g: nd.contrib.dgl_csr_neighbor_uniform_sample(g, seeds(9), num_args=2), r"\[0, 5\)"),
        (
            lambda g: nd.contrib.dgl_csr_neighbor_uniform_sample(g, seeds(0, 1, 2), num_args=2, max_num_vertices=2),
            "at most max_num_vertices=2 seeds",
        ),
        (
            lambda g: nd.contrib.dgl_csr_neighbor_non_uniform_sample(g, nd.ones((4,)), seeds(0), num_args=3),
            "one weight per vertex",
        ),
        (lambda g: nd.contrib.dgl_csr_neighbor_uniform_sample(g[:3], seeds(0), num_args=2), "a square graph"),
        (
            lambda g: nd.contrib.dgl_graph_compact(g, seeds(0, 1), graph_sizes=(9,), return_mapping=False),
            "graph_sizes up to 5",
        ),
    ],
)
def test_bad_input(graph, call, problem):
    with pytest.raises(mx.MXNetError, match=problem):
        call(graph)
