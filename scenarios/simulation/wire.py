"""What hospitals send each other, with the sizes that count on the wire.

A message is a value; its size is that of its real bytes: the encoded statement, its signature, and
the model or update that travels with it.
"""

from dataclasses import dataclass

from consensus.messages import Statement, signing_fields
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


@dataclass(frozen=True, slots=True)
class StatementMessage:
    """A signed statement of the consensus protocol."""

    signed: Signed[Statement]
    """The statement, its author and the signature."""
    draft: Draft | None
    """Travels with a `Proposal`, and with nothing else."""
    size_bytes: int
    """Bytes on the wire."""

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

    @property
    def size_bytes(self) -> int:
        """Bytes on the wire: digests and integers beside the update and its signature."""
        return len(self.delta) + len(self.signature) + 2 * len(self.base) + 32


Message = StatementMessage | UpdateMessage


def statement_message(
    signed: Signed[Statement], draft: Draft | None, chain_id: Digest, quorum_set: Digest
) -> StatementMessage:
    """Wrap a signed statement, measuring it once for all receivers."""
    _, fields = signing_fields(signed.statement, chain_id, signed.node, quorum_set)
    size = len(encode(fields)) + len(signed.signature)
    if draft is not None:
        seals = sum(len(seal.signature) + len(seal.node) for seal in draft.attestations)
        size += len(encode(core_value(draft.core))) + len(draft.file) + seals
    return StatementMessage(signed, draft, size)


def describe(message: Message) -> tuple[str, NodeId, int]:
    """Kind, author and slot of a message, for the trace."""
    if isinstance(message, UpdateMessage):
        return "update", message.entry.author, message.slot
    signed = message.signed
    return type(signed.statement).__name__.lower(), signed.node, message.slot
