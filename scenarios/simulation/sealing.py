"""From drafts and signed statements to blocks: pure functions that every hospital applies alike."""

from collections.abc import Iterable
from dataclasses import replace

from consensus.messages import NO_CANDIDATE, Proposal, Statement, Verdict, Vote
from crypto.digest import Digest, sha256
from crypto.envelope import Signed
from crypto.errors import TensorFileError
from crypto.identity import NodeId
from crypto.tensors import tensor_digest
from ledger import chain
from ledger.block import (
    Block,
    Core,
    NodeSeal,
    ProposalSeal,
    RecordType,
    Seal,
    VerdictSeal,
    core_hash,
    decode_block,
    encode_block,
    recorded_as,
)
from ledger.body import Candidate, candidate_digest
from ledger.candidate import ModelCandidate
from ledger.chain import ChainState
from ledger.errors import Violation
from ledger.model import ModelFile

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
) -> None:
    """Rebuild what a proposal names from our own chain.

    Raises:
        Violation: When the draft does not follow our chain or is not what was signed.
    """
    if draft is None or draft.core.proposer != sender:
        raise Violation("BAD_PROPOSAL", f"a proposal with a draft by {sender}", "none")
    core = draft.core
    if core.time_us > now_us:
        raise Violation("BAD_PROPOSAL", f"a time of at most {now_us} us", str(core.time_us))
    value = core_hash(core)
    block = Block(core, Seal(attestations=draft.attestations))
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


def _check_file(model: ModelFile, file: bytes) -> None:
    """What is recorded must be there to be audited, rejected or not: the file that is claimed."""
    try:
        found = ModelFile(sha256(file), tensor_digest(file), len(file))
    except TensorFileError as error:
        raise Violation("BAD_PROPOSAL", "a strict safetensors file", str(error)) from None
    if found != model:
        raise Violation("BAD_PROPOSAL", f"the file {model.file.hex()}", found.file.hex())


def decided_core(value: Digest, draft: Draft | None, absent: Core) -> tuple[Core, Draft | None]:
    """The core that has this hash, with its draft if a candidate led to it."""
    if draft is not None:
        for core in (draft.core, rejected_core(draft.core)):
            if core_hash(core) == value:
                return core, draft
    return absent, None


def seal_of(statements: Iterable[Signed[Statement]], value: Digest, draft: Draft | None) -> Seal:
    """The signatures held for a decided value, sorted by node.

    Args:
        statements: What was signed in the slot, one of each kind per node.
        value: The core hash that was decided.
        draft: The candidate's draft, or None when none arrived.
    """
    judged = NO_CANDIDATE if draft is None else candidate_digest(draft.candidate)
    proposal: ProposalSeal | None = None
    verdicts: list[VerdictSeal] = []
    votes: list[NodeSeal] = []
    for signed in sorted(statements, key=lambda each: each.node):
        match signed.statement:
            case Proposal() as said:
                if draft is not None and said.candidate == judged:
                    proposal = ProposalSeal(said.accepted, said.rejected, signed.signature)
            case Verdict() as said:
                if said.candidate in (judged, NO_CANDIDATE):
                    verdicts.append(_verdict_seal(said, signed))
            case Vote() as said:
                if said.value == value:
                    votes.append(NodeSeal(signed.node, signed.signature))
    attested = () if draft is None else draft.attestations
    return Seal(proposal, attested, tuple(verdicts), tuple(votes))


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
