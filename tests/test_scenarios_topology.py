"""The graph of the hospitals and the routes over it, against a search of every path."""

import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.errors import SimulationError
from scenarios.schema import Scenario
from scenarios.simulation.topology import Routes, build, mean_us

ROOT = Path(__file__).parent.parent

CONSTANT = {"distribution": "constant", "value": "10 ms"}


def graph_of(network: dict[str, Any], hospitals: int | list[str], seed: int = 1) -> "nx.Graph[str]":
    given = {"scenario": "x", "hospitals": hospitals, "network": {"latency": CONSTANT} | network}
    scenario = Scenario.model_validate(given)
    return build(scenario.network, scenario.hospitals, seed)


def links(graph: "nx.Graph[str]") -> set[frozenset[str]]:
    return {frozenset(edge) for edge in graph.edges}


def pairs(*edges: str) -> set[frozenset[str]]:
    return {frozenset(edge.split("-")) for edge in edges}


@pytest.mark.parametrize(
    ("shape", "edges"),
    [
        ("complete", pairs("c-a", "c-b", "c-d", "a-b", "a-d", "b-d")),
        ("ring", pairs("c-a", "a-d", "d-b", "b-c")),
        ("star", pairs("c-a", "c-d", "c-b")),
        ("path", pairs("c-a", "a-d", "d-b")),
    ],
)
def test_a_shape_follows_the_order_of_the_hospitals(shape: str, edges: set[frozenset[str]]) -> None:
    assert links(graph_of({"graph": shape}, ["c", "a", "d", "b"])) == edges


@pytest.mark.parametrize("shape", ["complete", "ring", "star", "path"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_small_coalition_is_a_simple_connected_graph(shape: str, count: int) -> None:
    graph = graph_of({"graph": shape}, count)
    assert nx.is_connected(graph)
    assert nx.number_of_selfloops(graph) == 0


def test_nodes_stand_in_the_order_of_their_names() -> None:
    assert list(graph_of({}, ["c", "a", "b"]).nodes) == ["a", "b", "c"]


def test_an_edge_may_have_a_latency_of_its_own() -> None:
    graph = graph_of(
        {"graph": [["a", "b"], ["b", "c", {"distribution": "constant", "value": "3 ms"}]]},
        ["a", "b", "c"],
    )
    assert mean_us(graph.edges["a", "b"]["latency"]) == 10_000
    assert mean_us(graph.edges["c", "b"]["latency"]) == 3_000


@pytest.mark.parametrize(("count", "degree"), [(4, 3), (10, 3), (20, 5), (66, 64), (100, 60)])
def test_a_random_regular_graph_is_regular_and_connected(count: int, degree: int) -> None:
    graph = graph_of({"graph": "random-regular", "degree": degree}, count)
    assert {degree for _, degree in graph.degree} == {degree}
    assert nx.is_connected(graph)


def test_a_random_regular_graph_depends_on_the_seed_alone() -> None:
    network = {"graph": "random-regular", "degree": 3}
    assert links(graph_of(network, 20, 1)) == links(graph_of(network, 20, 1))
    assert links(graph_of(network, 20, 1)) != links(graph_of(network, 20, 2))


def test_a_link_is_a_route_of_one_step() -> None:
    assert Routes(graph_of({}, 4)).between("hospital-1", "hospital-3") == (
        ("hospital-1", "hospital-3"),
    )


def test_nothing_lies_between_a_hospital_and_itself() -> None:
    assert Routes(graph_of({}, 4)).between("hospital-1", "hospital-1") == ()


def test_a_detour_of_less_latency_is_taken() -> None:
    slow = {"distribution": "constant", "value": "30 ms"}
    graph = graph_of({"graph": [["a", "b"], ["b", "c"], ["a", "c", slow]]}, ["a", "b", "c"])
    assert Routes(graph).between("a", "c") == (("a", "b"), ("b", "c"))


def test_of_two_equal_routes_the_names_that_come_first_win() -> None:
    ring = graph_of({"graph": "ring"}, ["b", "c", "a", "d"])
    assert Routes(ring).between("b", "a") == (("b", "c"), ("c", "a"))


def test_an_unknown_hospital_has_no_route() -> None:
    with pytest.raises(SimulationError, match="expected two hospitals, found 'a' and 'z'"):
        Routes(graph_of({}, ["a", "b"])).between("a", "z")


@st.composite
def weighted_graphs(draw: st.DrawFn) -> "nx.Graph[str]":
    """A connected graph of few nodes with few different latencies, so that there are ties."""
    names = [chr(ord("a") + index) for index in range(draw(st.integers(2, 6)))]
    tree = [
        (names[draw(st.integers(0, index))], names[index + 1]) for index in range(len(names) - 1)
    ]
    every = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if (a, b) not in tree]
    chosen = [*tree, *(edge for edge in every if draw(st.booleans()))]
    edges = [
        [*edge, {"distribution": "constant", "value": f"{draw(st.integers(0, 3))} ms"}]
        for edge in draw(st.permutations(chosen))
    ]
    return graph_of({"graph": edges}, names)


def best_path(graph: "nx.Graph[str]", sender: str, receiver: str) -> Sequence[str]:
    """The brute-force twin: every simple path, least latency first, then by its names."""

    def key(path: list[str]) -> tuple[int, list[str]]:
        return sum(mean_us(graph.edges[link]["latency"]) for link in pairwise(path)), path

    return min(nx.all_simple_paths(graph, sender, receiver), key=key)


@given(weighted_graphs())
def test_a_route_is_the_best_of_all_paths(graph: "nx.Graph[str]") -> None:
    routes = Routes(graph)
    for sender in graph:
        for receiver in graph:
            if sender != receiver:
                expected = tuple(pairwise(best_path(graph, sender, receiver)))
                assert routes.between(sender, receiver) == expected


ROUTES_OF_A_RANDOM_GRAPH = """
from scenarios.schema import Scenario
from scenarios.simulation.topology import Routes, build
scenario = Scenario.model_validate(
    {"scenario": "x", "hospitals": 30, "network": {"graph": "random-regular", "degree": 4}}
)
graph = build(scenario.network, scenario.hospitals, 5)
routes = Routes(graph)
print(list(graph.edges), [routes.between(a, b) for a in graph for b in graph])
"""


def test_graph_and_routes_do_not_depend_on_the_hash_seed() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", ROUTES_OF_A_RANDOM_GRAPH],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(outputs) == 1
