"""The graph of the hospitals and the routes of messages over it.

A message takes the path of least mean latency; of two such paths, the one whose names come first.
In the graph ``complete`` it takes the link, also where delays between regions break the triangle
inequality: hospitals do not carry each other's messages. Hospitals that are linked and no detour
can beat the link need no search, so a complete graph of a thousand hospitals costs nothing.

Source: E. W. Dijkstra, A note on two problems in connexion with graphs, 1959.
"""

from collections.abc import Callable, Sequence
from functools import cache
from heapq import heappop, heappush
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias

import networkx as nx

from ..errors import SimulationError
from ..network_files import read_graph
from ..region_presets import region_preset, regions_of
from ..schema_network import (
    GRAPH_SUFFIXES,
    Constant,
    Edge,
    Lognormal,
    NetworkSection,
    RegionsSection,
)
from ..units import PPM
from .delays import LinkLatency, mean_us, sampled
from .streams import stream_seed

__all__ = ["Link", "Route", "Routes", "build", "mean_us"]

Link: TypeAlias = tuple[str, str]
"""One step of a route, in the direction of the message."""

Route: TypeAlias = tuple[Link, ...]
"""The links from a sender to a receiver; empty from a hospital to itself."""

_ATTEMPTS_MAX: Final = 1000
"""The most random regular graphs that are drawn until one is connected."""


def build(network: NetworkSection, hospitals: Sequence[str], seed: int) -> "nx.Graph[str]":
    """Return the graph: nodes in the order of their names, each edge with what it does.

    An edge has a ``latency`` (``LinkLatency``), a ``loss_ppm``, and ``bandwidth_bits_per_s`` or
    None. The graph has ``direct``: whether no message takes a detour.

    Raises:
        SimulationError: No connected random regular graph was found.
        ScenarioError: A file that the network names cannot be read.
    """
    graph: nx.Graph[str] = nx.Graph(direct=network.graph == "complete")
    graph.add_nodes_from(sorted(hospitals))
    latency_of = _latencies(network, hospitals)
    common = {
        "loss_ppm": network.loss_ppm,
        "bandwidth_bits_per_s": network.bandwidth_bits_per_s,
    }
    edges = _edges(network, hospitals)
    if edges is None:
        for first, second in _links(network, hospitals, seed):
            graph.add_edge(first, second, latency=latency_of(first, second), **common)
        return graph
    for edge in edges:
        own = edge.link
        latency = own.latency
        named: dict[str, Any] = {
            "latency": latency_of(edge.first, edge.second) if latency is None else sampled(latency),
            "loss_ppm": own.loss_ppm,
            "bandwidth_bits_per_s": own.bandwidth_bits_per_s,
        }
        graph.add_edge(edge.first, edge.second, **common)
        graph.edges[edge.first, edge.second].update(
            {key: value for key, value in named.items() if value is not None}
        )
    return graph


def _edges(network: NetworkSection, hospitals: Sequence[str]) -> Sequence[Edge] | None:
    """Return the listed edges, or those of a file, or None for a named graph."""
    if not isinstance(network.graph, str):
        return network.graph
    if network.graph.endswith(GRAPH_SUFFIXES):
        return read_graph(Path(network.graph), hospitals)
    return None


def _latencies(
    network: NetworkSection, hospitals: Sequence[str]
) -> Callable[[str, str], LinkLatency]:
    """Return the latency of a link that has none of its own."""
    if network.regions is None:
        latency = sampled(network.latency)
        return lambda _first, _second: latency
    section = network.regions
    places = regions_of(region_preset(section.preset), section.places, hospitals)
    between = cache(lambda first, second: _between_regions(section, first, second))
    return lambda first, second: between(places[first], places[second])


def _between_regions(section: RegionsSection, first: str, second: str) -> LinkLatency:
    mean = region_preset(section.preset).one_way_us[first, second]
    deviation = mean * section.jitter_ppm // PPM
    if not deviation:
        return Constant.model_construct(distribution="constant", value_us=mean)
    return Lognormal.model_construct(distribution="lognormal", mean_us=mean, deviation_us=deviation)


def _links(network: NetworkSection, hospitals: Sequence[str], seed: int) -> list[Link]:
    """Return the links of a named graph; ring, star and path follow the order of the hospitals."""
    first, last = hospitals[0], hospitals[-1]
    path = list(pairwise(hospitals))
    match network.graph:
        case "complete":
            return [(a, b) for i, a in enumerate(hospitals) for b in hospitals[i + 1 :]]
        case "ring":
            return [*path, (last, first)] if len(hospitals) > 2 else path
        case "star":
            return [(first, other) for other in hospitals[1:]]
        case "path":
            return path
        case _:
            return _random_regular(network.degree or 0, hospitals, seed)


def _random_regular(degree: int, hospitals: Sequence[str], seed: int) -> list[Link]:
    # The drawing gets slow where most links exist; what is left out is as random and drawn fast.
    count = len(hospitals)
    dense = 2 * degree >= count
    for attempt in range(_ATTEMPTS_MAX):
        drawn: nx.Graph[int] = nx.random_regular_graph(
            count - 1 - degree if dense else degree,
            count,
            seed=stream_seed(seed, "topology", attempt),
        )
        graph = nx.complement(drawn) if dense else drawn
        if nx.is_connected(graph):
            return [(hospitals[a], hospitals[b]) for a, b in sorted(map(sorted, graph.edges))]
    raise SimulationError(
        f"expected a connected graph of degree {degree} over {count} hospitals, "
        f"found none in {_ATTEMPTS_MAX} draws"
    )


class Routes:
    """The routes over a graph, searched once for each sender that needs a detour."""

    def __init__(self, graph: "nx.Graph[str]") -> None:
        self._costs = {
            node: {other: mean_us(edge["latency"]) for other, edge in sorted(edges.items())}
            for node, edges in graph.adjacency()
        }
        self._least = min((min(c.values(), default=0) for c in self._costs.values()), default=0)
        self._direct = bool(graph.graph.get("direct"))
        self._paths: dict[str, dict[str, tuple[str, ...]]] = {}

    def between(self, sender: str, receiver: str) -> Route:
        """Return the links from one hospital to another.

        Raises:
            SimulationError: One is not in the graph, or no path leads there.
        """
        if sender not in self._costs or receiver not in self._costs:
            raise SimulationError(f"expected two hospitals, found '{sender}' and '{receiver}'")
        if sender == receiver:
            return ()
        # A detour has two links or more, so it cannot beat a link that is cheaper than two.
        if self._direct or self._costs[sender].get(receiver, 2 * self._least) < 2 * self._least:
            return ((sender, receiver),)
        if sender not in self._paths:
            self._paths[sender] = _paths_from(sender, self._costs)
        path = self._paths[sender].get(receiver)
        if path is None:
            raise SimulationError(f"expected a path from '{sender}' to '{receiver}', found none")
        return tuple(pairwise(path))


def _paths_from(sender: str, costs: dict[str, dict[str, int]]) -> dict[str, tuple[str, ...]]:
    """Return the best path to every node: least cost, then least in the order of its names."""
    best: dict[str, tuple[int, tuple[str, ...]]] = {sender: (0, (sender,))}
    queue = [best[sender]]
    while queue:
        cost, path = found = heappop(queue)
        node = path[-1]
        if found != best[node]:
            continue  # a better path to this node came later
        for other, step in costs[node].items():
            candidate = (cost + step, (*path, other))
            if other not in best or candidate < best[other]:
                best[other] = candidate
                heappush(queue, candidate)
    return {node: path for node, (_, path) in best.items()}
