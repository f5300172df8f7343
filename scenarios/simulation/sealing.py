"""From drafts and signed statements to blocks: pure functions that every hospital applies alike."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from consensus.certificate import decided_value
from consensus.statements import NO_CANDIDATE, Proposal, Statement, Verdict, claimed_quorum_set
from crypto.digest import Digest, sha256
from crypto.envelope import Signed
from crypto.errors import TensorFileError
from crypto.identity import NodeId
from crypto.tensors import tensor_digest
from ledger import chain
from ledger.block import (
    Block,
    Core,
    ProposalSeal,
    RecordType,
    Seal,
    VerdictSeal,
    VoteKind,
    VoteSeal,
    core_hash,
    decode_block,
    encode_block,
    recorded_as,
)
from ledger.body import Candidate, candidate_digest
from ledger.candidate import ModelCandidate
from ledger.chain import ChainState
from ledger.decision import vote_seal
from ledger.errors import Violation
from ledger.model import ModelFile
from ledger.notice import EvidenceNotice

from .wire import Draft


def absent_core(state: ChainState, timeout_us: int) -> Core:
    """The next block if no candidate arrives: its time is when the slot gives up, for everyone."""
    return _next_core(state, RecordType.REJECTED, None, (), state.time_us + timeout_us, None)


def accepted_core(state: ChainState, candidate: Candidate, time_us: int, proposer: NodeId) -> Core:
    """The next block if this candidate is accepted."""
    return _next_core(state, recorded_as(candidate), candidate, state.voters, time_us, proposer)


def rejected_core(accepted: Core) -> Core:
    """The same block if the candidate is rejected."""
    return replace(accepted, type=RecordType.REJECTED)


def check_draft(
    proposal: Proposal, draft: Draft | None, sender: NodeId, state: ChainState, now_us: int
) -> Draft:
    """Rebuild what a proposal names from our own chain; the draft, if it is sound.

    Raises:
        Violation: When the draft does not follow our chain or is not what was signed.
    """
    if draft is None or draft.core.proposer != sender:
        raise Violation("BAD_PROPOSAL", f"a proposal with a draft by {sender}", "none")
    core = draft.core
    if core.time_us > now_us:
        raise Violation("BAD_PROPOSAL", f"a time of at most {now_us} us", str(core.time_us))
    value = core_hash(core)
    block = Block(core, Seal(attestations=draft.attestations, exhibit=_exhibit(draft)))
    if decode_block(encode_block(block)) != (block, value):
        raise Violation("BAD_PROPOSAL", "a core that reads back as it is", "another")
    chain.extend(state, block, value)
    if core.body != draft.candidate:
        raise Violation("BAD_PROPOSAL", "the candidate that its core names", "another")
    if isinstance(draft.candidate, ModelCandidate):
        _check_file(draft.candidate.model, draft.file)
    expected = (candidate_digest(draft.candidate), value, core_hash(rejected_core(core)))
    if (proposal.candidate, proposal.accepted, proposal.rejected) != expected:
        raise Violation("BAD_PROPOSAL", "the values that its draft leads to", "others")
    return draft


def _check_file(model: ModelFile, file: bytes) -> None:
    """What is recorded must be there to be audited, rejected or not: the file that is claimed."""
    try:
        found = ModelFile(sha256(file), tensor_digest(file), len(file))
    except TensorFileError as error:
        raise Violation("BAD_PROPOSAL", "a strict safetensors file", str(error)) from None
    if found != model:
        raise Violation("BAD_PROPOSAL", f"the file {model.file.hex()}", found.file.hex())


def seal_of(
    statements: Iterable[Signed[Statement]],
    value: Digest,
    draft: Draft | None,
    quorum_sets: Mapping[NodeId, Digest],
) -> Seal:
    """The signatures held for a decided value, sorted by node.

    Args:
        statements: What was signed in the slot, of each node in the order in which it was heard.
        value: The core hash that was decided.
        draft: The candidate's draft, or None when none arrived.
        quorum_sets: Digest of each node's quorum set; what was said under another is no vote.
    """
    judged = NO_CANDIDATE if draft is None else candidate_digest(draft.candidate)
    proposal: ProposalSeal | None = None
    verdicts: dict[NodeId, VerdictSeal] = {}
    votes: dict[NodeId, list[Signed[Statement]]] = {}
    for signed in statements:
        node = signed.node
        match signed.statement:
            case Proposal() as said:
                if draft is not None and said.candidate == judged and proposal is None:
                    proposal = ProposalSeal(said.accepted, said.rejected, signed.signature)
            case Verdict() as said:
                if said.candidate in (judged, NO_CANDIDATE):
                    verdicts.setdefault(node, _verdict_seal(said, signed))
            case said:
                claimed = claimed_quorum_set(said)
                if decided_value(said) == value and claimed in (None, quorum_sets[node]):
                    votes.setdefault(node, []).append(signed)
    attested = () if draft is None else draft.attestations
    exhibit = None if draft is None else _exhibit(draft)
    return Seal(proposal, attested, _by_node(verdicts), _certificate(votes), exhibit)


def _exhibit(draft: Draft) -> Digest | None:
    """The name of the file that goes with an evidence notice."""
    return sha256(draft.file) if isinstance(draft.candidate, EvidenceNotice) else None


def _certificate(votes: Mapping[NodeId, Sequence[Signed[Statement]]]) -> tuple[VoteSeal, ...]:
    """One vote of each node: of SCP's the one that says most, of PBFT's those of one view.

    Only commits of one view count together, so it is the view that most nodes have committed in.
    """
    seals = {
        node: [seal for signed in said if (seal := vote_seal(signed)) is not None]
        for node, said in votes.items()
    }
    commits = VoteKind.VIEW_COMMIT
    views = Counter(
        seal.numbers for each in seals.values() for seal in each if seal.kind is commits
    )
    view = max(views, key=lambda numbers: (views[numbers], numbers), default=())
    chosen = {
        node: max(
            (seal for seal in each if seal.kind is not commits or seal.numbers == view),
            key=lambda seal: (seal.kind is VoteKind.EXTERNALIZE, seal.numbers),
            default=None,
        )
        for node, each in seals.items()
    }
    return tuple(seal for _, seal in sorted(chosen.items()) if seal is not None)


def _by_node(seals: Mapping[NodeId, VerdictSeal]) -> tuple[VerdictSeal, ...]:
    return tuple(seal for _, seal in sorted(seals.items()))


def _next_core(
    state: ChainState,
    record_type: RecordType,
    candidate: Candidate | None,
    prev_voters: tuple[NodeId, ...],
    time_us: int,
    proposer: NodeId | None,
) -> Core:
    height = state.height + 1
    return Core(
        record_type,
        state.chain_id,
        height,
        height,
        state.head,
        prev_voters,
        time_us,
        proposer,
        candidate,
    )


def _verdict_seal(verdict: Verdict, signed: Signed[Statement]) -> VerdictSeal:
    return VerdictSeal(
        signed.node,
        verdict.candidate,
        verdict.accept,
        verdict.reason,
        verdict.scores,
        signed.signature,
    )
