"""Signed statements as values: how they stand in files, of evidence for example.

    proposal   {kind, slot, candidate, accepted, rejected}
    verdict    {kind, slot, candidate, accept, reason, scores}
    vote       {kind, slot, value}
    signed     {node, statement, signature}

These are files' forms. What a signature covers is `consensus.messages.signing_fields`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from consensus.messages import Proposal, Statement, Verdict, Vote
from crypto.encoding import Value, decode, encode
from crypto.envelope import Signed
from crypto.errors import EncodingError

from . import schema
from .block import SCORE_COUNT_MAX
from .errors import Violation

_KINDS: Mapping[type[Statement], str] = {
    Proposal: "proposal",
    Verdict: "verdict",
    Vote: "vote",
}


def kind_of(statement: Statement) -> str:
    """The name of a statement's kind; a correct node signs one of each kind in a slot."""
    return _KINDS[type(statement)]


def statement_value(statement: Statement) -> Value:
    """The map that stands in a file."""
    head: dict[str, Value] = {"kind": kind_of(statement), "slot": statement.slot}
    match statement:
        case Proposal():
            return head | {
                "candidate": statement.candidate,
                "accepted": statement.accepted,
                "rejected": statement.rejected,
            }
        case Verdict():
            return head | {
                "candidate": statement.candidate,
                "accept": statement.accept,
                "reason": statement.reason,
                "scores": dict(statement.scores),
            }
        case Vote():
            return head | {"value": statement.value}


def read_statement(value: Any) -> Statement:
    """Read a statement's map.

    Raises:
        Violation: ``BAD_SCHEMA``.
    """
    kind = value.get("kind") if type(value) is dict else None
    read = _READERS.get(kind) if type(kind) is str else None
    if read is None:
        known = ", ".join(sorted(_READERS))
        raise Violation("BAD_SCHEMA", f"a statement of a kind of {known}", repr(kind)[:80])
    return read(value)


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


def _read_proposal(value: Any) -> Proposal:
    _, slot, candidate, accepted, rejected = schema.fields(
        value, "a proposal", "kind", "slot", "candidate", "accepted", "rejected"
    )
    return Proposal(
        schema.integer(slot, "slot"),
        schema.digest32(candidate, "candidate"),
        schema.digest32(accepted, "accepted"),
        schema.digest32(rejected, "rejected"),
    )


def _read_verdict(value: Any) -> Verdict:
    _, slot, candidate, accept, reason, scores = schema.fields(
        value, "a verdict", "kind", "slot", "candidate", "accept", "reason", "scores"
    )
    if type(scores) is not dict or len(scores) > SCORE_COUNT_MAX:
        found = repr(scores)[:80]
        raise Violation("BAD_SCHEMA", f"a map of at most {SCORE_COUNT_MAX} scores", found)
    return Verdict(
        schema.integer(slot, "slot"),
        schema.digest32(candidate, "candidate"),
        schema.boolean(accept, "accept"),
        schema.text(reason, "reason"),
        tuple(
            (schema.text(name, "a score's name"), schema.integer(score, "a score"))
            for name, score in sorted(scores.items())
        ),
    )


def _read_vote(value: Any) -> Vote:
    _, slot, decided = schema.fields(value, "a vote", "kind", "slot", "value")
    return Vote(schema.integer(slot, "slot"), schema.digest32(decided, "value"))


_READERS: Mapping[str, Callable[[Any], Statement]] = {
    "proposal": _read_proposal,
    "verdict": _read_verdict,
    "vote": _read_vote,
}
