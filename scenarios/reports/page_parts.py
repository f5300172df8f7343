"""A page as a value: a verdict first, then sections with charts, tables, the ledger, the player."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .animation import AnimationPart
from .chart import Chart, Table
from .ledger_part import LedgerPart


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the page begins with."""

    state: Literal["good", "bad", "unsure"]
    """As expected, not as expected, not to be told."""
    words: str
    """The verdict in a few words."""
    reason: str
    """One sentence more."""


@dataclass(frozen=True, slots=True)
class Absent:
    """What would stand here, and why it does not."""

    what: str
    """What is missing."""
    why: str
    """Why, and what to do."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Charts that differ by the values of some axes: the reader chooses which to see."""

    key: str
    """Names its place in the page."""
    axes: tuple[tuple[str, tuple[str, ...]], ...]
    """Each axis that is chosen by, and its values."""
    charts: tuple[tuple[tuple[str, ...], Chart], ...]
    """A value of each axis, and the chart there."""


Part: TypeAlias = Chart | Table | Absent | Choice | LedgerPart | AnimationPart
"""What a section is made of."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page that a reader can go to."""

    key: str
    """Its address in the page."""
    title: str
    """Its heading."""
    words: str
    """What it is about."""
    parts: tuple[Part, ...]
    """What stands in it."""
    narrow: frozenset[str] = frozenset()
    """Keys of the charts that share a row with another."""


@dataclass(frozen=True, slots=True)
class Page:
    """A report."""

    kicker: str
    """What kind of report this is, above its title."""
    title: str
    """What it is about."""
    description: str
    """What its author says of it."""
    verdict: Verdict
    """What came out."""
    facts: tuple[tuple[str, str], ...]
    """Name and value of what one wants to know first."""
    sections: tuple[Section, ...]
    """The rest, in order."""
    repeat: tuple[tuple[str, str], ...]
    """Name and value of what repeats it: commands, digests, versions."""


def charts_of(page: Page) -> tuple[Chart, ...]:
    """Every chart of a page, in order."""
    found: list[Chart] = []
    for section in page.sections:
        for part in section.parts:
            match part:
                case Choice():
                    found += [chart for _, chart in part.charts]
                case Table() | Absent() | LedgerPart() | AnimationPart():
                    pass
                case _:
                    found.append(part)
    return tuple(found)
