"""What the authors of a candidate's content sign: preimages, shared by writer and audit.

A hospital answers for its update, an expert for an opinion, a reviewer for a score, a member for
what it says of itself. The leader that puts the candidate forward cannot make these up.
"""

from dataclasses import dataclass

from crypto.digest import Digest
from crypto.encoding import Value
from crypto.identity import NodeId

from .body import Body
from .candidate import EndCandidate, ModelCandidate, UpdateEntry
from .genesis import Genesis
from .notice import Action, EvidenceNotice, MembershipNotice, OpinionNotice, QualityNotice

UPDATE_LABEL = "tclearn/update/v1"
"""Domain label and FIPS 204 context of an update's signature."""
PROVEN_LABEL = "tclearn/proven-update/v1"
"""The same where the update comes with a proof: it covers the block before and the proof, too."""

_OWN_ACTIONS = frozenset({Action.JOIN, Action.LEAVE, Action.ROTATE, Action.WITHDRAW})


@dataclass(frozen=True, slots=True)
class Attestation:
    """A signature that a candidate needs."""

    node: NodeId
    """Whose."""
    label: str
    """Under which domain label."""
    fields: list[Value]
    """Over what."""


def attestations(
    body: Body, chain_id: Digest, slot: int, parent: Digest
) -> tuple[Attestation, ...]:
    """The signatures that a candidate needs, sorted by node.

    Args:
        body: The candidate.
        chain_id: Core hash of the genesis block.
        slot: The slot.
        parent: Core hash of the block before.
    """
    match body:
        case ModelCandidate():
            return tuple(
                update_attestation(chain_id, slot, parent, body.base, entry)
                for entry in body.updates
            )
        case OpinionNotice():
            said: list[Value] = [chain_id, body.expert, body.model, body.rating, body.text]
            return (Attestation(body.expert, "tclearn/opinion/v1", said),)
        case QualityNotice():
            return tuple(
                Attestation(
                    reviewer,
                    "tclearn/quality/v1",
                    [chain_id, reviewer, body.owner, body.data, score],
                )
                for reviewer, score in body.reviews
            )
        case MembershipNotice():
            if body.action not in _OWN_ACTIONS:
                return ()
            said = [chain_id, body.node, body.action.value, body.subject, body.reason]
            return (Attestation(body.node, "tclearn/membership/v1", said),)
        case EndCandidate() | EvidenceNotice() | Genesis() | None:
            return ()


def update_attestation(
    chain_id: Digest, slot: int, parent: Digest, base: Digest, entry: UpdateEntry
) -> Attestation:
    """What a hospital signs when it hands in an update: chain, round, base, content, weight.

    With a proof it signs the proof file as well, and what the proof is bound to: a proof that does
    not verify then convicts its author by itself.
    """
    fields: list[Value] = [
        chain_id,
        slot,
        entry.author,
        base,
        entry.update,
        entry.sample_count,
    ]
    if entry.proof is None:
        return Attestation(entry.author, UPDATE_LABEL, fields)
    return Attestation(entry.author, PROVEN_LABEL, [*fields, parent, entry.proof])
