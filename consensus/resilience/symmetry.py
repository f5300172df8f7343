"""Which nodes are interchangeable, and families of sets up to that exchange.

Two nodes are interchangeable only if every quorum set names them alike *and* their own quorum sets
are the same; the second half is easily forgotten, and then sets are reported that are none. Within
such a class only the number of nodes taken matters. A search therefore takes the first k nodes of a
class, and the result stands for every choice of k: an orbit, counted without being listed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations
from math import comb, prod

from crypto.identity import NodeId

from .errors import UndecidedError
from .trust import ALWAYS, Fbas, Level, Trust, bits, level_of


@dataclass(frozen=True, slots=True)
class Choice:
    """Any ``count`` of these nodes."""

    count: int
    """How many."""
    nodes: tuple[NodeId, ...]
    """Out of whom."""


@dataclass(frozen=True, slots=True)
class Orbit:
    """Sets that differ only by exchanging interchangeable nodes."""

    choices: tuple[Choice, ...]
    """What each of the sets takes of each class."""

    @property
    def size(self) -> int:
        """Nodes in each of the sets."""
        return sum(choice.count for choice in self.choices)

    @property
    def count(self) -> int:
        """How many sets there are."""
        return prod(comb(len(choice.nodes), choice.count) for choice in self.choices)

    def __iter__(self) -> Iterator[frozenset[NodeId]]:
        return map(frozenset, _chosen(self.choices))


def _chosen(choices: tuple[Choice, ...]) -> Iterator[tuple[NodeId, ...]]:
    """Every way to choose, one after another; ``product`` would make them all first."""
    if not choices:
        yield ()
        return
    for first in combinations(choices[0].nodes, choices[0].count):
        for rest in _chosen(choices[1:]):
            yield first + rest


@dataclass(frozen=True)
class Family:
    """Sets of nodes, in orbits; iterating over it lists them one by one."""

    orbits: tuple[Orbit, ...]
    """The sets; no set is in two orbits."""
    complete: bool = True
    """False when the deadline came first: there may be more."""

    @cached_property
    def count(self) -> int:
        """How many sets there are."""
        return sum(orbit.count for orbit in self.orbits)

    @property
    def size_min(self) -> int | None:
        """Nodes in the smallest set; None where there is no set."""
        return min((orbit.size for orbit in self.orbits), default=None)

    @property
    def size_max(self) -> int | None:
        """Nodes in the largest set; None where there is no set."""
        return max((orbit.size for orbit in self.orbits), default=None)

    @property
    def size_mean(self) -> Fraction | None:
        """Mean number of nodes in a set; None where there is no set."""
        total = sum(orbit.count * orbit.size for orbit in self.orbits)
        return Fraction(total, self.count) if self.orbits else None

    @property
    def nodes(self) -> frozenset[NodeId]:
        """Everybody who is in one of the sets."""
        return frozenset(
            node for orbit in self.orbits for choice in orbit.choices for node in choice.nodes
        )

    def __iter__(self) -> Iterator[frozenset[NodeId]]:
        for orbit in self.orbits:
            yield from orbit


def classes_of(trust: Trust) -> tuple[int, ...]:
    """The members divided into classes of interchangeable nodes."""
    parts = [trust.members] if trust.members else []
    for level, owners in trust.demands:
        parts = _refined(parts, owners)
        parts = _refined_by(level, parts)
    return tuple(sorted(parts, key=lambda part: part & -part))


def _refined_by(level: Level, parts: list[int]) -> list[int]:
    for layer in level.layers:
        parts = _refined(parts, layer)
    for each in level.inner:
        parts = _refined_by(each, parts)
    return parts


def _refined(parts: list[int], mask: int) -> list[int]:
    halves = (half for part in parts for half in (part & mask, part & ~mask))
    return [half for half in halves if half]


def prefix(part: int, count: int) -> int:
    """The first ``count`` nodes of a class."""
    mask = 0
    for _ in range(count):
        low = part & -part
        mask |= low
        part ^= low
    return mask


def orbit_of(fbas: Fbas, classes: tuple[int, ...], mask: int) -> Orbit:
    """The orbit of a set."""
    return Orbit(
        tuple(
            Choice(count, tuple(fbas.nodes[place] for place in bits(part)))
            for part in classes
            if (count := (part & mask).bit_count())
        )
    )


def collected(fbas: Fbas, classes: tuple[int, ...], masks: Iterator[int]) -> Family:
    """The family of sets that a search finds, smallest first; not complete if its time was up."""
    found: list[int] = []
    complete = True
    try:
        found.extend(masks)
    except UndecidedError:
        complete = False
    ordered = sorted(found, key=lambda mask: (mask.bit_count(), tuple(bits(mask))))
    return Family(tuple(orbit_of(fbas, classes, mask) for mask in ordered), complete)


def useful_counts(trust: Trust, part: int) -> tuple[int, ...]:
    """How many nodes of a class a minimal quorum can have.

    A class that is alone wherever it is named is only ever compared with thresholds: one node more
    than a threshold, or between two of them, changes nothing. Elsewhere every number may matter.
    """
    thresholds = thresholds_of(trust, part)
    size = part.bit_count()
    if thresholds is None:
        return tuple(range(size + 1))
    # One node that needs nobody is a quorum of its own, whoever names it.
    alone = {1} if level_of(trust, part & -part) == ALWAYS else set()
    return tuple(sorted({0} | alone | {t for t in thresholds if t <= size}))


def thresholds_of(trust: Trust, part: int) -> frozenset[int] | None:
    """The thresholds of the levels that name only this class; None where it stands with others."""
    found: set[int] = set()
    stack = [level for level, _ in trust.demands]
    while stack:
        level = stack.pop()
        stack.extend(level.inner)
        if level.layers and level.layers[0] & part:
            if len(level.layers) > 1 or level.inner or level.layers[0] != part:
                return None
            found.add(level.threshold)
    return frozenset(found)
