"""What one instance puts on the network, counted by what it is for.

The network counts by sender and receiver; the sums over both are equal.
"""

from collections.abc import Mapping

from consensus.statements import Proposal, Verdict
from ledger.candidate import ModelCandidate

from .channel import Traffic
from .network import Network
from .notary import CosignatureMessage, HeadMessage
from .stages import Freight
from .wire import (
    Draft,
    Errand,
    Message,
    MissedAnswer,
    MissedRequest,
    QuorumSetMessage,
    StatementMessage,
    UpdateMessage,
)

Mail = Message | Errand | HeadMessage | CosignatureMessage
"""Everything that hospitals send each other."""


class Outbox:
    """Sends for one instance."""

    def __init__(self, instance: str, network: Network[Mail]) -> None:
        self._instance = instance
        self._network = network
        self._messages: dict[Freight, int] = {}
        self._sizes: dict[Freight, int] = {}

    def send(self, peer: str, message: Mail, slot: int | None = None) -> None:
        """Send a message to one peer at once."""
        self._count(message, 1)
        self._network.send(self._instance, peer, message, message.size_bytes, slot)

    def broadcast(self, peers: tuple[str, ...], message: StatementMessage) -> None:
        """Send a message to each peer in turn; best with the same tuple each time."""
        self._count(message, len(peers))
        size_bytes, slot = message.size_bytes, message.slot
        self._network.broadcast(self._instance, peers, message, size_bytes, slot)

    def sent(self) -> Mapping[Freight, Traffic]:
        """What was sent so far, by what it was for, in the order of the stages.

        Models and proofs travel inside other messages and count as bytes alone.
        """
        return {
            each: Traffic(self._messages.get(each, 0), self._sizes[each])
            for each in Freight
            if each in self._sizes
        }

    def _count(self, message: Mail, copies: int) -> None:
        freight, parts = _parts(message)
        rest = message.size_bytes
        for part, size_bytes in parts:
            rest -= size_bytes
            self._sizes[part] = self._sizes.get(part, 0) + size_bytes * copies
        self._sizes[freight] = self._sizes.get(freight, 0) + rest * copies
        self._messages[freight] = self._messages.get(freight, 0) + copies


def _parts(message: Mail) -> tuple[Freight, tuple[tuple[Freight, int], ...]]:
    """What a message is for, and how many bytes in it are for something else."""
    match message:
        case StatementMessage():
            return _freight_of(message), () if message.draft is None else _files_of(message.draft)
        case UpdateMessage():
            proven = len(message.proof) + len(message.payload)
            return Freight.UPDATE, ((Freight.PROOF, proven),) if proven else ()
        case MissedRequest() | MissedAnswer():
            return Freight.CATCH_UP, ()
        case HeadMessage() | CosignatureMessage():
            return Freight.CHECKPOINT, ()
        case QuorumSetMessage():
            return Freight.QUORUM_SET, ()


def _freight_of(message: StatementMessage) -> Freight:
    match message.signed.statement:
        case Proposal():
            return Freight.PROPOSAL
        case Verdict():
            return Freight.VERDICT
        case _:
            return Freight.VOTE


def _files_of(draft: Draft) -> tuple[tuple[Freight, int], ...]:
    """The model and the proofs of a proposal; the files of a notice are part of it."""
    if not isinstance(draft.candidate, ModelCandidate):
        return ()
    proven = sum(map(len, draft.files)) - len(draft.file)
    model = (Freight.MODEL, len(draft.file))
    return (model, (Freight.PROOF, proven)) if proven else (model,)
