"""What a hospital has to say about others: evidence it holds, authors to be quarantined.

A leader that holds such a matter proposes it in the place of a model; the learning goes on with the
next leader. Everybody judges a notice by itself: evidence by the genesis alone, a quarantine by the
rejections on the own chain.
"""

from consensus.messages import Accuse, Validated
from crypto.digest import Digest
from crypto.identity import NodeId
from ledger.block import Block, RecordType, core_hash
from ledger.body import Candidate
from ledger.chain import ChainState
from ledger.errors import Violation
from ledger.evidence import (
    Equivocation,
    Evidence,
    FalseProof,
    check_exhibit,
    encode_evidence,
    notice_of,
)
from ledger.notice import Action, EvidenceNotice, MembershipNotice

from .open_slot import OpenSlot
from .wire import Draft, UpdateMessage

NOTICE_REASON = "notice"
"""Reason of a verdict on a notice that this hospital cannot confirm."""
_NO_SUBJECT = Digest(bytes(32))
_SOUND = "ok"


class Docket:
    """Open matters of one hospital."""

    def __init__(self, genesis: Block) -> None:
        self._genesis = genesis
        self._evidence: dict[NodeId, Evidence] = {}

    def accuse(self, accusation: Accuse, open_slot: OpenSlot) -> Equivocation | None:
        """Make evidence of an accusation, and keep it until it is on the chain.

        The first against each node is enough for the chain.

        Returns:
            The evidence; None where one of the two statements was not kept.
        """
        node = accusation.node
        first = open_slot.signed.get((node, accusation.first))
        second = open_slot.signed.get((node, accusation.second))
        if first is None or second is None:
            return None
        evidence = Equivocation(core_hash(self._genesis.core), first, second)
        self._evidence.setdefault(node, evidence)
        return evidence

    def accuse_of_false_proof(self, message: UpdateMessage, parent: Digest) -> FalseProof:
        """Make evidence of an update whose proof does not verify, and keep it."""
        evidence = FalseProof(
            core_hash(self._genesis.core),
            message.slot,
            parent,
            message.base,
            message.entry,
            message.signature,
            message.proof,
        )
        self._evidence.setdefault(message.entry.author, evidence)
        return evidence

    def settle(self, block: Block) -> None:
        """Close what a block of the chain has recorded."""
        body = block.core.body
        if block.core.type is RecordType.EVIDENCE and isinstance(body, EvidenceNotice):
            for culprit in body.culprits:
                self._evidence.pop(culprit, None)

    def next_matter(self, state: ChainState) -> tuple[Candidate, bytes] | None:
        """A notice that this hospital would propose now, with the file that goes with it."""
        for culprit in sorted(self._evidence):
            if culprit in state.excluded:
                continue
            evidence = self._evidence[culprit]
            return notice_of(evidence, self._genesis), encode_evidence(evidence)
        author = _to_quarantine(state)
        if author is None:
            return None
        count = state.rejections[author]
        reason = f"{count} of its candidates were rejected"
        return MembershipNotice(Action.QUARANTINE, author, _NO_SUBJECT, reason), b""

    def judge(self, slot: int, digest: Digest, draft: Draft, state: ChainState) -> Validated:
        """This hospital's verdict on somebody's notice."""
        sound = self._confirms(draft, state)
        return Validated(slot, digest, sound, _SOUND if sound else NOTICE_REASON, ())

    def _confirms(self, draft: Draft, state: ChainState) -> bool:
        notice = draft.candidate
        if isinstance(notice, EvidenceNotice):
            known = state.excluded.issuperset(notice.culprits)
            return not known and _shows(draft.file, notice, self._genesis)
        if isinstance(notice, MembershipNotice) and notice.action is Action.QUARANTINE:
            return notice.node == _to_quarantine(state)
        return False  # what its hospital has not seen for itself it does not confirm


def _to_quarantine(state: ChainState) -> NodeId | None:
    """Of the authors that the coalition's rule puts into quarantine, the first."""
    least = state.genesis.quarantine_after
    authors = sorted(
        author
        for author, count in state.rejections.items()
        if least and count >= least and author not in state.excluded
    )
    return authors[0] if authors else None


def _shows(file: bytes, notice: EvidenceNotice, genesis: Block) -> bool:
    try:
        check_exhibit(file, notice, genesis)
    except Violation:
        return False
    return True
