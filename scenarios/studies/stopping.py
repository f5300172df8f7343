"""How many replicas a cell needs: a fixed number, or as many as the answer takes.

Replicas come in batches of a fixed size, and only the ends of batches are looked at, in order: the
number of workers and the order in which they finish change nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from .plan import Family, Question, fewest
from .schema import PrecisionSection, Replications
from .statistics import Decision, decide, rate_sequence


@dataclass(frozen=True, slots=True)
class Fixed:
    """A number of replicas."""

    least: int
    """The number."""
    most: int
    """The same."""

    def enough(self, hits: int, count: int) -> bool:
        """Whether all are there."""
        return count >= self.most


@dataclass(frozen=True, slots=True)
class Precise:
    """Until a rate is known precisely enough, at all times at once."""

    least: int
    """The fewest replicas."""
    most: int
    """The most."""
    precision: float
    """Half the width of the interval."""
    confidence: float
    """Of the interval."""

    def enough(self, hits: int, count: int) -> bool:
        """Whether the interval is narrow enough, or there are no more replicas."""
        if count >= self.most:
            return True
        width = rate_sequence(hits, count, self.confidence).width
        return count >= self.least and width <= 2 * self.precision


@dataclass(frozen=True, slots=True)
class Decided:
    """Until it is known whether a rate is above a level or below it."""

    least: int
    """With fewer it cannot be known."""
    most: int
    """The most."""
    level: float
    """The level."""
    error: float
    """The chance of a wrong answer."""

    def enough(self, hits: int, count: int) -> bool:
        """Whether it is known, or there are no more replicas."""
        return count >= self.most or decide(hits, count, self.level, self.error) is not None


Rule: TypeAlias = Fixed | Precise | Decided
"""When a cell has enough replicas."""


def rule_of(family: Family, replications: Replications) -> Rule:
    """Return when the cells of a family have enough replicas."""
    question = family.question
    if isinstance(replications, PrecisionSection):
        return Precise(
            replications.at_least,
            replications.at_most,
            replications.precision_ppm / 1e6,
            question.confidence,
        )
    if family.bisects:
        least = fewest(question.level, family.error)
        return Decided(least, replications, question.level, family.error)
    return Fixed(replications, replications)


def hits_in(rows: Sequence[Mapping[str, Any]], question: Question) -> int:
    """In how many replicas the measure is what is counted."""
    return sum(row[question.of] == question.status for row in rows)


def decision(family: Family, hits: int, count: int) -> Decision | None:
    """Whether the measure holds in a cell or is broken; None if the replicas do not tell."""
    return decide(hits, count, family.question.level, family.error)
