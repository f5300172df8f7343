"""What a hospital checks of a message before it takes it in: nothing is believed unseen."""

from collections.abc import Callable, Iterator, Sequence

from consensus.statements import Proposal
from crypto.digest import sha256
from fl.model import ModelSpec
from fl.update import Update, delta_from_bytes, update_digest
from ledger.block import Block, Core, NodeSeal
from ledger.candidate import ModelCandidate
from ledger.chain import ChainState
from ledger.errors import Violation
from ledger.evidence import check_exhibit
from ledger.genesis import Genesis
from ledger.norm import NormRule, check_total
from ledger.notice import EvidenceNotice

from .contribution import Contribution
from .costs import CostProfile
from .sealing import check_draft
from .signer import Verifier
from .stages import Effort, Work
from .wire import Draft, StatementMessage, UpdateMessage

Accuse = Callable[[UpdateMessage], None]
"""Told of a contribution whose author signed a proof that proves nothing."""


def received_update(
    message: UpdateMessage,
    state: ChainState,
    model: ModelSpec,
    verifier: Verifier,
    accuse: Accuse,
) -> Contribution:
    """A contribution, if it is signed, of this round, proven, and what it says it is.

    Args:
        message: What arrived.
        state: Our chain.
        model: What is learned.
        verifier: Checks signatures and proofs.
        accuse: Told if it is false.

    Raises:
        SignatureError: When its author did not sign it.
        Violation: When it is of another base, of an excluded author, not what was signed, or not
            proven.
        UpdateError: When its bytes are no update of this model.
    """
    entry = message.entry
    verifier.check_update(message.slot, state.head, message.base, entry, message.signature)
    if message.base != state.model.tensors:
        expected = f"the accepted model {state.model.tensors.hex()}"
        raise Violation("BAD_BASE", expected, message.base.hex())
    if entry.author in state.excluded:
        raise Violation("BAD_AUTHOR", "an author who is not excluded", entry.author)
    delta = delta_from_bytes(model, message.delta)
    update = Update(entry.author, delta, entry.sample_count)
    found = update_digest(update)
    if found != entry.update:
        raise Violation("BAD_UPDATE", f"an update of {entry.update.hex()}", found.hex())
    rule = state.genesis.norm
    if rule is not None:
        slot, base = message.slot, message.base
        try:
            file = verifier.check_proof(rule, entry, slot, state.head, base, message.proof)
        except Violation as violation:
            if violation.code == "BAD_PROOF":
                accuse(message)
            raise
        check_total(rule, [file.commitment], message.payload)
    return Contribution(update, entry, message.signature, message.proof, message.payload)


def received_draft(
    message: StatementMessage,
    proposal: Proposal,
    state: ChainState,
    now_us: int,
    genesis: Block,
    verifier: Verifier,
    accuse: Accuse,
) -> Draft:
    """A proposal's draft, if it follows our chain and is what its leader signed.

    What is recorded must be there to be audited, accepted or not: so the files of models and of
    evidence, and the signatures of the authors, are checked before anybody judges.

    Raises:
        SignatureError: When an author did not sign.
        Violation: Naming the rule that it breaks.
    """
    sender = message.signed.node
    if sender != state.leader:
        raise Violation("BAD_PROPOSER", f"{state.leader}, who leads the slot", sender)
    sound = check_draft(proposal, message.draft, sender, state, now_us)
    candidate = sound.candidate
    if isinstance(candidate, ModelCandidate):
        _check_updates(proposal.slot, candidate, state, sound.attestations, verifier)
        try:
            check_proofs(sound.core, (sound.total, *sound.proofs), state.genesis.norm, verifier)
        except Violation:
            for contribution in _false_proofs(proposal.slot, candidate, sound, state, verifier):
                accuse(contribution)
            raise
    elif isinstance(candidate, EvidenceNotice):
        check_exhibit(sound.file, candidate, genesis)
    return sound


def effort_of(
    message: StatementMessage | UpdateMessage, genesis: Genesis, costs: CostProfile
) -> Effort:
    """What checking a message takes: signatures, and proofs."""
    rule = genesis.norm
    length = 0 if rule is None else rule.length
    if isinstance(message, UpdateMessage):
        signatures, proofs = 1, 1 if message.proof else 0
    else:
        signatures = 1 + len(message.supporting)
        proofs = 0 if message.draft is None else len(message.draft.proofs)
    effort = {Work.VERIFY: signatures * costs.verify_us}
    return effort | {Work.CHECK: proofs * costs.check_us(length)} if proofs else effort


def _check_updates(
    slot: int,
    candidate: ModelCandidate,
    state: ChainState,
    seals: tuple[NodeSeal, ...],
    verifier: Verifier,
) -> None:
    if [seal.node for seal in seals] != [entry.author for entry in candidate.updates]:
        raise Violation("BAD_UPDATE", "a signature of each author", "others")
    for entry, seal in zip(candidate.updates, seals, strict=True):
        verifier.check_update(slot, state.head, candidate.base, entry, seal.signature)


def check_proofs(
    core: Core, files: Sequence[bytes], rule: NormRule | None, verifier: Verifier
) -> None:
    """Check the proofs of a candidate's updates, and that its total is what was proven.

    Args:
        core: The block to be.
        files: Its total and its proof files, in the order of the updates.
        rule: What has to be proven, if anything has.
        verifier: Remembers what it verified.

    Raises:
        Violation: ``BAD_PROOF_FILE``, ``BAD_PROOF`` or ``BAD_TOTAL``.
    """
    candidate = core.body
    if rule is None or not isinstance(candidate, ModelCandidate):
        return
    if len(files) != 1 + len(candidate.updates) or sha256(files[0]) != candidate.total:
        raise Violation("BAD_PROOF_FILE", "the total and a proof of each update", "other files")
    total, *proofs = files
    proven = [
        verifier.check_proof(rule, entry, core.slot, core.prev, candidate.base, proof)
        for entry, proof in zip(candidate.updates, proofs, strict=True)
    ]
    check_total(rule, [file.commitment for file in proven], total)


def _false_proofs(
    slot: int, candidate: ModelCandidate, draft: Draft, state: ChainState, verifier: Verifier
) -> Iterator[UpdateMessage]:
    """Yield the contributions to a draft whose authors signed proofs of nothing."""
    rule, base = state.genesis.norm, candidate.base
    if rule is None:
        return
    signed = zip(candidate.updates, draft.attestations, draft.proofs, strict=False)
    for entry, seal, proof in signed:
        try:
            verifier.check_proof(rule, entry, slot, state.head, base, proof)
        except Violation as violation:
            if violation.code == "BAD_PROOF":
                yield UpdateMessage(slot, base, entry, b"", seal.signature, proof)
