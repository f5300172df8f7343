"""A trust graph as an interactive picture in one HTML file; the only module that imports plotly.

The core stands on the inner ring, who else can agree on the next, the rest outside; neighbours on a
ring belong to one organisation. A line goes from a node to everybody its quorum set names. The file
holds all it needs and loads nothing from anywhere.
"""

from collections.abc import Iterator
from html import escape
from math import cos, pi, sin
from pathlib import Path
from typing import Final, Protocol

from consensus.quorum import nodes_of
from crypto.identity import NodeId

from .errors import TrustError
from .graph import ORGANISATION, Member
from .report import Report

LINES_MAX: Final = 20_000
"""The most lines in a picture; with more, a browser stands still, and outer ones are left out."""

_KINDS: Final = (
    ("can split the rest by lying", "#d62728"),
    ("can halt the rest by failing", "#ff7f0e"),
    ("in the core", "#1f77b4"),
    ("in some quorum", "#7f7f7f"),
    ("in no quorum", "#c7c7c7"),
)
"""What a node is drawn as: the first that holds."""


class _Figure(Protocol):
    """What is used of a figure of plotly, which ships no types."""

    def to_html(self, *, include_plotlyjs: bool, full_html: bool) -> str: ...


def write_picture(report: Report, path: Path) -> None:
    """Draw a report.

    Raises:
        OSError: When the file cannot be written.
        TrustError: When plotly is not installed.
    """
    text = _figure(report).to_html(include_plotlyjs=True, full_html=True)
    path.write_text(text, "utf-8")


def _figure(report: Report) -> _Figure:
    try:
        from plotly import graph_objects  # loaded only where it is needed
    except ImportError:
        raise TrustError(
            "the picture needs plotly, which is not installed; pip install 'tclearn[reports]'"
        ) from None
    places = dict(_places(report))
    lines_x, lines_y = _lines(report, places)
    figure = graph_objects.Figure()
    figure.add_scatter(
        x=lines_x,
        y=lines_y,
        mode="lines",
        line={"width": 0.4, "color": "rgba(90, 90, 90, 0.35)"},
        hoverinfo="skip",
        name="trusts",
    )
    names = report.graph.names()
    members = {each.node: each for each in report.graph.members}
    kinds = {node: _kind(report, node) for node in places}
    for number, (words, colour) in enumerate(_KINDS):
        nodes = [node for node, kind in kinds.items() if kind == number]
        figure.add_scatter(
            x=[places[node][0] for node in nodes],
            y=[places[node][1] for node in nodes],
            mode="markers+text" if number < 3 else "markers",
            marker={"size": 12 if number < 3 else 7, "color": colour},
            text=[escape(names[node]) for node in nodes],
            textposition="top center",
            hovertext=[_hover(members[node], names[node]) for node in nodes],
            hoverinfo="text",
            name=words,
        )
    hidden = {"visible": False}
    figure.update_layout(
        title=escape(f"Whom the nodes of {report.graph.source} trust"),
        template="plotly_white",
        xaxis=hidden,
        yaxis={**hidden, "scaleanchor": "x"},
    )
    drawn: _Figure = figure
    return drawn


def _kind(report: Report, node: NodeId) -> int:
    sets = (
        report.splitting.members or frozenset(),
        report.blocking.members or frozenset(),
        report.core,
        report.satisfiable,
    )
    return next((number for number, nodes in enumerate(sets) if node in nodes), len(sets))


def _places(report: Report) -> Iterator[tuple[NodeId, tuple[float, float]]]:
    """Three rings; on each, organisation after organisation."""
    rings: list[list[Member]] = [[], [], []]
    for each in report.graph.members:
        ring = 0 if each.node in report.core else 1 if each.node in report.satisfiable else 2
        rings[ring].append(each)
    for radius, ring_members in zip((1.0, 1.8, 2.4), rings, strict=True):
        ring_members.sort(key=lambda each: (each.attributes.get(ORGANISATION, ""), each.name))
        for number, each in enumerate(ring_members):
            angle = 2 * pi * number / len(ring_members)
            yield each.node, (radius * cos(angle), radius * sin(angle))


def _lines(
    report: Report, places: dict[NodeId, tuple[float, float]]
) -> tuple[list[float | None], list[float | None]]:
    """All lines as one, with gaps; those from the core come first."""
    across: list[float | None] = []
    up: list[float | None] = []
    ordered = sorted(report.graph.members, key=lambda each: each.node not in report.core)
    for each in ordered:
        quorum_set = report.graph.quorum_sets[each.node]
        for other in dict.fromkeys(nodes_of(quorum_set)) if quorum_set else ():
            if other in places and other != each.node and len(across) < 3 * LINES_MAX:
                across += [places[each.node][0], places[other][0], None]
                up += [places[each.node][1], places[other][1], None]
    return across, up


def _hover(member: Member, name: str) -> str:
    shown = [name, str(member.node)] if name != member.node else [name]
    shown += [
        f"{key}: {member.attributes[key]}"
        for key in (ORGANISATION, "country", "isp")
        if key in member.attributes
    ]
    return "<br>".join(map(escape, shown))
