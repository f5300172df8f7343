"""A block: the core that was agreed on, and the seal that shows who agreed.

    payload = encode({"core": bytes, "seal": {...}}),  bytes = encode(core)
    core_hash = SHA-256("tclearn/core/v1" || 0 || bytes)

The core stands in the payload as the very bytes that are hashed (as in COSE), so that nobody has to
encode it again to check it. It is deterministic: a replay of the run gives the same core hashes.
The seal holds what is randomised (signatures) and what may differ between replicas (whose
signatures arrived first).
Source: docs/ledger-format.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from consensus.statements import COUNTER_MAX
from crypto.digest import Digest, digest, digest_encoded
from crypto.encoding import Value, decode, encode
from crypto.errors import EncodingError
from crypto.identity import NodeId

from . import schema
from .body import Body, Candidate, body_value, read_candidate
from .candidate import EndCandidate, ModelCandidate
from .errors import Violation
from .genesis import Genesis, read_genesis
from .model import ModelFile
from .notice import EvidenceNotice, MembershipNotice, OpinionNotice, QualityNotice
from .record import PAYLOAD_SIZE_MAX

VERSION = 1
"""Version of the record format."""
NO_PREVIOUS = Digest(bytes(32))
"""Stands for the previous core hash and the chain id in a genesis block."""
CORE_LABEL = "tclearn/core/v1"
"""Domain label of core hashes."""
SCORE_COUNT_MAX = 16
"""Scores that one verdict may state."""


class RecordType(StrEnum):
    """What a block records."""

    GENESIS = "genesis"
    """The coalition: nodes, keys, quorum sets, rules, commitments to data and configuration."""
    ACCEPTED = "accepted"
    """A candidate model that became the coalition's model."""
    REJECTED = "rejected"
    """A candidate of any kind that was turned down, or a round in which none arrived."""
    EVIDENCE = "evidence"
    """Proof of misconduct."""
    MEMBERSHIP = "membership"
    """What happened to a member."""
    OPINION = "opinion"
    """An expert's opinion of a model."""
    QUALITY = "quality"
    """A peer review of data."""
    END = "end"
    """The run finished: makes a cut of its tail visible in the replica itself."""


@dataclass(frozen=True, slots=True)
class Core:
    """What was agreed on."""

    type: RecordType
    """The kind of record."""
    chain: Digest
    """Core hash of the genesis block; zero in the genesis block itself."""
    height: int
    """Position in the chain, 0 for the genesis block."""
    slot: int
    """The agreement instance that decided this block; equals the height."""
    prev: Digest
    """Core hash of the block before."""
    prev_voters: tuple[NodeId, ...]
    """Whose votes sealed the block before, as its proposer holds them; empty without a proposer."""
    time_us: int
    """Simulated microseconds at which the proposer put it forward."""
    proposer: NodeId | None
    """Who proposed it; none for a genesis block and for a round in which no candidate arrived."""
    body: Body
    """A genesis in a genesis block, the candidate in all others."""


@dataclass(frozen=True, slots=True)
class ProposalSeal:
    """The proposer's signature over both values that its proposal could lead to."""

    accepted: Digest
    """Core hash if accepted."""
    rejected: Digest
    """Core hash if rejected."""
    signature: bytes
    """Over ``tclearn/block/v1``."""


@dataclass(frozen=True, slots=True)
class VerdictSeal:
    """One signed verdict."""

    node: NodeId
    """Who judged."""
    candidate: Digest
    """What was judged; zero when no candidate had arrived."""
    accept: bool
    """The judgement."""
    reason: str
    """Why."""
    scores: tuple[tuple[str, int], ...]
    """Measurements behind it, in millionths, sorted by name."""
    signature: bytes
    """Over ``tclearn/verdict/v1``."""


@dataclass(frozen=True, slots=True)
class NodeSeal:
    """One node's signature over something that the core already says."""

    node: NodeId
    """Who signed."""
    signature: bytes
    """The signature."""


class VoteKind(StrEnum):
    """What a vote in a seal says: which numbers it holds depends on it, see `ledger.decision`."""

    VOTE = "vote"
    """The only vote of a slot (majority, authority)."""
    CONFIRM = "confirm"
    """SCP: accepts commit."""
    EXTERNALIZE = "externalize"
    """SCP: confirms commit."""
    VIEW_COMMIT = "view-commit"
    """PBFT: commits in a view."""


@dataclass(frozen=True, slots=True)
class VoteSeal:
    """One node's signature over its statement for this core hash."""

    node: NodeId
    """Who voted."""
    signature: bytes
    """Over ``tclearn/statement/v1``."""
    kind: VoteKind = VoteKind.VOTE
    """What it said."""
    numbers: tuple[int, ...] = ()
    """Its counters or view."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Who agreed; each list sorted by node, each node at most once."""

    proposal: ProposalSeal | None = None
    """Absent where the core names no proposer."""
    attestations: tuple[NodeSeal, ...] = ()
    """The authors of the candidate's content: see `ledger.attestation`."""
    verdicts: tuple[VerdictSeal, ...] = ()
    """The verdicts that this replica held when the block was decided."""
    votes: tuple[VoteSeal, ...] = ()
    """The votes for this core hash: the certificate."""
    exhibit: Digest | None = None
    """Beside an evidence notice only: SHA-256 of the file of evidence. It covers signatures, which
    are randomised, and so has no place in the core."""
    possessions: tuple[NodeSeal, ...] = ()
    """Genesis only: each node's proof that it holds its voting key."""
    witness_possessions: tuple[NodeSeal, ...] = ()
    """Genesis only: each node's proof that it holds its checkpoint key."""


@dataclass(frozen=True, slots=True)
class Block:
    """A core and its seal."""

    core: Core
    """What was agreed on."""
    seal: Seal
    """Who agreed."""


def model_of(block: Block) -> ModelFile | None:
    """The model file that a block names, if it names one."""
    body = block.core.body
    return body.model if isinstance(body, Genesis | ModelCandidate) else None


def files_of(block: Block) -> tuple[Digest, ...]:
    """The names of the files that belong to a block: model, total, proofs; or its exhibit.

    The same file may be named twice, and then stands there once.
    """
    body = block.core.body
    if isinstance(body, ModelCandidate):
        proofs = (entry.proof for entry in body.updates)
        named = (body.model.file, body.total, *proofs)
        return tuple(dict.fromkeys(name for name in named if name is not None))
    if isinstance(body, Genesis):
        return (body.model.file,)
    return () if block.seal.exhibit is None else (block.seal.exhibit,)


def recorded_as(candidate: Candidate) -> RecordType:
    """The type of the block that records this candidate if it is accepted."""
    return _RECORDED_AS[type(candidate)]


_RECORDED_AS: Mapping[type[Candidate], RecordType] = {
    ModelCandidate: RecordType.ACCEPTED,
    EndCandidate: RecordType.END,
    EvidenceNotice: RecordType.EVIDENCE,
    MembershipNotice: RecordType.MEMBERSHIP,
    OpinionNotice: RecordType.OPINION,
    QualityNotice: RecordType.QUALITY,
}


def core_value(core: Core) -> dict[str, Value]:
    """The map that is encoded and hashed."""
    return {
        "type": core.type.value,
        "version": VERSION,
        "chain": core.chain,
        "height": core.height,
        "slot": core.slot,
        "prev": core.prev,
        "prev_voters": list(core.prev_voters),
        "time_us": core.time_us,
        "proposer": core.proposer,
        "body": body_value(core.body),
    }


def core_hash(core: Core) -> Digest:
    """The value that the vote is about."""
    return digest(CORE_LABEL, core_value(core))


def encode_block(block: Block) -> bytes:
    """The payload of the block's record."""
    return encode({"core": encode(core_value(block.core)), "seal": _seal_value(block)})


def decode_block(payload: bytes) -> tuple[Block, Digest]:
    """Read a payload strictly; the block and its core hash.

    Raises:
        Violation: ``BAD_ENCODING``, ``BAD_SCHEMA`` or ``BAD_QUORUM_SET``.
    """
    encoded, seal = schema.fields(_decode(payload), "the block", "core", "seal")
    core_bytes = schema.octets(encoded, "the core", size_max=PAYLOAD_SIZE_MAX)
    core = _read_core(_decode(core_bytes))
    return Block(core, _read_seal(seal, core)), digest_encoded(CORE_LABEL, core_bytes)


def _decode(data: bytes) -> Value:
    try:
        return decode(data)
    except EncodingError as error:
        raise Violation("BAD_ENCODING", "the strict encoding", str(error)) from None


def _seal_value(block: Block) -> dict[str, Value]:
    seal = block.seal
    if block.core.type is RecordType.GENESIS:
        return {
            "possessions": [_node_seal_value(each) for each in seal.possessions],
            "witness_possessions": [_node_seal_value(each) for each in seal.witness_possessions],
        }
    proposal = seal.proposal
    exhibit: dict[str, Value] = {}
    if isinstance(block.core.body, EvidenceNotice):
        exhibit["exhibit"] = seal.exhibit
    return exhibit | {
        "proposal": None if proposal is None else _proposal_value(proposal),
        "attestations": [_node_seal_value(each) for each in seal.attestations],
        "verdicts": [_verdict_value(each) for each in seal.verdicts],
        "votes": [_vote_value(each) for each in seal.votes],
    }


def _proposal_value(proposal: ProposalSeal) -> Value:
    return {
        "accepted": proposal.accepted,
        "rejected": proposal.rejected,
        "signature": proposal.signature,
    }


def _verdict_value(verdict: VerdictSeal) -> Value:
    return {
        "node": verdict.node,
        "candidate": verdict.candidate,
        "accept": verdict.accept,
        "reason": verdict.reason,
        "scores": dict(verdict.scores),
        "signature": verdict.signature,
    }


def _node_seal_value(seal: NodeSeal) -> Value:
    return {"node": seal.node, "signature": seal.signature}


def _vote_value(seal: VoteSeal) -> Value:
    """A plain vote says nothing that the core does not say already."""
    value: dict[str, Value] = {"node": seal.node, "signature": seal.signature}
    if seal.kind is VoteKind.VOTE:
        return value
    return value | {"said": [seal.kind.value, *seal.numbers]}


def _read_core(value: Any) -> Core:
    kind, version, chain, height, slot, prev, prev_voters, time_us, proposer, body = schema.fields(
        value,
        "the core",
        "type",
        "version",
        "chain",
        "height",
        "slot",
        "prev",
        "prev_voters",
        "time_us",
        "proposer",
        "body",
    )
    if version != VERSION or type(version) is not int:
        raise Violation("BAD_SCHEMA", f"version {VERSION} of the record format", repr(version))
    record_type = schema.member(kind, "type", RecordType)
    voters = schema.items(prev_voters, "prev_voters", schema.node)
    schema.check_sorted(voters, "prev_voters")
    return Core(
        record_type,
        schema.digest32(chain, "chain"),
        schema.integer(height, "height"),
        schema.integer(slot, "slot"),
        schema.digest32(prev, "prev"),
        voters,
        schema.integer(time_us, "time_us"),
        None if proposer is None else schema.node(proposer, "proposer"),
        read_genesis(body) if record_type is RecordType.GENESIS else read_candidate(body),
    )


def _read_seal(value: Any, core: Core) -> Seal:
    if core.type is RecordType.GENESIS:
        voting, witness = schema.fields(value, "the seal", "possessions", "witness_possessions")
        return Seal(
            possessions=_node_seals(voting, "possessions"),
            witness_possessions=_node_seals(witness, "witness_possessions"),
        )
    names = ["proposal", "attestations", "verdicts", "votes"]
    if isinstance(core.body, EvidenceNotice):
        names.append("exhibit")
    proposal, attested, verdicts, votes, *exhibit = schema.fields(value, "the seal", *names)
    read_verdicts = schema.items(verdicts, "verdicts", _read_verdict)
    schema.check_sorted((each.node for each in read_verdicts), "verdicts")
    return Seal(
        None if proposal is None else _read_proposal(proposal),
        _node_seals(attested, "attestations"),
        read_verdicts,
        _vote_seals(votes),
        schema.digest32(exhibit[0], "the exhibit") if exhibit else None,
    )


def _read_proposal(value: Any) -> ProposalSeal:
    accepted, rejected, signature = schema.fields(
        value, "the proposal", "accepted", "rejected", "signature"
    )
    return ProposalSeal(
        schema.digest32(accepted, "accepted"),
        schema.digest32(rejected, "rejected"),
        schema.signature(signature, "the proposal's signature"),
    )


def _read_verdict(value: Any, where: str) -> VerdictSeal:
    node, candidate, accept, reason, scores, signature = schema.fields(
        value, where, "node", "candidate", "accept", "reason", "scores", "signature"
    )
    if type(scores) is not dict or len(scores) > SCORE_COUNT_MAX:
        raise Violation("BAD_SCHEMA", f"a map of at most {SCORE_COUNT_MAX} scores", repr(scores))
    return VerdictSeal(
        schema.node(node, "a verdict's node"),
        schema.digest32(candidate, "a verdict's candidate"),
        schema.boolean(accept, "a verdict's accept"),
        schema.text(reason, "a verdict's reason"),
        tuple(
            (schema.text(name, "a score's name"), schema.integer(score, name))
            for name, score in sorted(scores.items())
        ),
        schema.signature(signature, "a verdict's signature"),
    )


def _node_seals(value: Any, where: str) -> tuple[NodeSeal, ...]:
    seals = schema.items(value, where, _read_node_seal)
    schema.check_sorted((each.node for each in seals), where)
    return seals


def _read_node_seal(value: Any, where: str) -> NodeSeal:
    node, signature = schema.fields(value, where, "node", "signature")
    return NodeSeal(schema.node(node, where), schema.signature(signature, where))


def _vote_seals(value: Any) -> tuple[VoteSeal, ...]:
    seals = schema.items(value, "votes", _read_vote_seal)
    schema.check_sorted((each.node for each in seals), "votes")
    return seals


def _read_vote_seal(value: Any, where: str) -> VoteSeal:
    if type(value) is not dict or "said" not in value:
        plain = _read_node_seal(value, where)
        return VoteSeal(plain.node, plain.signature)
    node, signature, said = schema.fields(value, where, "node", "signature", "said")
    if type(said) is not list or not said:
        raise Violation("BAD_SCHEMA", "a kind and numbers as what a vote says", repr(said)[:80])
    kind = schema.member(said[0], "the kind of a vote", VoteKind)
    count = _NUMBER_COUNTS.get(kind)
    if count is None:
        raise Violation("BAD_SCHEMA", f"nothing said beside a plain {kind}", repr(said)[:80])
    row = schema.row(said, f"a vote of kind {kind}", 1 + count)
    numbers = tuple(
        schema.integer(number, "a number of a vote", most=COUNTER_MAX) for number in row[1:]
    )
    return VoteSeal(schema.node(node, where), schema.signature(signature, where), kind, numbers)


_NUMBER_COUNTS: Mapping[VoteKind, int] = {
    VoteKind.CONFIRM: 4,
    VoteKind.EXTERNALIZE: 2,
    VoteKind.VIEW_COMMIT: 1,
}
"""How many numbers a vote of each kind holds; a plain vote holds none and says nothing."""
