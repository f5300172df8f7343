"""The trust graph of a run: who waits for whom, who lied, who was convicted or left out."""

from collections.abc import Mapping
from math import cos, pi, sin
from typing import Any, Final

from consensus.quorum import QuorumSet, nodes_of
from crypto.identity import NodeId

from ..adversaries import lying_hospitals, stopping_hospitals
from ..quorum_sets import declared_quorum_sets
from ..schema import Scenario
from ..schema_faults import Crash, Poison
from .chart import Cell, Graph, Point, Symbol, Table
from .ledger_part import LedgerPart, excluded
from .palette import Role

FORCES_MAX: Final = 150
"""The most nodes that are laid out by whom they trust; more stand on a circle."""
EDGES_MAX: Final = 12_000
"""The most lines of the drawing."""

_KINDS: Final[Mapping[str, tuple[str, Role, Symbol]]] = {
    "convicted": ("convicted by evidence", "rejected", "cross"),
    "quarantined": ("quarantined", "undecided", "square"),
    "lies": ("lies", "rejected", "diamond"),
    "poisons": ("poisons its updates", "local", "diamond"),
    "stops": ("stops or crashes", "neutral", "square"),
    "honest": ("follows the protocol", "global", "circle"),
}
"""What a hospital is drawn as: the first that holds."""


def trust_chart(
    scenario: Scenario,
    expanded: Scenario,
    ledger: LedgerPart | None,
    summary: Mapping[str, Any],
) -> Graph:
    """Draw whom the hospitals of a scenario trust.

    Args:
        scenario: As it was written.
        expanded: The same with every split carried out.
        ledger: Who was convicted and quarantined; None where nothing can be read.
        summary: What the run says of itself: who was accused.
    """
    hospitals = scenario.hospitals
    quorum_sets = declared_quorum_sets(scenario.protocol, hospitals)
    convicted, quarantined = ({}, {}) if ledger is None else excluded(ledger)
    accused = summary.get("accused")
    accused = accused if isinstance(accused, dict) else {}
    crashed = {fault.hospital for fault in expanded.faults if isinstance(fault, Crash)}
    sets = {
        "convicted": convicted.keys(),
        "quarantined": quarantined.keys(),
        "lies": lying_hospitals(expanded.faults),
        "poisons": {fault.hospital for fault in expanded.faults if isinstance(fault, Poison)},
        "stops": stopping_hospitals(expanded.faults) | crashed,
    }
    number = {hospital: index for index, hospital in enumerate(hospitals)}
    edges = tuple(
        (number[hospital], number[other])
        for hospital in hospitals
        for other in dict.fromkeys(nodes_of(quorum_sets[hospital]))
        if other != hospital and other in number
    )[:EDGES_MAX]
    places = _places(hospitals, edges, _groups(hospitals, quorum_sets))
    points = []
    for hospital, (x, y) in zip(hospitals, places, strict=True):
        kind = next((name for name, nodes in sets.items() if hospital in nodes), "honest")
        words, role, symbol = _KINDS[kind]
        notes = [f"trusts {_words(quorum_sets[hospital])}"]
        notes += [f"{_KINDS[name][0]}" for name, nodes in sets.items() if hospital in nodes]
        notes += [f"convicted: {convicted[hospital]}"] if hospital in convicted else []
        notes += [f"quarantined: {quarantined[hospital]}"] if hospital in quarantined else []
        if hospital in accused:
            notes.append(f"caught {accused[hospital]} times with contradicting signatures")
        points.append(Point(hospital, x, y, words, role, symbol, "\n".join(notes)))
    return Graph(
        "trust",
        "Trust graph",
        f"A line joins a hospital with those its quorum set names. {_rule(scenario)} "
        "What a hospital did is what the scenario says; what became of it, what the ledger says.",
        tuple(points),
        edges,
    )


def _rule(scenario: Scenario) -> str:
    protocol = scenario.protocol
    if protocol.authority is not None:
        return f"Everybody trusts {protocol.authority} alone."
    match protocol.rule:
        case "majority":
            return "Everybody trusts more than half of all."
        case "two-thirds":
            return "Everybody trusts more than two thirds of all."
        case "quorum-sets":
            return "Quorum sets are declared one by one."


def _words(quorum_set: QuorumSet) -> str:
    entries = [*quorum_set.validators, *(f"({_words(each)})" for each in quorum_set.inner_sets)]
    shown = ", ".join(entries[:8]) + (f" and {len(entries) - 8} more" if len(entries) > 8 else "")
    return f"{quorum_set.threshold} of {len(entries)}: {shown}"


def quorum_set_table(scenario: Scenario) -> Table:
    """Which hospitals trust whom, one row for each quorum set."""
    owners: dict[str, list[str]] = {}
    quorum_sets = declared_quorum_sets(scenario.protocol, scenario.hospitals)
    for hospital in scenario.hospitals:
        owners.setdefault(_words(quorum_sets[hospital]), []).append(hospital)
    everybody = len(owners) == 1 and len(scenario.hospitals) > 1
    rows = tuple(
        (Cell("everybody" if everybody else ", ".join(names)), Cell(words))
        for words, names in owners.items()
    )
    return Table("quorum-sets", "Quorum sets", "", ("who", "waits for"), rows)


def _groups(
    hospitals: tuple[NodeId, ...], quorum_sets: Mapping[NodeId, QuorumSet]
) -> list[list[int]]:
    """Who stands together: the inner sets of all quorum sets; the hospitals of none by themselves.

    Empty where nobody's quorum set has inner sets, or they overlap.
    """
    number = {hospital: index for index, hospital in enumerate(hospitals)}
    found = dict.fromkeys(
        tuple(sorted(number[node] for node in nodes_of(inner) if node in number))
        for quorum_set in quorum_sets.values()
        for inner in quorum_set.inner_sets
    )
    members = [index for group in found for index in group]
    if not found or len(members) != len(set(members)):
        return []
    return [*map(list, found), *([index] for index in number.values() if index not in members)]


def _places(
    hospitals: tuple[NodeId, ...], edges: tuple[tuple[int, int], ...], groups: list[list[int]]
) -> list[tuple[float, float]]:
    """On a circle, group beside group; where there are none, by whom they trust if that differs."""
    count = len(hospitals)
    if groups:
        return _grouped(groups, count)
    circle = [(sin(2 * pi * index / count), cos(2 * pi * index / count)) for index in range(count)]
    alike = len(edges) in (count * (count - 1), count - 1)  # all trust all, or one
    if alike or not 3 <= count <= FORCES_MAX:
        return circle
    import networkx as nx

    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(edges)
    start = dict(enumerate(circle))
    found = nx.spring_layout(graph, pos=start, seed=0, iterations=200, k=2.2 / count**0.5)
    return [(float(found[index][0]), float(found[index][1])) for index in range(count)]


def _grouped(groups: list[list[int]], count: int) -> list[tuple[float, float]]:
    """A small circle for each group, on a large one."""
    places = [(0.0, 0.0)] * count
    small = min(0.34, 1.2 * pi / (2 * len(groups)))
    for at, group in enumerate(groups):
        turn = 2 * pi * at / len(groups)
        radius = small if len(group) > 1 else 0.0
        for index, node in enumerate(group):
            angle = turn + 2 * pi * index / len(group)
            x = sin(turn) + radius * sin(angle)
            places[node] = (x, cos(turn) + radius * cos(angle))
    return places
