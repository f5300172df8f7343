"""The same statement for other values: what a two-faced node tells the second half of its peers.

A value is exchanged for another one of the slot everywhere in the statement, and what the exchange
brings out of order is put in order again, so that a receiver cannot tell the copy from an original.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from consensus.statements import (
    Ballot,
    Confirm,
    Externalized,
    NewView,
    Nominate,
    Prepare,
    PrePrepare,
    Proposal,
    Statement,
    Verdict,
    ViewChange,
    ViewCommit,
    ViewPrepare,
    Vote,
)
from crypto.digest import Digest, digest

Exchange = Mapping[Digest, Digest]
"""What each value is replaced by; a value that is not in it stays."""


def exchange_of(values: Sequence[Digest]) -> Exchange:
    """Pair the values of a slot: the first with the second, and every further one with the first.

    Args:
        values: What is known of the slot: the value if its candidate is accepted, if it is
            rejected, if it is absent.
    """
    if len(values) < 2:
        return {}
    first, second, *others = values
    return {first: second, second: first} | dict.fromkeys(others, first)


def turned(statement: Statement, exchange: Exchange) -> Statement:
    """Say the same for the other values; a verdict is turned around."""

    def other(value: Digest) -> Digest:
        return exchange.get(value, value)

    match statement:
        case Verdict(accept=accept):
            return replace(statement, accept=not accept)
        case Proposal(slot=slot, candidate=candidate, accepted=accepted, rejected=rejected):
            # Another candidate as well: two halves that judge one candidate would judge together.
            second = digest("tclearn/second-face/v1", [candidate])
            return Proposal(slot, second, other(accepted), other(rejected))
        case Nominate(votes=votes, accepted=named):
            return replace(statement, votes=_sorted(votes, other), accepted=_sorted(named, other))
        case Prepare():
            return _turned_prepare(statement, exchange)
        case Confirm(ballot=ballot):
            return replace(statement, ballot=_turned_ballot(ballot, exchange))
        case Externalized(commit=commit):
            return replace(statement, commit=_turned_ballot(commit, exchange))
        case ViewChange(prepared_value=value):
            return replace(statement, prepared_value=None if value is None else other(value))
        case Vote() | PrePrepare() | ViewPrepare() | ViewCommit() | NewView():
            return replace(statement, value=other(statement.value))


def _sorted(values: Sequence[Digest], other: Callable[[Digest], Digest]) -> tuple[Digest, ...]:
    return tuple(sorted({other(value) for value in values}))


def _turned_ballot(ballot: Ballot, exchange: Exchange) -> Ballot:
    return Ballot(ballot.counter, exchange.get(ballot.value, ballot.value))


def _turned_prepare(statement: Prepare, exchange: Exchange) -> Prepare:
    prepared, prime = (
        None if ballot is None else _turned_ballot(ballot, exchange)
        for ballot in (statement.prepared, statement.prepared_prime)
    )
    # p' stays below p and incompatible with it: ballots of one counter are ordered by value.
    if prepared is not None and prime is not None and prime >= prepared:
        prime = None
    ballot = _turned_ballot(statement.ballot, exchange)
    return replace(statement, ballot=ballot, prepared=prepared, prepared_prime=prime)
