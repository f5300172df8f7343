"""Evidence as values and files: what somebody holds against a node, and its digest.

    equivocation   {kind, chain, first, second}    two signed statements (`ledger.statement`)
    fork           {kind, first, second}           the payloads of two blocks (`ledger.block`)
    norm           {kind, chain, slot, parent, base, update, signature, file}
                                                   a signed update and its proof (`ledger.norm`)

What it proves is for `ledger.evidence` to say.
"""

from dataclasses import dataclass
from typing import Any

from consensus.statements import Statement
from crypto.digest import Digest, digest
from crypto.encoding import Value, decode, encode
from crypto.envelope import Signed
from crypto.errors import EncodingError

from . import schema
from .block import Block, core_hash, decode_block, encode_block
from .candidate import UpdateEntry, read_update, update_value
from .errors import Violation
from .norm import PROOF_FILE_SIZE_MAX
from .notice import Misconduct
from .record import PAYLOAD_SIZE_MAX
from .statement import read_signed, signed_value, statement_value

EVIDENCE_SIZE_MAX = 2 * PAYLOAD_SIZE_MAX + 1024
"""Bytes in a file of evidence: two of the largest blocks and what holds them."""

_SUBJECT_LABEL = "tclearn/evidence/v1"


@dataclass(frozen=True, slots=True)
class Equivocation:
    """Two statements of one node for one slot that no correct node signs both."""

    chain_id: Digest
    """The chain that both are about."""
    first: Signed[Statement]
    """One of them."""
    second: Signed[Statement]
    """The other."""


@dataclass(frozen=True, slots=True)
class ForkEvidence:
    """Two blocks with certificates for one slot."""

    first: Block
    """One of them."""
    second: Block
    """The other."""


@dataclass(frozen=True, slots=True)
class FalseProof:
    """An update that its author signed together with a file that does not prove its norm."""

    chain_id: Digest
    """The chain."""
    slot: int
    """The slot of the update."""
    parent: Digest
    """Core hash of the block before."""
    base: Digest
    """Tensor digest of the model that was trained further."""
    entry: UpdateEntry
    """The update."""
    signature: bytes
    """The author's, over all of these (`ledger.attestation`)."""
    file: bytes
    """The proof file."""


Evidence = Equivocation | ForkEvidence | FalseProof


def encode_evidence(evidence: Evidence) -> bytes:
    """The content of a file of evidence."""
    match evidence:
        case Equivocation():
            return encode(
                {
                    "kind": Misconduct.EQUIVOCATION.value,
                    "chain": evidence.chain_id,
                    "first": signed_value(evidence.first),
                    "second": signed_value(evidence.second),
                }
            )
        case ForkEvidence():
            return encode(
                {
                    "kind": Misconduct.FORK.value,
                    "first": encode_block(evidence.first),
                    "second": encode_block(evidence.second),
                }
            )
        case FalseProof():
            return encode(
                {
                    "kind": Misconduct.NORM.value,
                    "chain": evidence.chain_id,
                    "slot": evidence.slot,
                    "parent": evidence.parent,
                    "base": evidence.base,
                    "update": update_value(evidence.entry),
                    "signature": evidence.signature,
                    "file": evidence.file,
                }
            )


def decode_evidence(data: bytes) -> Evidence:
    """Read the content of a file of evidence; what it proves is for `check_evidence` to say.

    Raises:
        Violation: ``BAD_ENCODING``, ``BAD_SCHEMA`` or ``BAD_QUORUM_SET``.
    """
    try:
        value: Any = decode(data, size_max=EVIDENCE_SIZE_MAX)
    except EncodingError as error:
        raise Violation("BAD_ENCODING", "the strict encoding", str(error)) from None
    kind = value.get("kind") if type(value) is dict else None
    match schema.member(kind, "the kind of evidence", Misconduct):
        case Misconduct.EQUIVOCATION:
            _, chain_id, first, second = schema.fields(
                value, "the evidence", "kind", "chain", "first", "second"
            )
            return Equivocation(
                schema.digest32(chain_id, "chain"), read_signed(first), read_signed(second)
            )
        case Misconduct.FORK:
            _, first, second = schema.fields(value, "the evidence", "kind", "first", "second")
            return ForkEvidence(_read_block(first), _read_block(second))
        case Misconduct.NORM:
            return _read_false_proof(value)


def evidence_subject(evidence: Evidence) -> Digest:
    """What evidence is about, signatures apart: the same for whoever found it, in either order."""
    match evidence:
        case Equivocation(chain_id=chain_id, first=first, second=second):
            said = sorted(encode(statement_value(each.statement)) for each in (first, second))
            about: Value = [chain_id, first.node, *said]
        case ForkEvidence(first=one, second=other):
            about = [one.core.chain, *sorted((core_hash(one.core), core_hash(other.core)))]
        case FalseProof(chain_id=chain_id, entry=entry):
            about = [chain_id, evidence.slot, evidence.parent, evidence.base, update_value(entry)]
    return digest(_SUBJECT_LABEL, about)


def _read_false_proof(value: Any) -> FalseProof:
    names = ("kind", "chain", "slot", "parent", "base", "update", "signature", "file")
    _, chain_id, slot, parent, base, update, signature, file = schema.fields(
        value, "the evidence", *names
    )
    return FalseProof(
        schema.digest32(chain_id, "chain"),
        schema.integer(slot, "slot"),
        schema.digest32(parent, "parent"),
        schema.digest32(base, "base"),
        read_update(update, "the update"),
        schema.signature(signature, "the author's signature"),
        schema.octets(file, "the proof file", size_max=PROOF_FILE_SIZE_MAX),
    )


def _read_block(value: Any) -> Block:
    block, _ = decode_block(schema.octets(value, "a block", size_max=PAYLOAD_SIZE_MAX))
    return block
