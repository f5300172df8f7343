"""What the shell of a hospital knows of the slot that is open."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import simpy

from consensus.messages import Recall
from consensus.statements import Proposal, Statement
from crypto.digest import Digest
from crypto.envelope import Signed
from crypto.identity import NodeId
from ledger.audit.authority import Authority, violation_in
from ledger.block import Block, Core, core_hash
from ledger.body import candidate_digest
from ledger.chain import ChainState

from .contribution import Contribution
from .sealing import rejected_core, seal_of
from .wire import Draft

DRAFTS_MAX = 4
"""Drafts of one slot that are kept: a correct leader makes one."""
SIGNED_MAX = 100_000
"""Signed statements of one slot that are kept."""


@dataclass(slots=True)
class OpenSlot:
    """Drafts, signed statements and updates of one slot."""

    slot: int
    """The slot."""
    leader: NodeId
    """Who may propose."""
    absent: Core
    """The block if no candidate comes."""
    drafts: dict[Digest, Draft] = field(default_factory=dict)
    """What was proposed, by candidate; of a correct leader one."""
    signed: dict[tuple[NodeId, Statement], Signed[Statement]] = field(default_factory=dict)
    """What was said, in the order in which it was heard."""
    updates: dict[NodeId, Contribution] = field(default_factory=dict)
    """Contributions to the candidate, by author."""
    awaited: int = 0
    """How many contributions it may have."""
    collected: simpy.Event | None = None
    """Succeeds when everybody has contributed."""
    decided: Digest | None = None
    """What the node decided."""

    def keep(self, signed: Signed[Statement]) -> bool:
        """Keep a statement; False if there is no room."""
        if len(self.signed) >= SIGNED_MAX:
            return False
        self.signed.setdefault((signed.node, signed.statement), signed)
        return True

    def keep_draft(self, draft: Draft) -> None:
        """Keep what a proposal is about."""
        if len(self.drafts) < DRAFTS_MAX:
            self.drafts.setdefault(candidate_digest(draft.candidate), draft)

    def draft_of(self, statement: Statement) -> Draft | None:
        """The draft that a proposal is about; None for other statements."""
        return self.drafts.get(statement.candidate) if isinstance(statement, Proposal) else None

    @property
    def values(self) -> tuple[Digest, ...]:
        """The values that the slot may decide, as far as they are known.

        With a draft: if its candidate is accepted, if it is rejected, if none comes; else the last.
        """
        draft = next(iter(self.drafts.values()), None)
        named = () if draft is None else (draft.core, rejected_core(draft.core))
        return tuple(core_hash(core) for core in (*named, self.absent))

    def recordable(
        self, state: ChainState, known: Authority
    ) -> tuple[Block, tuple[bytes, ...]] | None:
        """The block of what was decided, with its files, once what is held shows it to an auditor.

        A decision may overtake the proposal, the verdicts or the votes that it rests on.

        Args:
            state: Our chain before it.
            known: Who may decide, and who we are.
        """
        found = None if self.decided is None else self.decided_core(self.decided)
        if found is None or self.decided is None:
            return None
        core, draft = found
        seal = seal_of(self.signed.values(), self.decided, draft, known.quorum_sets)
        block = Block(core, seal)
        if violation_in(block, self.decided, known, state.leader) is not None:
            return None
        return block, () if draft is None else draft.files

    def recall(self, said: Sequence[Signed[Statement]]) -> Recall | None:
        """Take up what was said in a life before; what the new node is to be told of it.

        A proposal counts from when what it was about has come back: it may never have left.
        """
        for signed in said:
            self.keep(signed)
        newest = {type(signed.statement): signed.statement for signed in said}
        newest.pop(Proposal, None)
        return Recall(tuple(newest.values())) if newest else None

    def has_proposed(self, node: NodeId) -> bool:
        """Whether a node has proposed in this slot."""
        return any(isinstance(each.statement, Proposal) for each in self.said_by(node))

    def said_by(self, node: NodeId) -> Iterator[Signed[Statement]]:
        """What one node said, in that order."""
        return (signed for (author, _), signed in self.signed.items() if author == node)

    def decided_core(self, value: Digest) -> tuple[Core, Draft | None] | None:
        """The core that has this hash, with its draft if a candidate led to it; None if unknown."""
        for draft in self.drafts.values():
            for core in (draft.core, rejected_core(draft.core)):
                if core_hash(core) == value:
                    return core, draft
        return (self.absent, None) if core_hash(self.absent) == value else None
