"""Statements in words, short enough for a line of a trace."""

from collections.abc import Callable, Iterable, Mapping

from consensus.statements import (
    COUNTER_MAX,
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
from crypto.digest import Digest

from .case import VALUES

Namer = Callable[[Digest], str]
"""Gives the letter of a value."""


def letters_of(values: Iterable[Digest]) -> Namer:
    """The letters of some values; any other value is shown by its first digits."""
    letters: Mapping[Digest, str] = dict(zip(values, VALUES, strict=False))
    return lambda value: letters.get(value, value.hex()[:8])


def in_words(statement: Statement, name: Namer) -> str:
    """What a statement says."""
    match statement:
        case Vote(value=value):
            return f"vote {name(value)}"
        case PrePrepare(view=view, value=value):
            return f"pre-prepare {name(value)} in view {view}"
        case ViewPrepare(view=view, value=value):
            return f"prepare {name(value)} in view {view}"
        case ViewCommit(view=view, value=value):
            return f"commit {name(value)} in view {view}"
        case ViewChange():
            return _view_change(statement, name)
        case NewView(view=view, value=value, changes=changes):
            return f"new view {view} with {name(value)}, resting on {', '.join(changes)}"
        case Nominate(votes=votes, accepted=accepted):
            return f"nominate {_all(votes, name)}, accepted {_all(accepted, name)}"
        case Prepare():
            return _prepare(statement, name)
        case Confirm(ballot=ballot):
            counters = f"p {statement.prepared_counter}, c {statement.commit_counter}"
            return f"confirm {_ballot(ballot, name)}, {counters}, h {statement.high_counter}"
        case Externalized(commit=commit, high_counter=high):
            return f"externalize {_ballot(commit, name)}, h {high}"
        case Proposal(candidate=candidate):
            return f"propose {name(candidate)}"
        case Verdict(candidate=candidate, accept=accept):
            return f"{'accept' if accept else 'reject'} {name(candidate)}"


def _view_change(statement: ViewChange, name: Namer) -> str:
    asked = f"view change to {statement.view}"
    if statement.prepared_view is None or statement.prepared_value is None:
        return f"{asked}, nothing prepared"
    return f"{asked}, prepared {name(statement.prepared_value)} in view {statement.prepared_view}"


def _prepare(statement: Prepare, name: Namer) -> str:
    words = [f"prepare {_ballot(statement.ballot, name)}"]
    if statement.prepared is not None:
        words.append(f"p {_ballot(statement.prepared, name)}")
    if statement.prepared_prime is not None:
        words.append(f"p' {_ballot(statement.prepared_prime, name)}")
    if statement.commit_counter:
        words.append(f"c {statement.commit_counter}")
    if statement.high_counter:
        words.append(f"h {statement.high_counter}")
    return ", ".join(words)


def _ballot(ballot: Ballot, name: Namer) -> str:
    counter = "infinity" if ballot.counter == COUNTER_MAX else str(ballot.counter)
    return f"({counter}, {name(ballot.value)})"


def _all(values: Iterable[Digest], name: Namer) -> str:
    return " ".join(map(name, values)) or "nothing"
