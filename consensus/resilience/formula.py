"""Two quorums and the liars between them as a formula in conjunctive normal form.

Nodes are counted by class: for each class the unary numbers p and s say how many nodes convince the
first and the second quorum, d how many of them lie and convince both. Liars need no slice of their
own. A class of n nodes has room for both if p + s - d is at most n.
"""

from dataclasses import dataclass
from itertools import pairwise

from .symmetry import classes_of, prefix
from .trust import Level, Trust, named

Clause = list[int]
"""Literals of which one must hold: a variable, or its negation as a negative number."""

Unary = tuple[int, ...]
"""Variables of a number: variable k (from 1) says that it is at least k."""


def value(number: Unary, model: frozenset[int]) -> int:
    """The number in a model, given by its true variables."""
    return sum(variable in model for variable in number)


class Clauses:
    """A formula that grows."""

    def __init__(self) -> None:
        self.found: list[Clause] = []
        self.count = 0

    def variable(self) -> int:
        """A new variable."""
        self.count += 1
        return self.count

    def unary(self, size: int) -> Unary:
        """A new number from 0 to ``size``."""
        number = tuple(self.variable() for _ in range(size))
        self.found.extend([-more, less] for less, more in pairwise(number))
        return number

    def add(self, *clauses: Clause) -> None:
        """Demand these, too."""
        self.found.extend(clauses)

    def at_least(self, threshold: int, literals: list[int]) -> int:
        """A variable that is true only if so many of the literals are (sequential counter)."""
        if threshold == 1 and len(literals) == 1:
            return literals[0]
        wanted = self.variable()
        if threshold == len(literals):
            self.found.extend([-wanted, each] for each in literals)
        elif threshold == 1:
            self.found.append([-wanted, *literals])
        else:
            self._count_down(wanted, threshold, literals)
        return wanted

    def _count_down(self, wanted: int, threshold: int, literals: list[int]) -> None:
        """If ``wanted``, then of the first i literals enough hold; for i from all of them down."""
        row = {threshold: wanted}
        for place in range(len(literals) - 1, -1, -1):
            literal = literals[place]
            below: dict[int, int] = {}
            for count, here in row.items():
                without = self._cell(below, count, place)
                self.found.append([-here, literal, *without])
                if count > 1:
                    self.found.append([-here, *without, *self._cell(below, count - 1, place)])
            row = below

    def _cell(self, row: dict[int, int], count: int, place: int) -> list[int]:
        """The variable for ``count`` of the first ``place`` literals, or none: that cannot be."""
        if count > place:
            return []
        if count not in row:
            row[count] = self.variable()
        return [row[count]]

    def at_most(self, literals: list[int], count_max: int) -> list[int]:
        """Variables of which number k is true if more than k literals are, k up to a limit."""
        row: list[int] = []
        for literal in literals:
            above = [self.variable() for _ in range(min(len(row) + 1, count_max + 1))]
            for place, here in enumerate(above):
                if place < len(row):
                    self.found.append([-row[place], here])
                if place == 0:
                    self.found.append([-literal, here])
                elif place - 1 < len(row):
                    self.found.append([-literal, -row[place - 1], here])
            row = above
        return row


@dataclass(frozen=True, slots=True)
class Split:
    """The formula for two quorums, and the numbers in it."""

    clauses: Clauses
    """The formula."""
    parts: tuple[int, ...]
    """The classes; of one that nobody names, two nodes are enough."""
    sides: tuple[tuple[Unary, ...], tuple[Unary, ...]]
    """For each quorum and class, how many nodes convince it."""
    liars: tuple[Unary, ...]
    """For each class, how many nodes lie; of a class that nobody names, none."""


def split_formula(trust: Trust, *, lies: bool) -> Split:
    """Two disjoint quorums among the members, none of whom lies unless ``lies``."""
    everybody = 0
    for level, _ in trust.demands:
        everybody |= named(level)
    parts = tuple(
        part if part & everybody else prefix(part, min(2, part.bit_count()))
        for part in classes_of(trust)
    )
    clauses = Clauses()
    sides = tuple(tuple(clauses.unary(part.bit_count()) for part in parts) for _ in range(2))
    liars = tuple(
        clauses.unary(part.bit_count() if lies and part & everybody else 0) for part in parts
    )
    first, second = sides
    for one, other, both in zip(first, second, liars, strict=True):
        _room(clauses, one, other, both)
    _first_is_greater(clauses, first, second)
    for side in (first, second):
        _quorum(clauses, trust, parts, side, liars)
    return Split(clauses, parts, (first, second), liars)


def _room(clauses: Clauses, one: Unary, other: Unary, both: Unary) -> None:
    size = len(one)
    for place, liar in enumerate(both):
        clauses.add([-liar, one[place]], [-liar, other[place]])
    for mine in range(1, size + 1):
        for yours in range(size - mine + 1, size + 1):
            overlap = mine + yours - size
            lie = [both[overlap - 1]] if both else []
            clauses.add([-one[mine - 1], -other[yours - 1], *lie])


def _first_is_greater(
    clauses: Clauses, first: tuple[Unary, ...], second: tuple[Unary, ...]
) -> None:
    """The first quorum is the one with more of the first class in which they differ.

    Which is called the first makes no difference; to choose halves the search, often more.
    """
    equal: list[int] = []  # the negated variable of "equal so far"; none of them at the start
    for one, other in zip(first, second, strict=True):
        clauses.add(*([*equal, -yours, mine] for mine, yours in zip(one, other, strict=True)))
        greater = [clauses.variable() for _ in one]
        for more, mine, yours in zip(greater, one, other, strict=True):
            clauses.add([-more, mine], [-more, -yours])
        still = clauses.variable()
        clauses.add([*equal, still, *greater])
        equal = [-still]


def _quorum(
    clauses: Clauses,
    trust: Trust,
    parts: tuple[int, ...],
    side: tuple[Unary, ...],
    liars: tuple[Unary, ...],
) -> None:
    """Somebody is in the quorum, and whoever is in it has a slice there."""
    known: dict[Level, list[int]] = {}
    somebody: Clause = []
    for part, convinced, lying in zip(parts, side, liars, strict=True):
        slices = next(
            (
                _level(clauses, level, parts, side, known)
                for level, owners in trust.demands
                if owners & part
            ),
            None,
        )
        for place, variable in enumerate(convinced):
            lie = [lying[place]] if lying else []
            if slices is None:
                clauses.add([-variable, *lie])
                continue
            clauses.add(*([-variable, *lie, each] for each in slices))
            member = clauses.variable()
            clauses.add([-member, variable], *([-member, -each] for each in lie))
            somebody.append(member)
    clauses.add(somebody)


def _level(
    clauses: Clauses,
    level: Level,
    parts: tuple[int, ...],
    side: tuple[Unary, ...],
    known: dict[Level, list[int]],
) -> list[int]:
    """What must hold if a level is satisfied; nothing for one that always is."""
    if level not in known:
        entries = [
            variable
            for layer in level.layers
            for part, convinced in zip(parts, side, strict=True)
            if part & layer
            for variable in convinced
        ]
        inner = (_level(clauses, each, parts, side, known) for each in level.inner)
        entries.extend(variable for each in inner for variable in each)
        always = level.threshold <= 0
        known[level] = [] if always else [clauses.at_least(level.threshold, entries)]
    return known[level]
