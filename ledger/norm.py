"""Proofs that updates are small, as a ledger knows them: the rule, the files, what is checked.

    rule        {length, bound, quantiser, members}     in the genesis; null without proofs
    proof file  {commitment, proof}                     one for each update, named in its entry
    total file  int64 little endian                     one for each candidate: the sum of payloads

A proof is bound to its author, its slot, the block before, the model that was trained further and
the digest of the update (`crypto.norm_proof.Context`), so that none counts twice. The total opens
the sum of the commitments: what was combined is what was proven, whoever combined it.
Source: docs/norm-proof.md; docs/ledger-format.md. numpy is loaded when a proof is checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from crypto.digest import Digest, sha256
from crypto.encoding import Value, decode, encode
from crypto.errors import EncodingError, ProofError

from . import schema
from .candidate import UpdateEntry
from .errors import Violation

if TYPE_CHECKING:
    from crypto.norm_proof import Context, Params
    from crypto.norm_proof.residues import Ints

PROOF_FILE_SIZE_MAX = 16 * 1024 * 1024
"""Bytes in a proof file; one for three million parameters has a tenth of it."""


@dataclass(frozen=True, slots=True)
class NormRule:
    """What every update of a coalition must be proven to be."""

    length: int
    """d: parameters of an update."""
    bound: int
    """B: the largest norm of the integers that an update is made of."""
    quantiser: str
    """The map from updates to integers, with its scale: `fl.quantize.Quantizer.name`."""
    members: int
    """Hospitals: terms of the largest sum."""


@dataclass(frozen=True, slots=True)
class ProofFile:
    """What one author hands in beside its update."""

    commitment: bytes
    """To the integers of the update."""
    proof: bytes
    """That their norm is at most the bound."""


def rule_value(rule: NormRule | None) -> Value:
    """The map that stands in a genesis."""
    if rule is None:
        return None
    return {
        "length": rule.length,
        "bound": rule.bound,
        "quantiser": rule.quantiser,
        "members": rule.members,
    }


def read_rule(value: Any) -> NormRule | None:
    """Read the rule of a genesis.

    Raises:
        Violation: ``BAD_SCHEMA``.
    """
    if value is None:
        return None
    length, bound, quantiser, members = schema.fields(
        value, "the rule of norms", "length", "bound", "quantiser", "members"
    )
    rule = NormRule(
        schema.integer(length, "length", least=1),
        schema.integer(bound, "bound", least=1),
        schema.text(quantiser, "quantiser"),
        schema.integer(members, "members", least=1),
    )
    if not rule.quantiser:  # what a proof is bound to has a name
        raise Violation("BAD_SCHEMA", "the name of a quantiser", "an empty text")
    try:
        params_of(rule)
    except ProofError as error:
        raise Violation("BAD_SCHEMA", "a rule that can be proven", str(error)) from None
    return rule


def encode_proof_file(file: ProofFile) -> bytes:
    """The content of a proof file."""
    return encode({"commitment": file.commitment, "proof": file.proof})


def decode_proof_file(content: bytes) -> ProofFile:
    """Read the content of a proof file; what it proves is for `check_update_proof` to say.

    Raises:
        Violation: ``BAD_PROOF``.
    """
    try:
        value = decode(content, size_max=PROOF_FILE_SIZE_MAX)
        commitment, proof = schema.fields(value, "a proof file", "commitment", "proof")
        size = PROOF_FILE_SIZE_MAX
        return ProofFile(
            schema.octets(commitment, "a commitment", size_max=size),
            schema.octets(proof, "a proof", size_max=size),
        )
    except (EncodingError, Violation) as error:
        raise Violation("BAD_PROOF", "a file of a commitment and a proof", str(error)) from None


def proof_context(
    rule: NormRule, entry: UpdateEntry, slot: int, parent: Digest, base: Digest
) -> "Context":
    """What the proof of an update is bound to.

    Args:
        rule: Of the coalition.
        entry: The update.
        slot: Its slot.
        parent: Core hash of the block before.
        base: Tensor digest of the model that was trained further.
    """
    from crypto.norm_proof import Context

    return Context(entry.author, slot, parent, base, entry.update, rule.members, rule.quantiser)


def check_update_proof(
    rule: NormRule, entry: UpdateEntry, slot: int, parent: Digest, base: Digest, content: bytes
) -> ProofFile:
    """Check that a file proves that an update is within the rule.

    Args:
        rule: Of the coalition.
        entry: The update, as its author signed it.
        slot: Its slot.
        parent: Core hash of the block before.
        base: Tensor digest of the model that was trained further.
        content: The proof file.

    Raises:
        Violation: ``BAD_PROOF_FILE`` when it is not the file that the author signed, or of a size
            that no proof has; ``BAD_PROOF`` when it is, and proves nothing.
    """
    from crypto.norm_proof import verify

    found = sha256(content)
    if entry.proof != found:
        expected = "none" if entry.proof is None else entry.proof.hex()
        raise Violation("BAD_PROOF_FILE", f"the proof file {expected}", found.hex())
    if not 1 <= len(content) <= PROOF_FILE_SIZE_MAX:  # no file of evidence could hold it
        expected = f"a proof file of 1 to {PROOF_FILE_SIZE_MAX} bytes"
        raise Violation("BAD_PROOF_FILE", expected, f"{len(content)} bytes")
    file = decode_proof_file(content)
    context = proof_context(rule, entry, slot, parent, base)
    try:
        verify(params_of(rule), file.commitment, file.proof, context)
    except ProofError as error:
        expected = f"a proof by {entry.author} that the norm is at most {rule.bound}"
        raise Violation("BAD_PROOF", expected, str(error)) from None
    return file


def check_total(rule: NormRule, commitments: Sequence[bytes], total: bytes) -> "Ints":
    """Check that a total opens the sum of some commitments; the sum of the vectors, int64[d].

    Args:
        rule: Of the coalition.
        commitments: One of each update that was combined.
        total: The total file.

    Raises:
        Violation: ``BAD_TOTAL``.
    """
    from crypto.norm_proof import check_sum, decode_payload

    params = params_of(rule)
    try:
        return check_sum(params, commitments, decode_payload(params, total))
    except ProofError as error:
        raise Violation("BAD_TOTAL", "the sum of what was proven", str(error)) from None


@lru_cache(8)
def params_of(rule: NormRule) -> "Params":
    """The parameters of a coalition's proofs.

    Raises:
        ProofError: When there are none for this length and bound.
    """
    from crypto.norm_proof import parameters

    return parameters(rule.length, rule.bound)
