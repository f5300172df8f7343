"""Statements of one node in one slot: which are sane, which is newer, which two convict it.

Source: draft-mazieres-dinrg-scp-05, sections 3.2 and 3.5 to 3.8; stellar-core ``isStatementSane``,
``isNewerStatement``. The rules of `contradicts` are derived from the transitions of `balloting`: no
node that follows them signs two such statements, whatever the others do. They say nothing about
what it takes more than two statements to see.
"""

from functools import lru_cache
from itertools import pairwise

from crypto.digest import DIGEST_SIZE, Digest

from ..statements import (
    COUNTER_MAX,
    Ballot,
    BallotStatement,
    Confirm,
    Externalized,
    Nominate,
    Prepare,
    ScpStatement,
)
from .pledges import NO_BALLOT, aborts

NOMINATED_MAX = 4096
"""The most values that one nomination may name."""

_MOVES_MAX = 4096
"""How many pairs are remembered with what they are: all nodes of a run compare the same ones."""

_RANK = {Prepare: 0, Confirm: 1, Externalized: 2}
"""PREPARE < CONFIRM < EXTERNALIZE."""


def what_is_insane(statement: ScpStatement) -> str | None:
    """Say which rule a statement breaks in itself, or None if it is sane."""
    match statement:
        case Nominate():
            return _insane_nominate(statement)
        case Prepare():
            return _insane_prepare(statement)
        case Confirm():
            return _insane_confirm(statement)
        case Externalized():
            return _insane_externalized(statement)


def _insane_nominate(statement: Nominate) -> str | None:
    if not statement.votes and not statement.accepted:
        return "expected a nomination of at least one value, found none"
    for values in (statement.votes, statement.accepted):
        if len(values) > NOMINATED_MAX:
            return f"expected at most {NOMINATED_MAX} values, found {len(values)}"
        if any(len(value) != DIGEST_SIZE for value in values):
            return f"expected values of {DIGEST_SIZE} bytes"
        if any(low >= high for low, high in pairwise(values)):
            return "expected the nominated values sorted and each once"
    return None


def _insane_prepare(statement: Prepare) -> str | None:
    ballot, prepared = statement.ballot, statement.prepared
    prime, low, high = statement.prepared_prime, statement.commit_counter, statement.high_counter
    for each in (ballot, prepared, prime):
        if each is not None and not _is_ballot(each):
            return _strange(each)
    if prepared is not None and prime is not None and not aborts(prepared, prime):
        return "expected p' below p and incompatible with it"
    if high < 0 or (high and (prepared is None or high > prepared.counter)):
        return f"expected nH of at most the counter of p, found {high}"
    if low < 0 or (low and not low <= high <= ballot.counter):
        return f"expected nC <= nH <= {ballot.counter}, found nC {low} and nH {high}"
    return None


def _insane_confirm(statement: Confirm) -> str | None:
    ballot, low, high = statement.ballot, statement.commit_counter, statement.high_counter
    if not _is_ballot(ballot):
        return _strange(ballot)
    if not 1 <= low <= high <= ballot.counter:
        return f"expected 1 <= nC <= nH <= {ballot.counter}, found nC {low} and nH {high}"
    if not 1 <= statement.prepared_counter <= COUNTER_MAX:
        return f"expected nP of 1 to {COUNTER_MAX}, found {statement.prepared_counter}"
    return None


def _insane_externalized(statement: Externalized) -> str | None:
    commit, high = statement.commit, statement.high_counter
    if not _is_ballot(commit):
        return _strange(commit)
    if not commit.counter <= high <= COUNTER_MAX:
        return f"expected nH of {commit.counter} to {COUNTER_MAX}, found {high}"
    return None


def _is_ballot(ballot: Ballot) -> bool:
    return 1 <= ballot.counter <= COUNTER_MAX and len(ballot.value) == DIGEST_SIZE


def _strange(ballot: Ballot) -> str:
    return (
        f"expected a ballot of a counter of 1 to {COUNTER_MAX} and a value of {DIGEST_SIZE} bytes, "
        f"found counter {ballot.counter} and {len(ballot.value)} bytes"
    )


def is_newer(old: ScpStatement, new: ScpStatement) -> bool:
    """Whether ``new`` replaces ``old``: both of one node, both nominations or both ballots'."""
    if isinstance(old, Nominate) or isinstance(new, Nominate):
        return isinstance(old, Nominate) and isinstance(new, Nominate) and _grows(old, new)
    rise = _RANK[type(new)] - _RANK[type(old)]
    return rise > 0 or (rise == 0 and _place(old) < _place(new))


@lru_cache(_MOVES_MAX)
def move(old: ScpStatement, new: ScpStatement) -> tuple[bool, bool]:
    """Whether ``new`` replaces ``old``, and whether the two contradict each other."""
    return is_newer(old, new), contradicts(old, new)


def _grows(old: Nominate, new: Nominate) -> bool:
    if len(old.votes) + len(old.accepted) >= len(new.votes) + len(new.accepted):
        return False
    return set(old.votes) <= set(new.votes) and set(old.accepted) <= set(new.accepted)


_Place = tuple[Ballot, Ballot, Ballot, int]


def _place(statement: BallotStatement) -> _Place:
    """Where a statement stands among those of its type; p' of CONFIRM is none, implicitly."""
    match statement:
        case Prepare():
            prepared = statement.prepared or NO_BALLOT
            prime = statement.prepared_prime or NO_BALLOT
            return (statement.ballot, prepared, prime, statement.high_counter)
        case Confirm():
            prepared = Ballot(statement.prepared_counter, Digest(b""))
            return (statement.ballot, prepared, NO_BALLOT, statement.high_counter)
        case Externalized():
            return (NO_BALLOT, NO_BALLOT, NO_BALLOT, 0)  # there is only one: none is newer


def contradicts(first: ScpStatement, second: ScpStatement) -> bool:
    """Whether no correct node signs both statements in one slot, in whatever order.

    Nominations: neither contains the other. Ballot statements: neither is newer; or accepting the
    commit of two values; or the newer one could not follow the older one. Equal statements, and a
    nomination with a ballot statement, never contradict.
    """
    if first == second or isinstance(first, Nominate) != isinstance(second, Nominate):
        return False
    if is_newer(second, first):
        first, second = second, first
    elif not is_newer(first, second):
        return True
    match first, second:
        case Prepare(), Prepare():
            return not _may_follow_prepare(first, second)
        case Confirm(), Confirm():
            return not _may_follow_confirm(first, second)
        case Confirm(), Externalized():
            return first.ballot.value != second.commit.value
        case _:  # a nomination that grew, or a commit accepted because of others
            return False


def _may_follow_confirm(old: Confirm, new: Confirm) -> bool:
    """Accepting a commit fixes the value; b, p and h only rise."""
    return (
        old.ballot.value == new.ballot.value
        and old.ballot.counter <= new.ballot.counter
        and old.prepared_counter <= new.prepared_counter
        and old.high_counter <= new.high_counter
    )


def _may_follow_prepare(old: Prepare, new: Prepare) -> bool:
    """Whether a correct node may sign ``new`` after ``old``, which is older in the order."""
    checks = (_ballot_rises, _prepared_rises, _high_rises, _commit_is_kept, _commit_is_free)
    return all(check(old, new) for check in checks)


def _ballot_rises(old: Prepare, new: Prepare) -> bool:
    """At one counter the value of b changes only to that of h (SCP paper, ballot step 8)."""
    same_counter = old.ballot.counter == new.ballot.counter
    if same_counter and old.ballot.value != new.ballot.value:
        return new.high_counter == new.ballot.counter
    return True


def _prepared_rises(old: Prepare, new: Prepare) -> bool:
    """Both p and p' only rise, and a p whose value is given up stays behind as p' (step 1)."""
    p_old, p_new = old.prepared or NO_BALLOT, new.prepared or NO_BALLOT
    prime_old, prime_new = old.prepared_prime or NO_BALLOT, new.prepared_prime or NO_BALLOT
    if p_old.value != p_new.value and prime_new < p_old:
        return False
    return p_old <= p_new and prime_old <= prime_new


def _high_rises(old: Prepare, new: Prepare) -> bool:
    """On one ballot, h only rises (step 2)."""
    return old.ballot != new.ballot or old.high_counter <= new.high_counter


def _commit_is_kept(old: Prepare, new: Prepare) -> bool:
    """A vote to commit is given up only when a ballot that aborts it was accepted (step 1)."""
    if not old.commit_counter:
        return True
    same_value = old.ballot.value == new.ballot.value
    if new.commit_counter and same_value:
        return old.commit_counter <= new.commit_counter
    high = Ballot(old.high_counter, old.ballot.value)
    return aborts(new.prepared, high) or aborts(new.prepared_prime, high)


def _commit_is_free(old: Prepare, new: Prepare) -> bool:
    """Nobody votes to commit what its own vote to prepare aborted (step 3)."""
    if not new.commit_counter or old.ballot.value == new.ballot.value:
        return True
    return old.ballot < Ballot(new.commit_counter, new.ballot.value)
