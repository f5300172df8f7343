"""Graphs and delays from files, and the regions of the world."""

import re
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.errors import ScenarioError
from scenarios.network_files import read_delays, read_graph
from scenarios.region_presets import PRESETS, region_preset, regions_of
from scenarios.schema import Scenario
from scenarios.schema_network import Constant, Lognormal
from scenarios.simulation.delays import Sample, draw, mean_us, sampled
from scenarios.simulation.streams import stream
from scenarios.simulation.topology import Routes, build
from scenarios.source import load, parse, resolved_yaml, scenario_digest

HOSPITALS = ("ghent", "leuven", "liege")


# Graphs


def links() -> "nx.Graph[Any]":
    graph: nx.Graph[Any] = nx.Graph()
    graph.add_edge("ghent", "leuven", latency=12.5, loss=0.01, colour="red")
    graph.add_edge("leuven", "liege", latency="50 ms", jitter=5.0, bandwidth="20 Mbit/s")
    return graph


def written(graph: "nx.Graph[Any]", path: Path) -> Path:
    write = nx.write_gml if path.suffix == ".gml" else nx.write_graphml
    write(graph, str(path))
    return path


@pytest.mark.parametrize("name", ["links.graphml", "links.gml"])
def test_the_links_of_a_file_have_what_stands_there(name: str, tmp_path: Path) -> None:
    # GraphML has one type for each attribute, and networkx writes the numbers as text then.
    first, second = read_graph(written(links(), tmp_path / name), HOSPITALS)
    assert (first.first, first.second) == ("ghent", "leuven")
    assert isinstance(first.link.latency, Constant)
    assert first.link.latency.value_us == 12_500
    assert (first.link.loss_ppm, first.link.bandwidth_bits_per_s) == (10_000, None)
    assert isinstance(second.link.latency, Lognormal)
    assert (second.link.latency.mean_us, second.link.latency.deviation_us) == (50_000, 5_000)
    assert (second.link.loss_ppm, second.link.bandwidth_bits_per_s) == (None, 20_000_000)


@pytest.mark.parametrize("suffix", [".graphml", ".gml"])
def test_a_node_may_have_the_name_of_its_hospital_as_an_attribute(
    suffix: str, tmp_path: Path
) -> None:
    graph: nx.Graph[Any] = nx.Graph()
    graph.add_nodes_from((number, {"name": name}) for number, name in enumerate(HOSPITALS))
    graph.add_edges_from([(0, 1), (1, 2)])
    edges = read_graph(written(graph, tmp_path / f"links{suffix}"), HOSPITALS)
    assert [(edge.first, edge.second) for edge in edges] == [
        ("ghent", "leuven"),
        ("leuven", "liege"),
    ]
    assert edges[0].link.latency is None


def edge(**attributes: Any) -> "nx.Graph[Any]":
    graph: nx.Graph[Any] = nx.path_graph(HOSPITALS)
    graph.edges["ghent", "leuven"].update(attributes)
    return graph


FAULTY: list[tuple["nx.Graph[Any]", str]] = [
    (
        nx.DiGraph([("ghent", "leuven")]),
        "expected an undirected simple graph, found a directed one",
    ),
    (
        nx.MultiGraph([("ghent", "leuven"), ("ghent", "leuven")]),
        "expected an undirected simple graph, found two edges that join the same nodes",
    ),
    (
        nx.path_graph(["ghent", "leuven", "lieg"]),
        "node 'lieg': unknown hospital 'lieg'; did you mean 'liege'?",
    ),
    (nx.path_graph(HOSPITALS[:2]), "expected a node for each hospital, none is 'liege'"),
    (
        nx.Graph([("ghent", "leuven"), ("liege", "liege"), ("ghent", "liege")]),
        "links 'liege' with itself; remove it",
    ),
    (edge(latency=-1.0), "ghent - leuven: latency: expected a delay in milliseconds, found -1.0"),
    (
        edge(latency="50 msec"),
        ("ghent - leuven: latency: expected a unit of duration, found 'msec'; did you mean 'ms'?"),
    ),
    (edge(jitter=3.0), "ghent - leuven: jitter: belongs to a latency above zero"),
    (
        edge(loss=2.0),
        ("ghent - leuven: loss: expected a fraction from 0 to 1, such as 0.05 or 5 %, found 2.0"),
    ),
    (
        edge(bandwidth=20.0),
        (
            "ghent - leuven: bandwidth: expected a bandwidth with a unit, found 20.0; "
            "add one of bit/s, kbit/s, Mbit/s, Gbit/s"
        ),
    ),
    (edge(bandwidth="0 bit/s"), "ghent - leuven: bandwidth: expected more than zero"),
    (edge(Latency=3.0), "ghent - leuven: Latency: unknown key; did you mean 'latency'?"),
]


@pytest.mark.parametrize(("graph", "message"), FAULTY, ids=[message for _, message in FAULTY])
def test_a_faulty_graph_is_one_sentence_with_its_file(
    graph: "nx.Graph[Any]", message: str, tmp_path: Path
) -> None:
    path = written(graph, tmp_path / "links.graphml")
    with pytest.raises(ScenarioError) as caught:
        read_graph(path, HOSPITALS)
    assert str(caught.value) == f"{path}: {message}"


def test_hospitals_that_no_edge_reaches_are_refused(tmp_path: Path) -> None:
    graph = nx.path_graph(HOSPITALS[:2])
    graph.add_node("liege")
    path = written(graph, tmp_path / "links.graphml")
    with pytest.raises(ScenarioError, match="no edges lead from 'ghent' to 'liege'; add one"):
        read_graph(path, HOSPITALS)


def test_two_nodes_of_one_name_are_refused(tmp_path: Path) -> None:
    graph: nx.Graph[Any] = nx.Graph()
    graph.add_nodes_from(enumerate({"name": name} for name in (*HOSPITALS, "ghent")))
    path = written(graph, tmp_path / "links.graphml")
    with pytest.raises(ScenarioError, match="'ghent' is the name of two nodes"):
        read_graph(path, HOSPITALS)


@pytest.mark.parametrize("name", ["links.graphml", "links.gml"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"<graphml>", b"graph [ node [ id", b"<a/>"])
def test_what_is_no_graph_is_one_sentence(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ScenarioError) as caught:
        read_graph(path, HOSPITALS)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@given(content=st.text(max_size=200))
def test_any_text_is_a_graph_or_refused(
    content: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for suffix in (".gml", ".graphml"):
        path = tmp_path_factory.getbasetemp() / f"any{suffix}"
        path.write_text(content, "utf-8")
        with pytest.raises(ScenarioError):
            read_graph(path, HOSPITALS)


def test_a_graph_file_becomes_the_graph_of_the_network(tmp_path: Path) -> None:
    written(links(), tmp_path / "links.graphml")
    text = (
        "scenario: x\nhospitals: [ghent, leuven, liege]\nnetwork: {graph: links.graphml, loss: 2 %}"
    )
    scenario = parse(text, "x.yaml", tmp_path)
    graph = build(scenario.network, scenario.hospitals, 1)
    assert graph.edges["ghent", "leuven"]["loss_ppm"] == 10_000
    assert graph.edges["leuven", "liege"]["loss_ppm"] == 20_000
    assert graph.edges["leuven", "liege"]["bandwidth_bits_per_s"] == 20_000_000
    assert Routes(graph).between("ghent", "liege") == (("ghent", "leuven"), ("leuven", "liege"))
    assert parse(resolved_yaml(scenario), "again.yaml") == scenario


def test_a_faulty_graph_file_is_named_with_the_line_of_the_scenario(tmp_path: Path) -> None:
    path = written(edge(loss=2.0), tmp_path / "links.graphml")
    text = "scenario: x\nhospitals: [ghent, leuven, liege]\nnetwork:\n  graph: links.graphml\n"
    with pytest.raises(ScenarioError) as caught:
        parse(text, "x.yaml", tmp_path)
    assert str(caught.value).startswith(f"x.yaml:4: network.graph: {path}: ghent - leuven: loss: ")


def test_the_files_of_a_network_count_by_their_bytes(tmp_path: Path) -> None:
    def digest_of(name: str, latency: float) -> bytes:
        written(edge(latency=latency), tmp_path / name)
        hospitals = "hospitals: [ghent, leuven, liege]"
        text = f"scenario: x\n{hospitals}\nnetwork: {{graph: {name}}}\n"
        return scenario_digest(parse(text, "x.yaml", tmp_path))

    assert digest_of("one.graphml", 1.0) == digest_of("two.graphml", 1.0)
    assert digest_of("one.graphml", 1.0) != digest_of("two.graphml", 2.0)


# Delays


def test_measured_delays_are_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "ping.txt"
    path.write_text("# ping, ms\n12.5\n\n 3 ms  # with a unit\n0.0004\n1e2\n", "utf-8")
    assert read_delays(path) == (12_500, 3_000, 0, 100_000)


def test_a_csv_file_may_have_a_heading(tmp_path: Path) -> None:
    path = tmp_path / "ping.csv"
    path.write_text("\nrtt_ms\n12.5\n", "utf-8")
    assert read_delays(path) == (12_500,)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "", ": expected 1 to 100000 delays, found 0"),
        ("a.txt", "rtt\n1\n", ":1: expected a duration such as '50 ms', found 'rtt'"),
        ("a.csv", "1\nrtt\n", ":2: expected a duration such as '50 ms', found 'rtt'"),
        ("a.csv", "1,2\n", ":1: expected a duration such as '50 ms', found '1,2'"),
        ("a.csv", "1\n-2\n", ":2: expected a duration such as '50 ms', found '-2'"),
        ("a.csv", "1e30\n", ":1: expected a delay in milliseconds, found 1e+30"),
    ],
)
def test_a_line_that_is_no_delay_is_named(
    name: str, content: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    with pytest.raises(ScenarioError) as caught:
        read_delays(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}{message}"


def empirical(**settings: Any) -> Any:
    latency = {"distribution": "empirical"} | settings
    return Scenario.model_validate({"scenario": "x", "network": {"latency": latency}}).network


def test_an_empirical_delay_is_one_of_those_that_were_measured() -> None:
    latency = empirical(delays=["1 ms", "1 ms", "9 ms", "80 ms"]).latency
    delays = draw(latency, stream(3, "test"), 40_000)
    values, counts = np.unique(delays, return_counts=True)
    assert values.tolist() == [1_000, 9_000, 80_000]
    assert np.abs(counts / 40_000 - [0.5, 0.25, 0.25]).max() < 0.02
    assert mean_us(latency) == 22_750


def test_delays_are_read_relative_to_the_scenario_wherever_they_stand(tmp_path: Path) -> None:
    here = tmp_path / "folder"
    here.mkdir()
    (here / "ping.txt").write_text("4\n6\n", "utf-8")
    own = "{distribution: empirical, file: ping.txt}"
    path = here / "mine.yaml"
    path.write_text(
        f"""
scenario: x
hospitals: [a, b, c]
network:
  graph: [[a, b, {own}], [b, c, {{latency: {own}}}]]
  latency: {own}
  gst: 1 s
  before_gst: {{latency: {own}}}
""",
        "utf-8",
    )
    scenario = load(path)
    assert resolved_yaml(scenario).count(f"file: {here / 'ping.txt'}") == 4
    for _, _, data in build(scenario.network, scenario.hospitals, 1).edges(data=True):
        assert isinstance(data["latency"], Sample)
        assert data["latency"].mean_us == 5_000
    before = scenario_digest(scenario)
    (here / "ping.txt").write_text("4\n7\n", "utf-8")
    assert scenario_digest(scenario) != before
    (here / "ping.txt").write_text("four\n", "utf-8")
    with pytest.raises(ScenarioError, match=r"mine.yaml:6: network.latency: .*ping.txt:1: "):
        load(path)
    (here / "ping.txt").unlink()
    with pytest.raises(
        ScenarioError, match=r"mine.yaml:5: network.graph.0.2.file: expected a file"
    ):
        load(path)


def test_a_latency_that_is_not_empirical_is_left_as_it_is() -> None:
    latency = empirical(delays=["1 ms"]).model_copy(update={"loss_ppm": 0}).latency
    assert isinstance(sampled(latency), Sample)
    plain = Scenario.model_validate({"scenario": "x"}).network.latency
    assert sampled(plain) is plain


# Regions


def world(count: int = 15, **settings: Any) -> Scenario:
    regions = {"preset": "world"} | settings
    network = {"regions": regions}
    return Scenario.model_validate({"scenario": "x", "hospitals": count, "network": network})


@pytest.mark.parametrize("name", sorted(path.stem for path in PRESETS.glob("*.yaml")))
def test_the_delays_of_a_preset_are_complete_and_symmetric(name: str) -> None:
    preset = region_preset(name)
    assert len(preset.regions) == len(set(preset.regions)) >= 10
    assert len(preset.one_way_us) == len(preset.regions) ** 2
    for (first, second), delay_us in preset.one_way_us.items():
        assert preset.one_way_us[second, first] == delay_us
        assert (delay_us == 500) == (first == second)
        assert delay_us <= 200_000


def test_a_delay_is_half_the_published_round_trip() -> None:
    assert region_preset("world").one_way_us["tokyo", "frankfurt"] == 108_500
    assert region_preset("europe").one_way_us["frankfurt", "amsterdam"] == 4_000


def test_hospitals_stand_in_region_after_region_unless_they_are_placed() -> None:
    preset = region_preset("world")
    hospitals = [str(number) for number in range(14)]
    places = regions_of(preset, {"1": "tokyo"}, hospitals)
    assert places["0"] == places["12"] == "virginia"
    assert places["1"] == "tokyo"
    assert places["2"] == "toronto"
    assert places["13"] == "california"


def test_links_between_regions_have_their_delay_and_jitter() -> None:
    scenario = world(places={"hospital-1": "tokyo", "hospital-2": "frankfurt"}, jitter="20 %")
    graph = build(scenario.network, scenario.hospitals, 1)
    latency = graph.edges["hospital-1", "hospital-2"]["latency"]
    assert isinstance(latency, Lognormal)
    assert (latency.mean_us, latency.deviation_us) == (108_500, 21_700)


def test_without_jitter_the_delays_between_regions_are_constant() -> None:
    graph = build(world(jitter="0 %").network, world().hospitals, 1)
    assert isinstance(graph.edges["hospital-1", "hospital-2"]["latency"], Constant)


def test_in_a_complete_graph_no_hospital_carries_the_messages_of_others() -> None:
    """The delays of the world break the triangle inequality, and still there is no detour."""
    scenario = world(12)
    graph = build(scenario.network, scenario.hospitals, 1)
    routes = Routes(graph)
    assert all(routes.between(a, b) == ((a, b),) for a in graph for b in graph if a != b)
    graph.graph["direct"] = False
    routes = Routes(graph)
    assert any(len(routes.between(a, b)) > 1 for a in graph for b in graph if a != b)


def test_a_network_with_regions_can_be_the_key_of_a_dict() -> None:
    first, second = world(places={"hospital-1": "tokyo"}), world(places={"hospital-1": "tokyo"})
    assert first.network is not second.network
    assert {first.network: "kept"}[second.network] == "kept"
    assert world().network not in {first.network: "kept"}


def test_the_network_of_the_documentation_is_accepted() -> None:
    page = (Path(__file__).parent.parent / "docs" / "scenarios.md").read_text("utf-8")
    (example,) = re.findall(r"^~~~yaml\n(.*?)^~~~$", page, re.MULTILINE | re.DOTALL)
    network = parse(f"scenario: x\n{example}", "page").network
    assert network.gst_us == 10_000_000
    assert network.regions is not None
    for name in ("europe", "world"):
        assert f"`{name}`: {', '.join(region_preset(name).regions)}" in page


def test_an_edge_with_a_latency_of_its_own_does_not_ask_the_regions() -> None:
    own = {"distribution": "constant", "value": "1 ms"}
    network = {"graph": [["a", "b", own], ["b", "c"]], "regions": {"preset": "europe"}}
    scenario = Scenario.model_validate(
        {"scenario": "x", "hospitals": ["a", "b", "c"]} | {"network": network}
    )
    graph = build(scenario.network, scenario.hospitals, 1)
    assert mean_us(graph.edges["a", "b"]["latency"]) == 1_000
    assert mean_us(graph.edges["b", "c"]["latency"]) == 14_000
