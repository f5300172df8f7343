"""What the instances of a trial send each other, with the sizes that count on the wire."""

from collections.abc import Sequence
from dataclasses import dataclass

from consensus.messages import Receive
from consensus.statements import Statement, signing_fields, statement_body
from crypto.digest import Digest
from crypto.digest import digest as digest_of
from crypto.encoding import Value, encode
from crypto.identity import NodeId

CHAIN_ID = digest_of("tclearn/trial/v1", ["chain"])
"""Stands for the core hash of a genesis block in what is measured."""

_ASK_BYTES = 128
"""The size of a question, its signature not counted: chain, slot and name."""

_SHOWN = 16
"""Characters of a digest that a trace shows."""

Signed = tuple[NodeId, Statement]
"""A statement and who said it; a trial makes no signatures, and nobody forges any."""


@dataclass(slots=True)
class Parcel:
    """A statement on its way, with those of others that are to be taken in first."""

    slot: int
    """The slot it belongs to."""
    events: tuple[Receive, ...]
    """What a receiver gives its node, in order; made once for all receivers."""
    size_bytes: int
    """Bytes on the wire."""


@dataclass(slots=True)
class Repeated(Parcel):
    """A statement that is said again, because its sender has not decided yet."""


@dataclass(slots=True)
class Ask:
    """Somebody who has not decided a slot asks whether anybody has."""

    slot: int
    """The slot."""
    size_bytes: int
    """Bytes on the wire."""


@dataclass(slots=True)
class Certificate:
    """The statements by which a slot was decided: checked by whoever gets it, never believed."""

    slot: int
    """The slot."""
    value: Digest
    """The value that they decide."""
    statements: tuple[Signed, ...]
    """Statements of kinds that decide, all for the value."""
    size_bytes: int
    """Bytes on the wire."""


Message = Parcel | Repeated | Ask | Certificate


def statement_bytes(signed: Signed, quorum_set: Digest, signature_bytes: int) -> int:
    """The bytes of a statement and its signature.

    Args:
        signed: The statement and its author.
        quorum_set: Digest of the quorum set that the author declares.
        signature_bytes: The size of a signature.
    """
    node, statement = signed
    _, fields = signing_fields(statement, CHAIN_ID, node, quorum_set)
    return len(encode(fields)) + signature_bytes


def receipts(
    node: NodeId, statement: Statement, supporting: Sequence[Signed]
) -> tuple[Receive, ...]:
    """What a receiver gives its node."""
    return (*(Receive(*each) for each in supporting), Receive(node, statement))


def worded(statement: Statement) -> str:
    """A statement as a trace shows it: its kind and what it says, digests shortened."""
    return f"slot {statement.slot} " + " ".join(map(_word, statement_body(statement)))


def _word(value: Value) -> str:
    if isinstance(value, bytes):
        return short(Digest(value))
    if isinstance(value, list):
        return f"[{' '.join(map(_word, value))}]"
    return str(value)


def ask_bytes(signature_bytes: int) -> int:
    """The bytes of a question and its signature."""
    return _ASK_BYTES + signature_bytes


def short(digest: Digest) -> str:
    """The beginning of a digest, as traces show it."""
    return digest.hex()[:_SHOWN]
