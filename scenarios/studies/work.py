"""What is to be done of a study, piece by piece: batches of cells, probes of thresholds.

Pure: it hands out batches and takes their results, and knows no process, file or clock. What it
concludes depends on results in the order of replicas, never on the order in which they come.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from .plan import Cell, Family
from .schema import Replications
from .statistics import Decision, Probe, next_probe
from .stopping import Rule, decision, hits_in, rule_of


@dataclass(frozen=True, slots=True)
class Batch:
    """Some replicas of a cell, to be computed at once."""

    number: int
    """Its place in the cell, from 0."""
    first: int
    """The first replica."""
    count: int
    """How many there are."""


class Job:
    """One cell: batches that are computed, and whether they are enough."""

    def __init__(self, cell: Cell, rule: Rule, size: int) -> None:
        """Begin with nothing.

        Args:
            cell: The cell.
            rule: When it has enough replicas.
            size: Replicas of a batch.
        """
        self.cell = cell
        """The cell."""
        self.rule = rule
        """When it has enough replicas."""
        self.hits = 0
        """In how many replicas, of those looked at, the measure is what is counted."""
        self.count = 0
        """How many were looked at."""
        self.done = False
        """Whether they are enough."""
        self._size = size
        self._given = 0
        self._looked = 0
        self._results: dict[int, tuple[bytes, ...]] = {}

    def take(self, *, ahead: bool) -> Batch | None:
        """Hand out the next batch.

        Args:
            ahead: Whether one may be handed out that is perhaps not needed.
        """
        while True:
            batch = self._batch(self._given)
            if self.done or batch is None:
                return None
            if batch.number not in self._results:
                break
            self._given += 1  # it was kept from an earlier run
        sure = batch.number == self._looked or batch.first < self.rule.least
        if not (sure or ahead):
            return None
        self._given += 1
        return batch

    def give(self, number: int, lines: tuple[bytes, ...]) -> None:
        """Take the result of a batch; look at all whose predecessors are there."""
        self._results[number] = lines
        while not self.done and self._looked in self._results:
            rows = [json.loads(line) for line in self._results[self._looked]]
            self._looked += 1
            self.count += len(rows)
            self.hits += hits_in(rows, self.cell.question)
            self.done = self.rule.enough(self.hits, self.count)

    def recover(self, kept: Mapping[int, bytes]) -> int:
        """Take whole batches from what is kept of an earlier run; how many replicas they have."""
        number = found = 0
        while (batch := self._batch(number)) is not None:
            lines = [kept.get(index) for index in range(batch.first, batch.first + batch.count)]
            if all(lines):
                self.give(number, tuple(line for line in lines if line is not None))
                found += batch.count
            number += 1
        return found

    def lines(self) -> tuple[bytes, ...]:
        """The replicas that were looked at, in order; later ones do not count."""
        return tuple(line for number in range(self._looked) for line in self._results[number])

    def _batch(self, number: int) -> Batch | None:
        first = number * self._size
        count = min(self._size, self.rule.most - first)
        return Batch(number, first, count) if count > 0 else None


class Source(Protocol):
    """Something that is to be found out, one job after the other."""

    family: Family
    """Of which cells."""

    def next(self) -> Cell | None:
        """The next cell to be done; None when all is found out."""

    def learn(self, job: Job) -> None:
        """Take a cell that is done."""


@dataclass(slots=True)
class Plain:
    """One cell, whatever comes out."""

    family: Family
    """Of which it is."""
    cell: Cell
    """The cell."""
    _done: bool = False

    def next(self) -> Cell | None:
        """The cell, until it is done."""
        return None if self._done else self.cell

    def learn(self, job: Job) -> None:
        """Take the cell."""
        self._done = True


@dataclass(slots=True)
class Search:
    """A threshold, by bisection."""

    family: Family
    """Of which cells."""
    known: dict[int, Decision] = field(default_factory=dict)
    """What was decided, by the place of the number of faulty hospitals in its list."""
    undecided: bool = False
    """Whether some number could not be decided with all replicas."""

    def next(self) -> Cell | None:
        """The next cell to be done; None when the threshold is located, or cannot be."""
        counts = self.family.counts or ()
        if self.undecided:
            return None
        found = next_probe(self.known, 0, len(counts) - 1)
        return self.family.cell(counts[found.faulty]) if isinstance(found, Probe) else None

    def learn(self, job: Job) -> None:
        """Take a cell that is done."""
        found = decision(self.family, job.hits, job.count)
        if found is None:
            self.undecided = True
        else:
            self.known[(self.family.counts or ()).index(job.cell.task.faulty)] = found


def sources_of(families: tuple[Family, ...]) -> Iterator[Source]:
    """Yield all that is to be found out, in the order of the study."""
    for family in families:
        if family.bisects:
            yield Search(family)
        else:
            for cell in family.cells():
                yield Plain(family, cell)


def job_of(source: Source, cell: Cell, replications: Replications, size: int) -> Job:
    """Begin a cell."""
    return Job(cell, rule_of(source.family, replications), size)
