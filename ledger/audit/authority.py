"""Level L2: every signature, and whether those who signed had the authority to decide.

A certificate is a quorum by the greatest fixpoint over the genesis' quorum sets, never a count.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from consensus.certificate import check_blocking, check_decision, check_quorum, check_voters
from consensus.errors import CertificateError
from consensus.quorum import quorum_set_digest
from consensus.statements import NO_CANDIDATE, Proposal, Statement, Verdict, signing_fields
from crypto.digest import Digest
from crypto.envelope import verify_value
from crypto.errors import SignatureError
from crypto.identity import NodeId
from crypto.possession import verify_possession
from crypto.signature import PublicKey

from ..attestation import attestations
from ..block import Block, NodeSeal, RecordType
from ..body import candidate_digest
from ..chain import ChainState
from ..decision import check_vote_kind, decides, sealed_statement
from ..errors import Violation
from ..genesis import Genesis
from .signatures import SignatureCheck


@dataclass(frozen=True, slots=True)
class Authority:
    """What is needed to judge the seals of one chain; made once per replica."""

    genesis: Genesis
    """The keys and quorum sets."""
    chain_id: Digest
    """The chain that every signature names."""
    owner: NodeId
    """The node whose replica this is: its quorum set must be convinced."""
    quorum_sets: Mapping[NodeId, Digest]
    """Digest of each node's quorum set, as it stands in its statements."""


def authority(state: ChainState, owner: NodeId) -> Authority:
    """Gather what the genesis says about who may decide."""
    genesis = state.genesis
    digests = {node: quorum_set_digest(each) for node, each in genesis.quorum_sets.items()}
    return Authority(genesis, state.chain_id, owner, digests)


def check_genesis(block: Block, genesis: Genesis) -> Iterator[Violation]:
    """Yield what is wrong with the possession proofs of a genesis block."""
    yield from _check_possessions(block.seal.possessions, genesis.nodes, genesis.run)
    yield from _check_possessions(block.seal.witness_possessions, genesis.witnesses, genesis.run)


def signature_count(block: Block) -> int:
    """Signatures that a block carries."""
    seal = block.seal
    listed = (seal.attestations, seal.verdicts, seal.votes, seal.possessions)
    return sum(map(len, (*listed, seal.witness_possessions))) + (seal.proposal is not None)


def check_seal(
    block: Block, value: Digest, known: Authority, leader: NodeId
) -> Iterator[Violation | SignatureCheck]:
    """Yield what is wrong with the seal of a block, and the signatures that have to verify.

    Args:
        block: A block that the chain has taken in.
        value: Its core hash.
        known: Who may decide.
        leader: Who may propose this block: `ChainState.leader` before it.
    """
    candidate = block.core.body
    if isinstance(candidate, Genesis):
        return
    judged = NO_CANDIDATE if candidate is None else candidate_digest(candidate)
    yield from _check_proposal(block, judged, value, known, leader)
    yield from _check_attestations(block, known)
    yield from _check_verdicts(block, judged, known)
    yield from _check_votes(block, value, known)


def _check_possessions(
    seals: tuple[NodeSeal, ...], keys: Mapping[NodeId, PublicKey], run: Digest
) -> Iterator[Violation]:
    provers = [seal.node for seal in seals]
    if provers != sorted(keys):
        expected = f"a possession proof of each of {', '.join(sorted(keys))}"
        yield Violation("BAD_POSSESSION", expected, ", ".join(provers) or "none")
    for seal in seals:
        if seal.node in keys:
            try:
                verify_possession(keys[seal.node], run, seal.node, seal.signature)
            except SignatureError as error:
                yield Violation("BAD_POSSESSION", f"a proof by {seal.node}", str(error))


def _check_proposal(
    block: Block, judged: Digest, value: Digest, known: Authority, leader: NodeId
) -> Iterator[Violation | SignatureCheck]:
    core, proposal = block.core, block.seal.proposal
    if core.proposer is None:
        if proposal is not None:
            yield Violation("BAD_PROPOSAL", "no proposal without a candidate", "a proposal")
        return
    if core.proposer != leader:
        yield Violation("BAD_PROPOSER", f"{leader}, who leads slot {core.slot}", core.proposer)
    if proposal is None:
        yield Violation("BAD_PROPOSAL", f"a proposal signed by {core.proposer}", "none")
        return
    named = proposal.rejected if core.type is RecordType.REJECTED else proposal.accepted
    if named != value:
        yield Violation("BAD_PROPOSAL", f"a proposal of {value.hex()}", named.hex())
    statement = Proposal(core.slot, judged, proposal.accepted, proposal.rejected)
    yield _signed("BAD_PROPOSAL_SIGNATURE", statement, core.proposer, proposal.signature, known)


def _check_attestations(block: Block, known: Authority) -> Iterator[Violation | SignatureCheck]:
    """The authors of what the candidate says have signed it, and nobody else."""
    needed = attestations(block.core.body, known.chain_id, block.core.slot, block.core.prev)
    authors = [each.node for each in needed]
    signers = [seal.node for seal in block.seal.attestations]
    if authors != signers:
        expected = f"content signed by {', '.join(authors) or 'nobody'}"
        yield Violation("BAD_ATTESTATION", expected, ", ".join(signers) or "nobody")
        return
    for each, seal in zip(needed, block.seal.attestations, strict=True):
        key = known.genesis.nodes.get(each.node)
        if key is not None:  # who asks to join has no key here yet: its word proves nothing
            yield SignatureCheck(
                "BAD_ATTESTATION_SIGNATURE",
                each.node,
                key,
                each.label,
                each.fields,
                seal.signature,
            )


def _check_verdicts(
    block: Block, judged: Digest, known: Authority
) -> Iterator[Violation | SignatureCheck]:
    core = block.core
    for seal in block.seal.verdicts:
        if seal.node not in known.genesis.nodes:
            yield Violation("UNKNOWN_SIGNER", "a node of the genesis", seal.node)
            continue
        if seal.candidate not in (judged, NO_CANDIDATE):
            yield Violation("BAD_VERDICT", f"a verdict on {judged.hex()}", seal.candidate.hex())
        verdict = Verdict(core.slot, seal.candidate, seal.accept, seal.reason, seal.scores)
        yield _signed("BAD_VERDICT_SIGNATURE", verdict, seal.node, seal.signature, known)
    if core.body is not None:
        yield from _check_justified(block, judged, known)


def _check_justified(block: Block, judged: Digest, known: Authority) -> Iterator[Violation]:
    """An outcome is objectively valid: a quorum accepted, or a v-blocking set rejected.

    By the quorum set of the owner, or of one of those whose votes decided: where quorum sets
    differ, a node accepts what a v-blocking set accepts, whatever the verdicts say to itself.
    """
    rejected = block.core.type is RecordType.REJECTED
    judges = [
        seal.node
        for seal in block.seal.verdicts
        if seal.accept is not rejected
        and seal.candidate == judged
        and seal.node in known.genesis.nodes
    ]
    sets = known.genesis.quorum_sets
    check = check_blocking if rejected else check_quorum
    refusal: CertificateError | None = None
    for node in (known.owner, *(seal.node for seal in block.seal.votes if seal.node in sets)):
        try:
            check(judges, node, sets)
        except CertificateError as error:
            refusal = refusal or error
        else:
            return
    expected = f"verdicts that justify a record of type {block.core.type}"
    yield Violation("UNJUSTIFIED", expected, str(refusal))


def _check_votes(
    block: Block, value: Digest, known: Authority
) -> Iterator[Violation | SignatureCheck]:
    said = _statements(block, value, known)
    try:
        check_voters([seal.node for seal in block.seal.votes], known.genesis.quorum_sets)
        check_decision(said, known.owner, known.genesis.quorum_sets)
    except CertificateError as error:
        yield Violation("NO_QUORUM", f"votes that convince {known.owner}", str(error))
    for seal in block.seal.votes:
        try:
            check_vote_kind(seal, known.genesis.protocol)
        except Violation as violation:
            yield violation
    for seal in block.seal.votes:
        if seal.node in said:
            yield _signed("BAD_VOTE_SIGNATURE", said[seal.node], seal.node, seal.signature, known)


def _statements(block: Block, value: Digest, known: Authority) -> dict[NodeId, Statement]:
    """What each known voter of a seal said, if it is what the chain's protocol decides by."""
    return {
        seal.node: sealed_statement(seal, block.core.slot, value, known.quorum_sets[seal.node])
        for seal in block.seal.votes
        if seal.node in known.quorum_sets and decides(seal, known.genesis.protocol)
    }


def _signed(
    code: str, statement: Statement, node: NodeId, signature: bytes, known: Authority
) -> SignatureCheck:
    label, fields = signing_fields(statement, known.chain_id, node, known.quorum_sets[node])
    return SignatureCheck(code, node, known.genesis.nodes[node], label, fields, signature)


def valid_votes(block: Block, value: Digest, known: Authority) -> dict[NodeId, Statement]:
    """The votes for a block that stand in its seal; their signatures are verified here.

    Args:
        block: A block of the chain.
        value: Its core hash.
        known: The keys and quorum sets of the chain.
    """
    said = _statements(block, value, known)
    found: dict[NodeId, Statement] = {}
    for seal in block.seal.votes:
        if seal.node in said:
            check = _signed("BAD_VOTE_SIGNATURE", said[seal.node], seal.node, seal.signature, known)
            with suppress(SignatureError):
                verify_value(check.key, check.label, check.fields, check.signature)
                found[seal.node] = said[seal.node]
    return found


def violation_in(block: Block, value: Digest, known: Authority, leader: NodeId) -> Violation | None:
    """What an audit of the owner's replica would hold against a block, signatures apart.

    A hospital asks before it appends: what its own audit refuses it does not record.
    """
    found = check_seal(block, value, known, leader)
    return next((each for each in found if isinstance(each, Violation)), None)
