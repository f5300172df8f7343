"""Graphs and measured delays from files: GraphML, GML, and text with a delay in each line.

Every fault is one sentence with the file, the line or the link, what was expected and found. What
stands in a file and has no meaning here, such as the colours of a drawing, is passed over.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from crypto.identity import NodeId

from . import units
from .errors import ScenarioError, shown
from .schema_network import (
    DELAYS_MAX,
    DELAYS_SUFFIXES,
    EDGES_MAX,
    GRAPH_SUFFIXES,
    Constant,
    Edge,
    Empirical,
    Latency,
    LinkSection,
    Lognormal,
    NetworkSection,
)
from .schema_relations import Path as YamlPath
from .schema_relations_network import breaks_in_edges

if TYPE_CHECKING:
    import networkx as nx

GRAPH_SIZE_MAX: Final = 64 * 2**20
"""The largest graph, in bytes."""

DELAYS_SIZE_MAX: Final = 16 * 2**20
"""The largest file of delays, in bytes."""

_ATTRIBUTES: Final = ("latency", "jitter", "loss", "bandwidth")
"""What is read of an edge."""

_NUMBER_MAX: Final = 40
"""The most characters in a number."""

_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)


def read_delays(path: Path) -> tuple[int, ...]:
    """Read measured delays, in microseconds: a duration in each line, a bare number in ms.

    Empty lines and what follows ``#`` are passed over, and so is the heading of a CSV file.

    Raises:
        ScenarioError: The file cannot be read, or a line is no delay.
    """
    found: list[int] = []
    heading_may_come = path.suffix == ".csv"
    for number, line in enumerate(_read(path, DELAYS_SIZE_MAX).splitlines(), start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        heading = heading_may_come and text[0].isalpha()
        heading_may_come = False
        if heading:
            continue
        try:
            found.append(_milliseconds(text))
        except ScenarioError as error:
            raise ScenarioError(f"{path}:{number}: {error}") from None
    if not 1 <= len(found) <= DELAYS_MAX:
        raise ScenarioError(f"{path}: expected 1 to {DELAYS_MAX} delays, found {len(found)}")
    return tuple(found)


def read_graph(path: Path, hospitals: Sequence[str]) -> tuple[Edge, ...]:
    """Read the links of the hospitals from a GraphML or GML file.

    A node is a hospital by its attribute ``name``, or else by its id (GraphML) or label (GML). An
    edge may have a ``latency`` (a number of ms, or text such as ``50 ms``), a ``jitter`` (its
    standard deviation, which makes it lognormal), a ``loss`` and a ``bandwidth``.

    Raises:
        ScenarioError: The file is no such graph.
    """
    graph = _parse(path)
    if graph.is_directed() or graph.is_multigraph():
        kind = "a directed one" if graph.is_directed() else "two edges that join the same nodes"
        raise ScenarioError(f"{path}: expected an undirected simple graph, found {kind}")
    if graph.number_of_edges() > EDGES_MAX:
        raise ScenarioError(f"{path}: expected at most {EDGES_MAX} edges, found more")
    names = _names(graph, path, hospitals)
    edges = []
    for *ends, attributes in graph.edges(data=True):
        first, second = sorted(names[end] for end in ends)
        link = _link(attributes, f"{path}: {first} - {second}")
        edges.append(Edge(NodeId(first), NodeId(second), link))
    for _, sentence in breaks_in_edges(edges, hospitals):
        raise ScenarioError(f"{path}: {sentence}")
    return tuple(sorted(edges, key=lambda edge: (edge.first, edge.second)))


def check_files(network: NetworkSection, hospitals: Sequence[str]) -> tuple[YamlPath, str] | None:
    """Read every file that a network names.

    Returns:
        The YAML path by which the first faulty one is named, and what is wrong with it, or None.
    """
    graph = network.graph
    here: YamlPath = ("network", "graph")
    try:
        if isinstance(graph, str) and graph.endswith(GRAPH_SUFFIXES):
            read_graph(Path(graph), hospitals)
        for path, latency in latencies_in(network):
            here = path
            if isinstance(latency, Empirical) and latency.file is not None:
                read_delays(Path(latency.file))
    except ScenarioError as error:
        return here, str(error)
    return None


def latencies_in(network: NetworkSection) -> list[tuple[YamlPath, Latency]]:
    """Return every latency of a network section with its YAML path."""
    found: list[tuple[YamlPath, Latency]] = [(("network", "latency"), network.latency)]
    if network.before_gst is not None and network.before_gst.latency is not None:
        found.append((("network", "before_gst", "latency"), network.before_gst.latency))
    if not isinstance(network.graph, str):
        for index, edge in enumerate(network.graph):
            latency = edge.link.latency
            if latency is not None:
                own = ("latency",) if isinstance(edge.own, LinkSection) else ()
                found.append((("network", "graph", index, 2, *own), latency))
    return found


def _read(path: Path, size_max: int) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(size_max + 1)
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > size_max:
        raise ScenarioError(f"{path}: expected at most {size_max} bytes, found more")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ScenarioError(f"{path}: expected UTF-8 text, found other bytes") from None


def _parse(path: Path) -> "nx.Graph[Any]":
    import networkx as nx  # heavy; most scenarios name no file

    text = _read(path, GRAPH_SIZE_MAX)
    try:
        if path.suffix == ".gml":
            parsed: nx.Graph[Any] = nx.parse_gml(text, label=None)  # type: ignore[call-overload]  # stub
        else:
            parsed = nx.parse_graphml(text)
    except Exception as error:  # networkx raises whatever its parsers raise
        said = shown((str(error) or type(error).__name__).splitlines()[0])
        raise ScenarioError(f"{path}: not {path.suffix[1:].upper()}: {said}") from None
    return parsed


def _names(graph: "nx.Graph[Any]", path: Path, hospitals: Sequence[str]) -> dict[Any, str]:
    """Return the hospital of each node; each hospital is one node."""
    names: dict[Any, str] = {}
    for node, attributes in graph.nodes(data=True):
        names[node] = str(attributes.get("name", attributes.get("label", node)))
    for node, name in names.items():
        if name not in hospitals:
            near = get_close_matches(name, hospitals, n=1)
            advice = f"; did you mean '{near[0]}'?" if near else ""
            raise ScenarioError(
                f"{path}: node '{shown(str(node))}': unknown hospital '{shown(name)}'{advice}"
            )
    ordered = sorted(names.values())
    for first, second in pairwise(ordered):
        if first == second:
            raise ScenarioError(f"{path}: '{first}' is the name of two nodes")
    for hospital in hospitals:
        if hospital not in ordered:
            raise ScenarioError(f"{path}: expected a node for each hospital, none is '{hospital}'")
    return names


def _link(attributes: Mapping[str, Any], place: str) -> LinkSection:
    """Read what an edge has of its own."""
    for key in attributes:
        near = get_close_matches(str(key).lower(), _ATTRIBUTES, n=1, cutoff=0.8)
        if near and key not in _ATTRIBUTES:
            raise ScenarioError(f"{place}: {shown(key)}: unknown key; did you mean '{near[0]}'?")
    key = ""
    try:
        mean = jitter = loss = bandwidth = None
        if (key := "latency") in attributes:
            mean = _milliseconds(attributes[key])
        if (key := "jitter") in attributes:
            jitter = _milliseconds(attributes[key])
        if (key := "loss") in attributes:
            loss = units.parse_fraction(_plain(attributes[key]))
        if (key := "bandwidth") in attributes:
            bandwidth = _bandwidth(attributes[key])
    except ScenarioError as error:
        raise ScenarioError(f"{place}: {key}: {error}") from None
    if jitter is not None and not mean:
        raise ScenarioError(f"{place}: jitter: belongs to a latency above zero")
    return LinkSection.model_construct(
        latency=_latency(mean, jitter), loss_ppm=loss, bandwidth_bits_per_s=bandwidth
    )


def _latency(mean_us: int | None, jitter_us: int | None) -> Latency | None:
    if mean_us is None:
        return None
    if not jitter_us:
        return Constant.model_construct(distribution="constant", value_us=mean_us)
    return Lognormal.model_construct(
        distribution="lognormal", mean_us=mean_us, deviation_us=jitter_us
    )


def _plain(value: object) -> str | float:
    """Return a fraction as the units module reads it; text without a unit is a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ScenarioError(f"expected a fraction, found {shown(str(value))}")
    if isinstance(value, str) and _NUMBER.fullmatch(value) and len(value) <= _NUMBER_MAX:
        return float(value)
    return value


def _bandwidth(value: object) -> int:
    found = units.parse_bandwidth(str(value))
    if found == 0:
        raise ScenarioError("expected more than zero")
    return found


def _milliseconds(value: object) -> int:
    """Return a delay in microseconds, a bare number of milliseconds rounded to the nearest."""
    if isinstance(value, str):
        text = value.strip()
        if not (_NUMBER.fullmatch(text) and len(text) <= _NUMBER_MAX):
            return units.parse_duration(text)
        value = float(text)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ScenarioError(f"expected a delay such as '50 ms', found {shown(str(value))}")
    if not (isfinite(value) and 0 <= value * 1000 <= units.DURATION_MAX_US):
        raise ScenarioError(f"expected a delay in milliseconds, found {value}")
    return round(value * 1000)


FILE_SUFFIXES: Final[Mapping[YamlPath, tuple[str, ...]]] = {
    ("network", "graph"): GRAPH_SUFFIXES,
    ("network", "graph", "*", 2, "file"): DELAYS_SUFFIXES,
    ("network", "graph", "*", 2, "latency", "file"): DELAYS_SUFFIXES,
    ("network", "latency", "file"): DELAYS_SUFFIXES,
    ("network", "before_gst", "latency", "file"): DELAYS_SUFFIXES,
}
"""The fields of a network that may be the path of a file, each with how such a path ends; ``*`` is
any entry of a list."""
