"""What a hospital checks of a message before it takes it in: nothing is believed unseen."""

from consensus.statements import Proposal
from fl.model import ModelSpec
from fl.update import Update, delta_from_bytes, update_digest
from ledger.block import Block, NodeSeal
from ledger.candidate import ModelCandidate
from ledger.chain import ChainState
from ledger.errors import Violation
from ledger.evidence import check_exhibit
from ledger.notice import EvidenceNotice

from .sealing import check_draft
from .signer import Verifier
from .wire import Draft, StatementMessage, UpdateMessage


def received_update(
    message: UpdateMessage, state: ChainState, model: ModelSpec, verifier: Verifier
) -> Update:
    """A contribution, if it is signed, of this round, and what it says it is.

    Args:
        message: What arrived.
        state: Our chain.
        model: What is learned.
        verifier: Checks signatures.

    Raises:
        SignatureError: When its author did not sign it.
        Violation: When it is of another base, of an excluded author, or not what was signed.
        UpdateError: When its bytes are no update of this model.
    """
    entry = message.entry
    verifier.check_update(message.slot, message.base, entry, message.signature)
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
    return update


def received_draft(
    message: StatementMessage,
    proposal: Proposal,
    state: ChainState,
    now_us: int,
    genesis: Block,
    verifier: Verifier,
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
        _check_updates(proposal.slot, candidate, sound.attestations, verifier)
    elif isinstance(candidate, EvidenceNotice):
        check_exhibit(sound.file, candidate, genesis)
    return sound


def _check_updates(
    slot: int, candidate: ModelCandidate, seals: tuple[NodeSeal, ...], verifier: Verifier
) -> None:
    if [seal.node for seal in seals] != [entry.author for entry in candidate.updates]:
        raise Violation("BAD_UPDATE", "a signature of each author", "others")
    for entry, seal in zip(candidate.updates, seals, strict=True):
        verifier.check_update(slot, candidate.base, entry, seal.signature)
