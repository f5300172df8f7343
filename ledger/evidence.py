"""Evidence of misconduct: what files convict of by signatures alone, judged from the genesis.

The files themselves are `ledger.misconduct`. Whoever holds the genesis of a chain can check one: it
needs no ledger, no replica and no trust in who hands it over. What it convicts of is what a correct
node never does: it signs two statements that contradict each other (`consensus.forensics`), or an
update with a proof that proves nothing. It cannot show what a node should have signed and did not.

Source: docs/ledger-format.md, fork rule; `consensus.certificate` for what a certificate is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from consensus.certificate import check_voters, decided_quorum
from consensus.errors import CertificateError
from consensus.forensics import contradiction
from consensus.quorum import quorum_set_digest
from consensus.statements import (
    Proposal,
    Statement,
    Verdict,
    Vote,
    claimed_quorum_set,
    kind_of,
    signing_fields,
    statement_body,
)
from crypto.digest import Digest
from crypto.encoding import Value
from crypto.envelope import Signed, verify_value
from crypto.errors import SignatureError
from crypto.identity import NodeId
from crypto.possession import verify_possession
from crypto.signature import PublicKey

from . import chain
from .attestation import update_attestation
from .block import Block, NodeSeal, core_hash, decode_block
from .decision import check_vote_kind, sealed_statement
from .errors import StoreError, Violation
from .genesis import KEYS_FROM_SEED, Genesis
from .misconduct import (
    EVIDENCE_SIZE_MAX,
    Equivocation,
    Evidence,
    FalseProof,
    ForkEvidence,
    decode_evidence,
    encode_evidence,
    evidence_subject,
)
from .norm import check_update_proof
from .notice import EvidenceNotice, Misconduct
from .record import HEADER_SIZE, MAGIC, PAYLOAD_SIZE_MAX, check_payload, read_header

__all__ = [
    "Equivocation",
    "Evidence",
    "FalseProof",
    "ForkEvidence",
    "decode_evidence",
    "encode_evidence",
    "evidence_subject",
]

DIGEST_CHARACTERS = 16
"""Characters of a digest that an explanation shows."""

_SEED_KEYS = (
    ". The keys of this chain were derived from the scenario's seed: whoever has the scenario can "
    "make these signatures, so they are not evidence against its operator"
)


@dataclass(frozen=True, slots=True)
class Conviction:
    """What evidence proves."""

    misconduct: Misconduct
    """Of what kind it is."""
    slot: int
    """The slot in which it happened."""
    culprits: tuple[NodeId, ...]
    """Whom it convicts, sorted; nobody where two quorums of the genesis can decide apart."""
    explanation: str
    """Who signed what, for people."""
    apart: bool = False
    """Of a fork: no node voted on both sides."""

    @property
    def code(self) -> str:
        """The name that the audit has for it."""
        if self.misconduct is Misconduct.FORK and self.apart:
            return "FORK_CONFIG_NO_INTERSECTION"
        return self.misconduct.name


def notice_of(evidence: Evidence, genesis: Block) -> EvidenceNotice:
    """What goes on the chain about evidence.

    Raises:
        Violation: As `check_evidence`.
    """
    conviction = check_evidence(evidence, genesis)
    subject = evidence_subject(evidence)
    return EvidenceNotice(conviction.misconduct, conviction.culprits, subject)


def check_exhibit(file: bytes, notice: EvidenceNotice, genesis: Block) -> None:
    """Check that a file of evidence shows what a notice says.

    Raises:
        Violation: It does not.
    """
    shown = notice_of(decode_evidence(file), genesis)
    if shown != notice:
        expected = f"evidence against {_names(notice.culprits)} of {_short(notice.subject)}"
        found = f"against {_names(shown.culprits)} of {_short(shown.subject)}"
        raise Violation("BAD_EXHIBIT", expected, found)


def check_evidence(evidence: Evidence, genesis: Block) -> Conviction:
    """Judge evidence by the genesis of the chain that it is about.

    Args:
        evidence: What somebody handed over.
        genesis: The genesis block, from where the caller trusts it to be the right one.

    Raises:
        Violation: It proves nothing; names the rule, what was expected and what was found.
    """
    court = _court(genesis)
    match evidence:
        case Equivocation():
            return _check_equivocation(evidence, court)
        case ForkEvidence():
            return _check_fork(evidence, court)
        case FalseProof():
            return _check_false_proof(evidence, court)


def read_evidence_file(path: Path) -> Evidence:
    """Read a file of evidence.

    Raises:
        StoreError: When it cannot be read.
        Violation: As `decode_evidence`.
    """
    return decode_evidence(_read_file(path, EVIDENCE_SIZE_MAX + 1))


def read_genesis_file(path: Path) -> Block:
    """Read a genesis block from a segment that begins with it, or from a file of its payload alone.

    Raises:
        StoreError: When it cannot be read or holds anything else.
    """
    data = _read_file(path, HEADER_SIZE + PAYLOAD_SIZE_MAX)
    try:
        block, value = decode_block(_first_payload(data))
        chain.start(block, value)
    except Violation as violation:
        raise StoreError(f"{path} holds no genesis block: {violation}") from None
    return block


@dataclass(frozen=True, slots=True)
class _Court:
    """What the genesis says, its possession proofs verified."""

    genesis: Genesis
    """Keys and quorum sets."""
    chain_id: Digest
    """The chain."""
    quorum_sets: Mapping[NodeId, Digest]
    """Digest of each node's quorum set, as it stands in its statements."""

    @property
    def reservation(self) -> str:
        """What stands behind every explanation where the keys are no secret."""
        return _SEED_KEYS if self.genesis.keys == KEYS_FROM_SEED else ""


def _court(block: Block) -> _Court:
    value = core_hash(block.core)
    genesis = chain.start(block, value).genesis
    _check_possessions(block.seal.possessions, genesis.nodes, genesis.run)
    digests = {node: quorum_set_digest(each) for node, each in genesis.quorum_sets.items()}
    return _Court(genesis, value, digests)


def _check_possessions(
    seals: Sequence[NodeSeal], keys: Mapping[NodeId, PublicKey], run: Digest
) -> None:
    """Nobody is convicted by a key that is not shown to be its own."""
    provers = [seal.node for seal in seals]
    if provers != sorted(keys):
        expected = f"a possession proof of each of {', '.join(sorted(keys))}"
        raise Violation("BAD_POSSESSION", expected, _names(provers))
    for seal in seals:
        try:
            verify_possession(keys[seal.node], run, seal.node, seal.signature)
        except SignatureError as error:
            raise Violation("BAD_POSSESSION", f"a proof by {seal.node}", str(error)) from None


def _check_equivocation(evidence: Equivocation, court: _Court) -> Conviction:
    first, second = evidence.first, evidence.second
    node, slot = first.node, first.statement.slot
    _check_same("BAD_CHAIN", "chain", court.chain_id.hex(), evidence.chain_id.hex())
    _check_same("TWO_NODES", "a second statement of", node, second.node)
    _check_same("TWO_SLOTS", "a second statement of slot", str(slot), str(second.statement.slot))
    kinds = [kind_of(signed.statement) for signed in (first, second)]
    # What is signed is compared, not how it is written: one signature must not convict.
    if _said(first.statement) == _said(second.statement):
        raise Violation("SAME_STATEMENT", f"two {kinds[0]}s that differ", "the same one twice")
    why = contradiction(first.statement, second.statement)
    if why is None:
        found = f"a {kinds[0]} and a {kinds[1]} that it may sign both"
        raise Violation("NO_CONTRADICTION", f"two statements of {node} that exclude another", found)
    for signed in (first, second):
        _check_signed(signed, court)
    return Conviction(
        Misconduct.EQUIVOCATION,
        slot,
        (node,),
        f"{node} signed in slot {slot} what a correct node never signs both ({why}): "
        f"{_describe(first.statement)}; and {_describe(second.statement)}{court.reservation}",
    )


def _said(statement: Statement) -> Value:
    """What a signature of a node covers of a statement, in one slot of one chain."""
    return [claimed_quorum_set(statement), *statement_body(statement)]


def _check_fork(evidence: ForkEvidence, court: _Court) -> Conviction:
    cores = (evidence.first.core, evidence.second.core)
    slot = cores[0].slot
    for core in cores:
        _check_same("BAD_CHAIN", "chain", court.chain_id.hex(), core.chain.hex())
        _check_same("BAD_SLOT", "a block of height", str(core.slot), str(core.height))
    _check_same("TWO_SLOTS", "a second block of slot", str(slot), str(cores[1].slot))
    values = [core_hash(core) for core in cores]
    if values[0] == values[1]:
        raise Violation("SAME_BLOCK", "two blocks that differ", f"{values[0].hex()} twice")
    blocks = (evidence.first, evidence.second)
    votes = [
        _check_certificate(block, value, court) for block, value in zip(blocks, values, strict=True)
    ]
    culprits = double_voters(*votes)
    decided = (
        f"slot {slot} was decided twice, for {_short(values[0])} and for {_short(values[1])}: "
    )
    both = sorted(votes[0].keys() & votes[1].keys())
    if culprits:
        verdict = f"{_names(culprits)} voted for both, and a correct node votes once in a slot"
    elif both:
        verdict = (
            f"{_names(both)} committed both in different views, which a correct node may; the view "
            "changes between them show who lied"
        )
    else:
        quorums = [decided_quorum(each, court.genesis.quorum_sets) for each in votes]
        verdict = (
            f"{_names(sorted(quorums[0]))} and "
            f"{_names(sorted(quorums[1]))} are two quorums of the genesis without a common node, "
            "so nobody need have lied"
        )
    return Conviction(
        Misconduct.FORK, slot, culprits, decided + verdict + court.reservation, apart=not both
    )


def double_voters(
    first: Mapping[NodeId, Statement], second: Mapping[NodeId, Statement]
) -> tuple[NodeId, ...]:
    """The nodes whose votes for two values no correct node casts both, sorted."""
    return tuple(
        node
        for node in sorted(first.keys() & second.keys())
        if contradiction(first[node], second[node]) is not None
    )


def _check_certificate(block: Block, value: Digest, court: _Court) -> dict[NodeId, Statement]:
    """The votes of a block by node: they contain a quorum, and every one of them verified."""
    quorum_sets = court.genesis.quorum_sets
    voters = [seal.node for seal in block.seal.votes]
    try:
        check_voters(voters, quorum_sets)
        for seal in block.seal.votes:
            check_vote_kind(seal, court.genesis.protocol)
        votes = {
            seal.node: sealed_statement(seal, block.core.slot, value, court.quorum_sets[seal.node])
            for seal in block.seal.votes
        }
        decided_quorum(votes, quorum_sets)
    except CertificateError as error:
        raise Violation("NO_QUORUM", f"a certificate of {value.hex()}", str(error)) from None
    for seal in block.seal.votes:
        _check_signed(Signed(votes[seal.node], seal.node, seal.signature), court)
    return votes


def _check_false_proof(evidence: FalseProof, court: _Court) -> Conviction:
    entry, rule = evidence.entry, court.genesis.norm
    author, slot = entry.author, evidence.slot
    _check_same("BAD_CHAIN", "chain", court.chain_id.hex(), evidence.chain_id.hex())
    if rule is None:
        raise Violation("NO_CONTRADICTION", "a coalition that asks for proofs", "one that does not")
    key = court.genesis.nodes.get(author)
    if key is None:
        raise Violation("UNKNOWN_SIGNER", f"one of {_names(sorted(court.genesis.nodes))}", author)
    signed = update_attestation(court.chain_id, slot, evidence.parent, evidence.base, entry)
    try:
        verify_value(key, signed.label, signed.fields, evidence.signature)
    except SignatureError as error:
        raise Violation("BAD_SIGNATURE", f"an update signed by {author}", str(error)) from None
    try:
        check_update_proof(rule, entry, slot, evidence.parent, evidence.base, evidence.file)
    except Violation as violation:
        if violation.code != "BAD_PROOF":
            raise
        why = violation.found
    else:
        raise Violation("NO_CONTRADICTION", "a proof that does not verify", "one that does")
    return Conviction(
        Misconduct.NORM,
        slot,
        (author,),
        f"{author} signed an update in slot {slot} with a proof that proves nothing: "
        f"{why}{court.reservation}",
    )


def _check_signed(signed: Signed[Statement], court: _Court) -> None:
    """Check that a node of the genesis signed a statement on this chain."""
    node = signed.node
    key = court.genesis.nodes.get(node)
    if key is None:
        raise Violation("UNKNOWN_SIGNER", f"one of {_names(sorted(court.genesis.nodes))}", node)
    label, fields = signing_fields(signed.statement, court.chain_id, node, court.quorum_sets[node])
    try:
        verify_value(key, label, fields, signed.signature)
    except SignatureError as error:
        expected = f"a {kind_of(signed.statement)} signed by {node} on chain {court.chain_id.hex()}"
        raise Violation("BAD_SIGNATURE", expected, str(error)) from None


def _check_same(code: str, what: str, expected: str, found: str) -> None:
    if expected != found:
        raise Violation(code, f"{what} {expected}", found)


def _describe(statement: Statement) -> str:
    """A statement in words; what its signer wrote is quoted, for it may hold anything."""
    match statement:
        case Proposal():
            return (
                f"candidate {_short(statement.candidate)}, {_short(statement.accepted)} if "
                f"accepted, {_short(statement.rejected)} if rejected"
            )
        case Verdict():
            judgement = "accept" if statement.accept else "reject"
            scores = "".join(f", {name!r} {score}" for name, score in statement.scores)
            return f"{judgement} {_short(statement.candidate)} for {statement.reason!r}{scores}"
        case Vote():
            return f"for {_short(statement.value)}"
        case _:
            return f"{kind_of(statement)} {_in_words(statement_body(statement)[1:])}"


def _in_words(said: Value) -> str:
    """Numbers as they are, digests by their beginnings, lists in brackets."""
    match said:
        case bytes():
            return _short(Digest(said))
        case list():
            return f"[{', '.join(map(_in_words, said))}]"
        case _:
            return repr(said)


def _read_file(path: Path, size: int) -> bytes:
    """The first bytes of a file."""
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None


def _first_payload(data: bytes) -> bytes:
    """The payload of a segment's first record; data that is no segment as it is."""
    if not data.startswith(MAGIC):
        return data
    if len(data) < HEADER_SIZE:
        raise Violation("BAD_LENGTH", f"{HEADER_SIZE} bytes before a payload", str(len(data)))
    length, crc = read_header(data[:HEADER_SIZE])
    payload = data[HEADER_SIZE : HEADER_SIZE + length]
    if len(payload) < length:
        raise Violation("BAD_LENGTH", f"a payload of {length} bytes", str(len(payload)))
    check_payload(payload, crc)
    return payload


def _short(value: Digest) -> str:
    return value.hex()[:DIGEST_CHARACTERS]


def _names(nodes: Sequence[NodeId]) -> str:
    return ", ".join(nodes) if nodes else "nobody"
