"""Charts as values: what a figure shows, and nothing of how it is drawn.

`plotly_page` draws them in a page, `figures` for a paper. Colours are roles (`palette`), so that
one chart can be drawn on light, dark and paper alike. Texts are plain: whoever draws escapes them.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from .palette import Role

Place: TypeAlias = float | int | str
"""Where something stands on an axis: a number, or the name of a category."""
BARS_MAX: Final = 16
"""A line of more points has its intervals as a band; of fewer, as a bar at each point."""
Look: TypeAlias = Literal["line", "points", "line+points", "steps", "theory"]
"""How a line is drawn; ``theory`` is dashed, and never a measurement."""
Symbol: TypeAlias = Literal["circle", "cross", "diamond", "square"]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a figure."""

    title: str
    """What it measures, with its unit."""
    low: float | None = None
    """Where it begins; as the values ask for if None."""
    high: float | None = None
    """Where it ends; as the values ask for if None."""
    percent: bool = False
    """Whether its numbers are shares of one, to be shown in percent."""
    whole: bool = False
    """Whether its numbers are counts, with nothing between them."""
    categories: bool = False
    """Whether its places are names, or numbers to be taken as names."""


@dataclass(frozen=True, slots=True)
class Line:
    """Places and values that belong together."""

    name: str
    """What the legend calls it; it has no place there if this is empty."""
    x: tuple[Place, ...]
    """Where."""
    y: tuple[float | None, ...]
    """How much; None is a gap."""
    role: Role
    """Its colour."""
    look: Look = "line+points"
    """How it is drawn."""
    symbol: Symbol = "circle"
    """What its points are."""
    low: tuple[float | None, ...] = ()
    """Lower ends of the intervals, one for each place; empty where there are none."""
    high: tuple[float | None, ...] = ()
    """Upper ends of the intervals."""
    notes: tuple[str, ...] = ()
    """What else there is to say of each point; empty where nothing is."""
    size: float = 1.0
    """How large its points are; larger ones show behind others at the same place."""


@dataclass(frozen=True, slots=True)
class LineChart:
    """Lines and points over two axes."""

    key: str
    """Names its file and its place in the page; stable."""
    title: str
    """What it shows, in a few words."""
    about: str
    """What it shows and how to read it, in a sentence or two."""
    x: Axis
    """The horizontal axis."""
    y: Axis
    """The vertical axis."""
    lines: tuple[Line, ...]
    """What is drawn."""


@dataclass(frozen=True, slots=True)
class Bars:
    """One bar for each category."""

    name: str
    """What the legend calls them."""
    values: tuple[float | None, ...]
    """Their lengths, in the order of the categories."""
    role: Role
    """Their colour."""
    notes: tuple[str, ...] = ()
    """What else there is to say of each; empty where nothing is."""


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars over categories."""

    key: str
    """Names its file and its place in the page; stable."""
    title: str
    """What it shows, in a few words."""
    about: str
    """What it shows and how to read it."""
    x: Axis
    """The axis of the categories."""
    y: Axis
    """The axis of the lengths."""
    categories: tuple[Place, ...]
    """What the bars stand for."""
    bars: tuple[Bars, ...]
    """What is drawn, each with one bar for each category."""
    stacked: bool = False
    """Whether bars of one category stand on each other."""
    lying: bool = False
    """Whether bars go to the right; for categories with long names."""


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A table of numbers as colours."""

    key: str
    """Names its file and its place in the page; stable."""
    title: str
    """What it shows, in a few words."""
    about: str
    """What it shows and how to read it."""
    x: Axis
    """The axis of the columns."""
    y: Axis
    """The axis of the rows, the first one on top."""
    columns: tuple[str, ...]
    """Names of the columns."""
    rows: tuple[str, ...]
    """Names of the rows."""
    values: tuple[tuple[float | None, ...], ...]
    """By row and column; None is a gap."""
    unit: Axis
    """What the colour measures."""
    marks: tuple[tuple[str, ...], ...] = ()
    """What is written on each cell; empty where nothing is."""
    notes: tuple[tuple[str, ...], ...] = ()
    """What else there is to say of each cell; empty where nothing is."""


@dataclass(frozen=True, slots=True)
class Outline:
    """One closed line of a radar."""

    name: str
    """What the legend calls it."""
    values: tuple[float | None, ...]
    """0 to 1, one for each spoke; None where nothing can be said."""
    role: Role
    """Its colour."""
    notes: tuple[str, ...] = ()
    """What else there is to say of each spoke; empty where nothing is."""


@dataclass(frozen=True, slots=True)
class Radar:
    """Several measures of one thing at once, each a share of the best there can be."""

    key: str
    """Names its file and its place in the page; stable."""
    title: str
    """What it shows, in a few words."""
    about: str
    """What it shows and how to read it."""
    spokes: tuple[str, ...]
    """What is measured."""
    outlines: tuple[Outline, ...]
    """What is drawn."""


@dataclass(frozen=True, slots=True)
class Point:
    """A node of a graph."""

    name: str
    """What it is called."""
    x: float
    """Where, from the left; of any scale."""
    y: float
    """Where, from below."""
    kind: str
    """What the legend says that it is; nodes of one kind look alike."""
    role: Role
    """Its colour."""
    symbol: Symbol
    """What it is drawn as."""
    note: str = ""
    """What else there is to say of it."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes, and who points to whom."""

    key: str
    """Names its file and its place in the page; stable."""
    title: str
    """What it shows, in a few words."""
    about: str
    """What it shows and how to read it."""
    points: tuple[Point, ...]
    """The nodes."""
    edges: tuple[tuple[int, int], ...]
    """From which node to which, by their numbers."""


Chart: TypeAlias = LineChart | BarChart | HeatMap | Radar | Graph
"""What can be drawn."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table."""

    text: str
    """What it says."""
    role: Role | None = None
    """Its colour; that of all text if None."""
    number: bool = False
    """Whether it stands to the right, as numbers do."""
    code: bool = False
    """Whether it is a digest or a command."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text."""

    key: str
    """Names its place in the page; stable."""
    title: str
    """What it shows, in a few words."""
    about: str
    """What else there is to say."""
    columns: tuple[str, ...]
    """Heads of the columns."""
    rows: tuple[tuple[Cell, ...], ...]
    """One cell for each column."""
    filtered: bool = False
    """Whether the page offers a field to filter its rows by."""
