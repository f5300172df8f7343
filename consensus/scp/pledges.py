"""What a statement of the ballot protocol says, in the four terms that voting needs.

    statement      votes prepare   accepts prepared   votes commit   accepts commit
    PREPARE        b               p, p'              nC .. nH       -
    CONFIRM        (inf, x)        (nP, x)            nC .. inf      nC .. nH
    EXTERNALIZE    (inf, x)        (inf, x)           c.n .. inf     c.n .. inf

Source: draft-mazieres-dinrg-scp-05, sections 3.5 to 3.8; stellar-core ``BallotProtocol.cpp``.
"""

from collections.abc import Hashable, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache

from crypto.digest import Digest

from ..statements import COUNTER_MAX, Ballot, BallotStatement, Confirm, Externalized, Prepare

NO_BALLOT = Ballot(0, Digest(b""))
"""Stands for b in a node's own statement before it has any: below all, compatible with none."""

_READ_MAX = 4096
"""How many statements are remembered with what they say: all nodes of a run hear the same ones."""


def is_compatible(first: Ballot, second: Ballot) -> bool:
    """Whether two ballots have the same value."""
    return first.value == second.value


def covers(high: Ballot, low: Ballot) -> bool:
    """Whether ``low`` is no higher than ``high`` and compatible: prepared with it."""
    return low.value == high.value and low.counter <= high.counter


def aborts(high: Ballot | None, low: Ballot) -> bool:
    """Whether preparing ``high`` aborts ``low``: it is lower and incompatible."""
    return high is not None and low.value != high.value and low < high


@dataclass(frozen=True, slots=True, eq=False)
class Pledge:
    """A statement of the ballot protocol, read. A range is (lowest, highest), both included."""

    value: Digest
    """x of the ballots whose commit the statement speaks of."""
    counter: int
    """b.n; EXTERNALIZE counts as infinity."""
    votes_prepare: Ballot
    """Votes to prepare this ballot and, with it, each lower compatible one."""
    accepts_prepared: tuple[Ballot, ...]
    """Accepts these ballots as prepared and, with each, each lower compatible one."""
    votes_commit: tuple[int, int] | None
    """Votes to commit these counters with ``value``."""
    accepts_commit: tuple[int, int] | None
    """Accepts the commit of these counters with ``value``."""
    ballots: tuple[Ballot, ...]
    """What it votes to prepare or accepts as prepared, each ballot once, highest first."""
    boundaries: tuple[int, ...]
    """Counters at which the set of nodes behind a commit may change."""
    terms: Set[Hashable] = field(init=False)
    """``ballots`` and ``boundaries``, the latter with ``value``: what is asked because of it."""

    def __post_init__(self) -> None:
        commits = ((self.value, counter) for counter in self.boundaries)
        object.__setattr__(self, "terms", frozenset((*self.ballots, *commits)))

    def prepares(self, ballot: Ballot) -> bool:
        """Whether it votes to prepare ``ballot``."""
        vote = self.votes_prepare
        return ballot.value == vote.value and ballot.counter <= vote.counter

    def prepared(self, ballot: Ballot) -> bool:
        """Whether it accepts ``ballot`` as prepared."""
        for accepted in self.accepts_prepared:
            if ballot.value == accepted.value and ballot.counter <= accepted.counter:
                return True
        return False

    def commits(self, value: Digest, low: int, high: int) -> bool:
        """Whether it votes to commit ``low`` .. ``high`` with ``value``."""
        votes = self.votes_commit
        return votes is not None and self.value == value and votes[0] <= low and high <= votes[1]

    def committed(self, value: Digest, low: int, high: int) -> bool:
        """Whether it accepts the commit of ``low`` .. ``high`` with ``value``."""
        accepts = self.accepts_commit
        return (
            accepts is not None and self.value == value and accepts[0] <= low and high <= accepts[1]
        )

    def candidates(self, top: Ballot) -> Sequence[Ballot]:
        """The ballots up to ``top``, compatible with it, that this statement may help prepare."""
        value, counter = top.value, top.counter
        found = [each for each in self.ballots if each.value == value and each.counter <= counter]
        if self.accepts_commit is not None and self.value == value:
            found.append(top)  # CONFIRM and EXTERNALIZE vote for whatever is compatible
        return found


def read(statement: BallotStatement) -> Pledge:
    """What a statement says."""
    return _read(statement)


@lru_cache(_READ_MAX)
def _read(statement: BallotStatement) -> Pledge:
    match statement:
        case Prepare():
            return _read_prepare(statement)
        case Confirm():
            return _read_confirm(statement)
        case Externalized():
            return _read_externalized(statement)


def _read_prepare(statement: Prepare) -> Pledge:
    ballot, low, high = statement.ballot, statement.commit_counter, statement.high_counter
    both = (statement.prepared, statement.prepared_prime)
    accepted = tuple(each for each in both if each is not None)
    return Pledge(
        value=ballot.value,
        counter=ballot.counter,
        votes_prepare=ballot,
        accepts_prepared=accepted,
        votes_commit=(low, high) if low else None,
        accepts_commit=None,
        ballots=tuple(sorted({ballot, *accepted} - {NO_BALLOT}, reverse=True)),
        boundaries=(low, high) if low else (),
    )


def _read_confirm(statement: Confirm) -> Pledge:
    value, low, high = statement.ballot.value, statement.commit_counter, statement.high_counter
    infinite, prepared = Ballot(COUNTER_MAX, value), Ballot(statement.prepared_counter, value)
    return Pledge(
        value=value,
        counter=statement.ballot.counter,
        votes_prepare=infinite,
        accepts_prepared=(prepared,),
        votes_commit=(low, COUNTER_MAX),
        accepts_commit=(low, high),
        ballots=(infinite, prepared) if prepared < infinite else (infinite,),
        boundaries=(low, high),
    )


def _read_externalized(statement: Externalized) -> Pledge:
    value, low = statement.commit.value, statement.commit.counter
    infinite = Ballot(COUNTER_MAX, value)
    return Pledge(
        value=value,
        counter=COUNTER_MAX,
        votes_prepare=infinite,
        accepts_prepared=(infinite,),
        votes_commit=(low, COUNTER_MAX),
        accepts_commit=(low, COUNTER_MAX),
        ballots=(infinite,),
        boundaries=(low, statement.high_counter, COUNTER_MAX),
    )
