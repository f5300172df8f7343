"""Signed statements as values: how they stand in files, of evidence and of what a node has signed.

    proposal      {kind, slot, candidate, accepted, rejected}
    verdict       {kind, slot, candidate, accept, reason, scores}
    vote          {kind, slot, value}
    nominate      {kind, slot, quorum_set, votes, accepted}
    prepare       {kind, slot, quorum_set, ballot, prepared, prepared_prime, commit_counter,
                   high_counter}
    confirm       {kind, slot, quorum_set, ballot, prepared_counter, commit_counter, high_counter}
    externalize   {kind, slot, quorum_set, commit, high_counter}
    pre-prepare, view-prepare, view-commit
                  {kind, slot, view, value}
    view-change   {kind, slot, view, prepared_view, prepared_value}
    new-view      {kind, slot, view, value, changes}
    signed        {node, statement, signature}

A ballot is a list of its counter and its value. These are files' forms. What a signature covers is
`consensus.statements.signing_fields`.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from consensus.statements import (
    COUNTER_MAX,
    KINDS,
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
    kind_of,
)
from crypto.digest import Digest
from crypto.encoding import Value, decode, encode
from crypto.envelope import Signed
from crypto.errors import EncodingError

from . import schema
from .block import SCORE_COUNT_MAX
from .errors import Violation

_Read = Callable[[Any, str], Any]


def statement_value(statement: Statement) -> Value:
    """The map that stands in a file."""
    names = _FIELDS[type(statement)]
    said = {name: _plain(getattr(statement, name)) for name in names}
    if isinstance(statement, Verdict):
        said["scores"] = dict(statement.scores)
    return {"kind": kind_of(statement), "slot": statement.slot, **said}


def _plain(value: Any) -> Value:
    """A field of a statement without our own classes."""
    match value:
        case Ballot(counter=counter, value=said):
            return [counter, said]
        case tuple():
            return list(value)
        case _:
            plain: Value = value
            return plain


def read_statement(value: Any) -> Statement:
    """Read a statement's map.

    Raises:
        Violation: ``BAD_SCHEMA``.
    """
    kind = value.get("kind") if type(value) is dict else None
    made = _BY_KIND.get(kind) if type(kind) is str else None
    if made is None:
        known = ", ".join(sorted(_BY_KIND))
        raise Violation("BAD_SCHEMA", f"a statement of a kind of {known}", repr(kind)[:80])
    readers = _FIELDS[made]
    _, slot, *said = schema.fields(value, f"a {kind}", "kind", "slot", *readers)
    fields = {
        name: read(each, name) for (name, read), each in zip(readers.items(), said, strict=True)
    }
    statement: Statement = made(slot=schema.integer(slot, "slot"), **fields)
    if isinstance(statement, ViewChange):
        _check_claim(statement)
    return statement


def _check_claim(change: ViewChange) -> None:
    """Half a claim would be signed as none is, so that there were two texts to one signature."""
    if (change.prepared_view is None) is not (change.prepared_value is None):
        raise Violation("BAD_SCHEMA", "a prepared view and its value together", "one of them")


def check_recordable(statement: Statement) -> None:
    """Check that a statement fits a ledger's limits, before it is counted and recorded.

    What cannot be read back would make the replica of whoever recorded it invalid.

    Raises:
        Violation: ``BAD_SCHEMA``.
    """
    try:
        value = decode(encode(statement_value(statement)))
    except EncodingError as error:
        raise Violation("BAD_SCHEMA", "a statement that can be encoded", str(error)) from None
    if read_statement(value) != statement:
        raise Violation("BAD_SCHEMA", "a statement that reads back as it is", "another")


def signed_value(signed: Signed[Statement]) -> Value:
    """The map of a statement with its signature."""
    return {
        "node": signed.node,
        "statement": statement_value(signed.statement),
        "signature": signed.signature,
    }


def read_signed(value: Any) -> Signed[Statement]:
    """Read the map of a statement with its signature, which is not verified here.

    Raises:
        Violation: ``BAD_SCHEMA``.
    """
    node, statement, signature = schema.fields(
        value, "a signed statement", "node", "statement", "signature"
    )
    return Signed(
        read_statement(statement),
        schema.node(node, "the signer"),
        schema.signature(signature, "the statement's signature"),
    )


def _scores(value: Any, where: str) -> tuple[tuple[str, int], ...]:
    if type(value) is not dict or len(value) > SCORE_COUNT_MAX:
        found = repr(value)[:80]
        raise Violation("BAD_SCHEMA", f"a map of at most {SCORE_COUNT_MAX} {where}", found)
    return tuple(
        (schema.text(name, "a score's name"), schema.integer(score, "a score"))
        for name, score in sorted(value.items())
    )


def _counter(value: Any, where: str) -> int:
    return schema.integer(value, where, most=COUNTER_MAX)


def _ballot(value: Any, where: str) -> Ballot:
    counter, said = schema.row(value, where, 2)
    return Ballot(
        schema.integer(counter, f"the counter of {where}", least=1, most=COUNTER_MAX),
        schema.digest32(said, f"the value of {where}"),
    )


def _values(value: Any, where: str) -> tuple[Digest, ...]:
    values = schema.items(value, where, schema.digest32)
    if any(first >= second for first, second in pairwise(values)):
        raise Violation("BAD_SCHEMA", f"values sorted and once each in {where}", "another order")
    return values


def _nodes(value: Any, where: str) -> tuple[Any, ...]:
    nodes = schema.items(value, where, schema.node)
    schema.check_sorted(nodes, where)
    return nodes


def _or_none(read: _Read) -> _Read:
    return lambda value, where: None if value is None else read(value, where)


_VIEW: Mapping[str, _Read] = {"view": schema.integer, "value": schema.digest32}
_FIELDS: Mapping[type[Statement], Mapping[str, _Read]] = {
    Proposal: dict.fromkeys(("candidate", "accepted", "rejected"), schema.digest32),
    Verdict: {
        "candidate": schema.digest32,
        "accept": schema.boolean,
        "reason": schema.text,
        "scores": _scores,
    },
    Vote: {"value": schema.digest32},
    Nominate: {"quorum_set": schema.digest32, "votes": _values, "accepted": _values},
    Prepare: {
        "quorum_set": schema.digest32,
        "ballot": _ballot,
        "prepared": _or_none(_ballot),
        "prepared_prime": _or_none(_ballot),
        "commit_counter": _counter,
        "high_counter": _counter,
    },
    Confirm: {
        "quorum_set": schema.digest32,
        "ballot": _ballot,
        "prepared_counter": _counter,
        "commit_counter": _counter,
        "high_counter": _counter,
    },
    Externalized: {"quorum_set": schema.digest32, "commit": _ballot, "high_counter": _counter},
    PrePrepare: _VIEW,
    ViewPrepare: _VIEW,
    ViewCommit: _VIEW,
    ViewChange: {
        "view": schema.integer,
        "prepared_view": _or_none(schema.integer),
        "prepared_value": _or_none(schema.digest32),
    },
    NewView: {"view": schema.integer, "value": schema.digest32, "changes": _nodes},
}
"""Beside kind and slot: the fields of each kind, in order, and who reads them."""

_BY_KIND: Mapping[str, type[Statement]] = {kind: made for made, kind in KINDS.items()}
