"""What hospitals send each other, with the sizes that count on the wire.

A message is a value; its size is that of its real bytes: the encoded statement, its signature, and
the model or update that travels with it.
"""

from dataclasses import dataclass

from consensus.quorum import QuorumSet, quorum_set_value
from consensus.statements import Statement, kind_of, signing_fields
from crypto.digest import Digest
from crypto.encoding import encode
from crypto.envelope import Signed
from crypto.identity import NodeId
from ledger.block import Core, NodeSeal, core_value
from ledger.body import Candidate
from ledger.candidate import UpdateEntry


@dataclass(frozen=True, slots=True)
class Draft:
    """What a proposal is about: enough for a receiver to rebuild both values it names."""

    core: Core
    """The block if the candidate is accepted."""
    candidate: Candidate
    """The candidate, as it stands in the core's body."""
    file: bytes
    """The candidate's weights; empty when it is not a model."""
    attestations: tuple[NodeSeal, ...]
    """The signatures of the authors of what the candidate says."""
    proofs: tuple[bytes, ...] = ()
    """The proof file of each update; empty where nothing is proven."""
    total: bytes = b""
    """The file that opens the sum of the commitments; empty where nothing is proven."""

    @property
    def files(self) -> tuple[bytes, ...]:
        """What goes with the block, each once."""
        named = (self.file, self.total, *self.proofs)
        return tuple(dict.fromkeys(file for file in named if file))


@dataclass(frozen=True, slots=True)
class StatementMessage:
    """A signed statement of the consensus protocol."""

    signed: Signed[Statement]
    """The statement, its author and the signature."""
    draft: Draft | None
    """Travels with a `Proposal`, and with nothing else."""
    size_bytes: int
    """Bytes on the wire."""
    supporting: tuple[Signed[Statement], ...] = ()
    """Statements of others that the receiver is to take in first: what this one rests on."""
    again: bool = False
    """Whether it was sent before: its sender waits, and may have missed the decision."""

    @property
    def slot(self) -> int:
        """The slot it belongs to."""
        return self.signed.statement.slot


@dataclass(frozen=True, slots=True)
class UpdateMessage:
    """A hospital's contribution to the round, for the slot's leader."""

    slot: int
    """The round."""
    base: Digest
    """Tensor digest of the model it was trained from."""
    entry: UpdateEntry
    """Author, digest and sample count."""
    delta: bytes
    """The update: float32, little endian."""
    signature: bytes
    """The author's, over ``tclearn/update/v1``."""
    proof: bytes = b""
    """The proof file; empty where nothing is proven."""
    payload: bytes = b""
    """What opens the commitment, for the leader alone: a total file of one."""

    @property
    def size_bytes(self) -> int:
        """Bytes on the wire: digests and integers beside the update and its signature."""
        proven = len(self.proof) + len(self.payload)
        return len(self.delta) + len(self.signature) + 2 * len(self.base) + 32 + proven


@dataclass(frozen=True, slots=True)
class QuorumSetMessage:
    """A hospital says whom it trusts, where that is not what the genesis says."""

    node: NodeId
    """Who."""
    quorum_set: QuorumSet
    """Whom."""

    @property
    def size_bytes(self) -> int:
        """Bytes on the wire."""
        return len(encode(quorum_set_value(self.quorum_set))) + len(self.node)


@dataclass(frozen=True, slots=True)
class MissedRequest:
    """A hospital that is behind, or was down, asks what it missed. Not signed: it asks."""

    node: NodeId
    """Who asks."""
    height: int
    """The height of its replica."""
    with_blocks: bool
    """Whether it asks this receiver for blocks, or only for its word on the open slot."""

    @property
    def size_bytes(self) -> int:
        """Bytes on the wire."""
        return len(self.node) + 16


@dataclass(frozen=True, slots=True)
class MissedAnswer:
    """What the asker missed. Nothing of it is believed: every block is checked as an audit does."""

    node: NodeId
    """Who answers."""
    height: int
    """The height of its replica."""
    blocks: tuple[tuple[bytes, tuple[bytes, ...]], ...]
    """Payloads of blocks that follow each other, each with the files that it names."""
    statements: tuple["StatementMessage", ...]
    """What it said itself in the slot that is open for it, and what its leader proposed."""

    @property
    def size_bytes(self) -> int:
        """Bytes on the wire."""
        blocks = sum(len(payload) + sum(map(len, files)) for payload, files in self.blocks)
        return 16 + blocks + sum(each.size_bytes for each in self.statements)


Message = StatementMessage | UpdateMessage
Errand = QuorumSetMessage | MissedRequest | MissedAnswer
"""What is not part of a slot."""


def statement_message(
    signed: Signed[Statement],
    draft: Draft | None,
    chain_id: Digest,
    quorum_set: Digest,
    supporting: tuple[Signed[Statement], ...] = (),
    *,
    again: bool = False,
) -> StatementMessage:
    """Wrap a signed statement, measuring it once for all receivers."""
    size = sum(
        len(encode(signing_fields(each.statement, chain_id, each.node, quorum_set)[1]))
        + len(each.signature)
        for each in (signed, *supporting)
    )
    if draft is not None:
        seals = sum(len(seal.signature) + len(seal.node) for seal in draft.attestations)
        size += len(encode(core_value(draft.core))) + sum(map(len, draft.files)) + seals
    return StatementMessage(signed, draft, size, supporting, again)


def describe(message: Message) -> tuple[str, NodeId, int]:
    """Kind, author and slot of a message, for the trace."""
    if isinstance(message, UpdateMessage):
        return "update", message.entry.author, message.slot
    signed = message.signed
    return kind_of(signed.statement), signed.node, message.slot
