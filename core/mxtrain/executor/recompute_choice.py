"""Which values to compute again in backward: as attributes ask, all cheap ones, or what a memory budget needs.

Following arXiv:1604.06174, a graph is cut into segments; values that cross a cut are kept, those inside a segment are
computed again when backward comes to it. Where to cut is found by dynamic programming, how finely by trial.
"""

import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from mxtrain.byte_sizes import parse_bytes
from mxtrain.executor.memory import Key, Spec, key_of
from mxtrain.symbol.graph import Node

# as a rule their time exceeds by far that of reading and writing their arrays
HEAVY = frozenset(
    (
        "Convolution",
        "Deconvolution",
        "FullyConnected",
        "RNN",
        "dot",
        "batch_dot",
        "Correlation",
        "_contrib_DeformableConvolution",
        "_contrib_ModulatedDeformableConvolution",
        "_linalg_gemm",
        "_linalg_gemm2",
        "_npi_matmul",
        "_npi_tensordot",
    )
)
ELEMENT_COST = 200.0  # multiplications in the time in which an element is read and written
NUM_SEGMENTS = (2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64)
SHARES = (0.25, 0.5, 0.75, 1.0)  # of the graph, from its beginning, whose values live longest

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Policy:
    """What the environment asks for. cheap: compute all cheap values again. budget: bytes, None without a limit."""

    cheap: bool = False
    budget: int | None = None

    @classmethod
    def from_environment(cls) -> "Policy":
        """MXNET_BACKWARD_DO_MIRROR=1, and MXTRAIN_MEMORY_BUDGET in bytes (or as 512M, 2G)."""
        cheap = os.environ.get("MXNET_BACKWARD_DO_MIRROR", "0").lower() in ("1", "true")
        text = os.environ.get("MXTRAIN_MEMORY_BUDGET", "")
        return cls(cheap, parse_bytes(text) if text else None)


@dataclass
class Graph:
    """What choosing needs to know of a graph.

    forward: its nodes, variables excluded. specs: of every value. allowed: ids of the nodes that may be computed again.
    read: keys of the values of forward that backward reads. bytes_with: memory of the executor, in bytes, when the
    nodes with these ids are computed again.
    """

    forward: Sequence[Node]
    specs: Mapping[Key, Spec]
    allowed: Set[int]
    read: Set[Key]
    bytes_with: Callable[[Set[int]], int]


def is_asked_for(forward: Iterable[Node], policy: Policy) -> bool:
    """Whether anything asks for values to be computed again."""
    return policy.cheap or policy.budget is not None or any(_asks_for(node, "force_mirroring") for node in forward)


def choose(graph: Graph, policy: Policy) -> set[int]:
    """The ids of the nodes to compute again. Warns where a budget is below what can be reached."""
    forced = {id(node) for node in graph.forward if _asks_for(node, "force_mirroring") and id(node) in graph.allowed}
    if policy.cheap:
        forced |= {id(node) for node in cheap_nodes(graph.forward) if id(node) in graph.allowed}
    if policy.budget is None:
        return forced
    return _cheapest_within(graph, policy.budget, forced)


def smallest(graph: Graph) -> set[int]:
    """The ids of the nodes to compute again for the least memory."""
    return min(plans(graph), key=lambda plan: (graph.bytes_with(plan), cost_of(graph, plan)))


def _cheapest_within(graph: Graph, budget: int, forced: set[int]) -> set[int]:
    """The plan of the least work whose memory fits."""
    candidates = [forced, *(plan | forced for plan in plans(graph))]
    candidates.sort(key=lambda plan: cost_of(graph, plan))
    sizes = []
    for plan in candidates:
        sizes.append(graph.bytes_with(plan))
        if sizes[-1] <= budget:
            return plan
    least = min(range(len(sizes)), key=sizes.__getitem__)
    _log.warning(
        "Expected: a memory budget of at least %d bytes, the least that this graph can be trained in. Received: %d "
        "bytes. It takes %d bytes.",
        sizes[least],
        budget,
        sizes[least],
    )
    return candidates[least]


def plans(graph: Graph) -> Iterator[set[int]]:
    """Sets of nodes worth trying: cheap values, and whole segments; in the first part of the graph or all of it."""
    full = [{id(node) for node in cheap_nodes(graph.forward)}]
    cuts = _Cuts(graph)
    seen = []
    for count in NUM_SEGMENTS:
        segments = cuts.best(cuts.total / count)
        if segments not in seen:
            seen.append(segments)
            full.append(cuts.inside(segments))
    for plan in full:
        for share in SHARES:
            first = graph.forward[: math.ceil(share * len(graph.forward))]
            chosen = {id(node) for node in first if id(node) in plan and id(node) in graph.allowed}
            if chosen:
                yield chosen


def cheap_nodes(forward: Iterable[Node]) -> list[Node]:
    """The nodes whose work is small next to their memory, as MXNet's mirroring takes them."""
    return [node for node in forward if node.op is not None and node.op.name not in HEAVY and not _is_kept(node)]


def cost_of(graph: Graph, plan: Set[int]) -> float:
    """About how many multiplications it takes to compute the nodes of a plan again."""
    return sum(_cost(node, graph.specs) for node in graph.forward if id(node) in plan)


def _cost(node: Node, specs: Mapping[Key, Spec]) -> float:
    if node.op is None or node.op.view:
        return 0.0
    elements = sum(math.prod(specs[id(node), i].shape) for i in range(node.num_outputs))
    if node.op.name not in HEAVY or len(node.inputs) < 2:
        return ELEMENT_COST * elements
    weight = specs[key_of(node.inputs[1])].shape
    return (ELEMENT_COST + math.prod(weight[1:])) * elements


def _asks_for(node: Node, attribute: str) -> bool:
    return (node.attribute(attribute) or "").lower() in ("1", "true")


def _is_kept(node: Node) -> bool:
    """Whether attributes ask to keep the node's values: a stage begins after it, or mirroring is switched off."""
    return _asks_for(node, "mirror_stage") or (node.attribute("force_mirroring") or "").lower() in ("0", "false")


class _Cuts:
    """The places where a graph can be cut, and what a cut costs.

    A cut at i lies after forward[i]. Where nodes carry `mirror_stage`, only after these.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        count = len(graph.forward)
        position = {id(node): i for i, node in enumerate(graph.forward)}
        self._last_use = [-1] * count
        for i, node in enumerate(graph.forward):
            for entry in node.inputs:
                if id(entry.node) in position:
                    self._last_use[position[id(entry.node)]] = i
        self._sizes = [self._read_bytes(node) for node in graph.forward]
        self._crossing = self._crossing_bytes()
        stages = [i for i, node in enumerate(graph.forward) if _asks_for(node, "mirror_stage")]
        self._places = stages or list(range(count - 1))

    @property
    def total(self) -> int:
        """Bytes of forward's values that backward reads."""
        return sum(self._sizes)

    def _read_bytes(self, node: Node) -> int:
        keys = [(id(node), i) for i in range(node.num_outputs)]
        return sum(self._graph.specs[key].nbytes for key in keys if key in self._graph.read)

    def _crossing_bytes(self) -> list[int]:
        """Per place, the bytes of values made before and used after it."""
        change = [0] * (len(self._sizes) + 1)
        for i, node in enumerate(self._graph.forward):
            if self._last_use[i] > i:
                size = self._graph.specs[id(node), 0].nbytes
                change[i] += size
                change[self._last_use[i]] -= size
        crossing, alive = [], 0
        for step in change[:-1]:
            alive += step
            crossing.append(alive)
        return crossing

    def best(self, limit: float) -> list[int]:
        """The cuts of the least crossing bytes with at most `limit` bytes in a segment (more where none is smaller)."""
        before = [0]
        for size in self._sizes:
            before.append(before[-1] + size)
        places = [-1, *self._places, len(self._sizes) - 1]
        cost, previous, start = [0.0], [0], 0
        for j in range(1, len(places)):
            while start < j - 1 and before[places[j] + 1] - before[places[start] + 1] > limit:
                start += 1
            chosen = min(range(start, j), key=cost.__getitem__)
            cost.append(cost[chosen] + (self._crossing[places[j]] if j < len(places) - 1 else 0))
            previous.append(chosen)
        cuts, j = [], previous[-1]
        while j > 0:
            cuts.append(places[j])
            j = previous[j]
        return cuts[::-1]

    def inside(self, cuts: Sequence[int]) -> set[int]:
        """ids of the nodes before the last cut whose values cross no cut."""
        if not cuts:
            return set()
        chosen, following = set(), iter(cuts)
        cut = next(following)
        for i, node in enumerate(self._graph.forward[: cuts[-1] + 1]):
            if i > cut:
                cut = next(following)
            if self._last_use[i] <= cut and not _is_kept(node):
                chosen.add(id(node))
        return chosen
